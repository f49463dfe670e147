//! Processes of `scrip`, and the peak memory of each.

use std::{
    pin::pin,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::Value;
use testkit::{memory::Memory, process::Deployment};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::{interval, timeout},
};

/// The interval at which the memory of a command is sampled.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// The time limit for the start and the stop of a worker.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The peak memory of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peak(Memory);

impl Peak {
    /// The limit for every process, in MB.
    pub const BOUND: u32 = 200;

    /// The peak in MB of a million bytes.
    pub fn megabytes(self) -> f64 {
        self.0.megabytes()
    }

    /// The peak of a process; `None` if the process has ended.
    fn of_process(pid: u32) -> Option<Self> {
        Memory::peak_of(pid).map(Self)
    }
}

/// The result of a command that has ended.
#[derive(Debug)]
pub struct Ended {
    pub seconds: f64,
    pub peak: Peak,
    /// The JSON on standard output.
    pub printed: Value,
}

/// Runs a command that must succeed, without a time limit.
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
    let mut poll = interval(POLL_INTERVAL);
    let mut peak = None;
    let output = loop {
        tokio::select! {
            output = &mut ending => break output.expect("an end"),
            _ = poll.tick() => peak = Peak::of_process(pid).or(peak),
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
        peak: peak.expect("a process in /proc"),
        printed: serde_json::from_str(&out).expect("JSON"),
    }
}

/// A running worker. It is killed when it is dropped.
#[derive(Debug)]
pub struct Serving {
    child: Child,
    pid: u32,
}

impl Serving {
    /// Starts a worker and waits until it is ready. Warnings and errors of its log go to stderr.
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
                print_unusual(&line);
                if line.ends_with(" ready") {
                    return true;
                }
            }
            false
        };
        let ready = timeout(TIMEOUT, ready).await.expect("ready in time");
        assert!(ready, "the worker ended");
        tokio::spawn(async move {
            while let Ok(Some(line)) = log.next_line().await {
                print_unusual(&line);
            }
        });
        Self { child, pid }
    }

    /// Stops the worker and returns its peak memory.
    pub async fn stop(mut self) -> Peak {
        let peak = Peak::of_process(self.pid).expect("a running worker");
        let pid = self.pid.to_string();
        let kill = Command::new("kill").args(["-TERM", &pid]).status().await;
        assert!(kill.expect("kill runs").success());
        let ended = timeout(TIMEOUT, self.child.wait()).await;
        let status = ended.expect("an end in time").expect("a status");
        assert!(status.success(), "the worker ended with {status}");
        peak
    }
}

fn print_unusual(line: &str) {
    if !line.contains(" INFO ") {
        eprintln!("worker: {line}");
    }
}
