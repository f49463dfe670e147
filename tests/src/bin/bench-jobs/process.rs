//! Processes of `scrip`, and the most memory that each had.

use std::{
    pin::pin,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::Value;
use tests::{memory::Memory, process::Deployment};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::{interval, timeout},
};

/// How often it is looked how much memory a process needs that ends by itself.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Longer than a worker may take to start or to stop.
const PATIENCE: Duration = Duration::from_mins(1);

/// The most memory that a process had at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peak(Memory);

impl Peak {
    /// What no process may exceed, in MB.
    pub const BOUND: u32 = 200;

    /// In MB, of a million bytes.
    pub fn megabytes(self) -> f64 {
        self.0.megabytes()
    }

    /// That of a process; `None` when it has ended.
    fn of(pid: u32) -> Option<Self> {
        Memory::peak_of(pid).map(Self)
    }
}

/// What a process did that came to its end.
#[derive(Debug)]
pub struct Ended {
    pub seconds: f64,
    pub peak: Peak,
    /// The JSON that it printed.
    pub printed: Value,
}

/// Runs a command that must succeed to its end, however long it takes.
pub async fn run(deployment: &Deployment, arguments: &[&str]) -> Ended {
    let mut command = deployment.command(arguments);
    let started = Instant::now();
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let pid = child.id().expect("a running program");
    let mut ending = pin!(child.wait_with_output());
    let mut look = interval(LOOK_EVERY);
    let mut peak = None;
    let output = loop {
        tokio::select! {
            output = &mut ending => break output.expect("an end"),
            _ = look.tick() => peak = Peak::of(pid).or(peak),
        }
    };
    let seconds = started.elapsed().as_secs_f64();
    let out = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "scrip {arguments:?}: {}\n{out}\n{error}",
        output.status
    );
    Ended {
        seconds,
        peak: peak.expect("/proc tells of processes"),
        printed: serde_json::from_str(&out).expect("JSON"),
    }
}

/// A worker that serves. Dropped, it is killed.
#[derive(Debug)]
pub struct Serving {
    child: Child,
    pid: u32,
}

impl Serving {
    /// Starts a worker and waits until it serves. What is unusual in its log goes to stderr.
    pub async fn start(deployment: &Deployment) -> Self {
        let mut command = deployment.command(&["run"]);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the worker starts");
        let pid = child.id().expect("a running worker");
        let mut log = BufReader::new(child.stderr.take().expect("a log")).lines();
        let ready = async {
            while let Some(line) = log.next_line().await.expect("a log") {
                tell(&line);
                if line.ends_with(" ready") {
                    return true;
                }
            }
            false
        };
        let ready = timeout(PATIENCE, ready).await.expect("ready in time");
        assert!(ready, "the worker ended");
        tokio::spawn(async move {
            while let Ok(Some(line)) = log.next_line().await {
                tell(&line);
            }
        });
        Self { child, pid }
    }

    /// Stops it, and says how much memory it had.
    pub async fn stop(mut self) -> Peak {
        let peak = Peak::of(self.pid).expect("a running worker");
        let pid = self.pid.to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status().await;
        assert!(told.expect("kill runs").success());
        let ended = timeout(PATIENCE, self.child.wait()).await;
        let status = ended.expect("an end in time").expect("a status");
        assert!(status.success(), "the worker ended with {status}");
        peak
    }
}

fn tell(line: &str) {
    if !line.contains(" INFO ") {
        eprintln!("worker: {line}");
    }
}
