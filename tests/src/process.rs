//! Real worker processes: started, watched by their log, killed.

use std::{
    path::{Path, PathBuf},
    process::{ExitStatus, Output, Stdio},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::watch,
    time::timeout,
};
use uuid::Uuid;

/// Longer than a process may take for anything that it does in a moment.
const PATIENCE: Duration = Duration::from_mins(1);

/// What every worker has said, those that are gone included.
static LOGS: Mutex<Vec<Arc<Mutex<String>>>> = Mutex::new(Vec::new());

/// What the workers since the last call have said, in the order in which they were started.
pub fn take_logs() -> Vec<String> {
    let logs = std::mem::take(&mut *LOGS.lock().expect("not poisoned"));
    let logs = logs.iter().map(|log| log.lock().expect("not poisoned").clone());
    logs.collect()
}

/// The `scrip` program, built as the tests were.
pub fn scrip_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let tests = std::env::current_exe().expect("the path of this program");
        let profile = tests
            .ancestors()
            .find(|folder| folder.join("deps").is_dir())
            .expect("the profile's folder");
        let mut build = std::process::Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--locked", "--workspace", "--bin", "scrip"]);
        build.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        if profile.ends_with("release") {
            build.arg("--release");
        }
        // Build scripts look at what cargo tells a test about its own package, and would take it for a change.
        let of_a_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        for (name, _) in std::env::vars().filter(|(name, _)| of_a_package(name)) {
            build.env_remove(name);
        }
        assert!(
            build.status().expect("cargo runs").success(),
            "`cargo build -p scrip` failed"
        );
        profile.join("scrip")
    })
}

/// Where commands and workers of one test run: their environment, configuration and files.
pub struct Deployment {
    folder: PathBuf,
    environment: Vec<(String, String)>,
}

impl Deployment {
    /// On RabbitMQ and PostgreSQL.
    pub fn on_servers(amqp_url: &str, database_url: &str, namespace: &str) -> Self {
        let mut deployment = Self::embedded();
        deployment.set("AMQP_URL", amqp_url);
        deployment.set("DATABASE_URL", database_url);
        deployment.set("SCRIP_NAMESPACE", namespace);
        deployment
    }

    /// On one SQLite file.
    pub fn embedded() -> Self {
        let folder = std::env::temp_dir().join(format!("scrip-test-{}", Uuid::now_v7().simple()));
        std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
        std::fs::write(
            folder.join("scrip.toml"),
            "[prices]\n\"llm:tokens\" = { credits = 1, per = 1000 }\n",
        )
        .expect("the temporary folder is writable");
        let mut deployment = Self {
            environment: Vec::new(),
            folder,
        };
        let folder = deployment.folder.display().to_string();
        deployment.set("SCRIP_CONFIG", &format!("{folder}/scrip.toml"));
        deployment.set("SCRIP_DATA_DIR", &folder);
        deployment
    }

    /// Sets a variable of the environment.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The `scrip` program with these arguments, in an environment that holds nothing else of ours.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(scrip_program());
        for name in [
            "AMQP_URL",
            "DATABASE_URL",
            "REDIS_URL",
            "SCRIP_NAMESPACE",
            "SCRIP_CONFIG",
            "SCRIP_ACTOR",
            "RUST_LOG",
            "SSL_CERT_FILE",
            "SSL_CERT_DIR",
        ] {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .envs(self.environment.iter().cloned())
            .current_dir(&self.folder);
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output();
        timeout(PATIENCE * 5, output)
            .await
            .expect("an end in time")
            .expect("the program runs")
    }

    /// Runs a command that must succeed, and returns what it printed.
    pub async fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(
            output.status.success(),
            "scrip {arguments:?}: {}\n{out}\n{err}",
            output.status
        );
        out.into_owned()
    }

    /// Runs a command that must fail, and returns what it printed.
    pub async fn fail(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(!output.status.success(), "scrip {arguments:?} succeeds: {text}");
        text
    }

    /// Starts a worker.
    pub fn worker(&self) -> Worker {
        let mut command = self.command(&["run"]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the worker starts");
        let log = Arc::<Mutex<String>>::default();
        LOGS.lock().expect("not poisoned").push(log.clone());
        let (sender, lines) = watch::channel(0);
        let sender = Arc::new(sender);
        if let Some(out) = child.stdout.take() {
            tokio::spawn(collect(out, log.clone(), sender.clone()));
        }
        if let Some(err) = child.stderr.take() {
            tokio::spawn(collect(err, log.clone(), sender));
        }
        Worker { child, log, lines }
    }

    /// Starts a worker and waits until it serves.
    pub async fn ready_worker(&self) -> Worker {
        let worker = self.worker();
        worker.wait_for("ready").await;
        worker
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn collect(from: impl AsyncRead + Unpin, log: Arc<Mutex<String>>, told: Arc<watch::Sender<usize>>) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut log = log.lock().expect("not poisoned");
        log.push_str(&line);
        log.push('\n');
        drop(log);
        told.send_modify(|lines| *lines += 1);
    }
}

/// A running worker. Dropped, it is killed.
pub struct Worker {
    child: Child,
    log: Arc<Mutex<String>>,
    lines: watch::Receiver<usize>,
}

impl Worker {
    /// What it has said so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("not poisoned").clone()
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("a running worker")
    }

    /// Waits until it has said `text`.
    pub async fn wait_for(&self, text: &str) {
        let mut lines = self.lines.clone();
        let said = timeout(PATIENCE, async {
            while !self.log().contains(text) {
                if lines.changed().await.is_err() {
                    break;
                }
            }
        });
        assert!(
            said.await.is_ok() && self.log().contains(text),
            "it never said {text:?}:\n{}",
            self.log()
        );
    }

    /// SIGKILL: it ends at whatever instruction it is.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("killed");
    }

    /// Sends a signal: `STOP`, `CONT`.
    pub async fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        kill.args([&format!("-{name}"), &self.pid().to_string()]);
        assert!(kill.status().await.expect("kill runs").success());
    }

    /// How often it has said `text`.
    pub fn times_said(&self, text: &str) -> usize {
        self.log().matches(text).count()
    }

    /// Waits until it has said `text` more than `times` times.
    pub async fn wait_for_more(&self, text: &str, times: usize) {
        let mut lines = self.lines.clone();
        let said = timeout(PATIENCE * 2, async {
            while self.times_said(text) <= times {
                if lines.changed().await.is_err() {
                    break;
                }
            }
        });
        assert!(
            said.await.is_ok() && self.times_said(text) > times,
            "it did not say {text:?} more than {times} times:\n{}",
            self.log()
        );
    }

    /// SIGTERM: it finishes what it has begun.
    pub async fn terminate(self) -> ExitStatus {
        self.signal("TERM").await;
        self.ended().await
    }

    /// Waits for its end.
    pub async fn ended(mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait())
            .await
            .expect("an end in time")
            .expect("a status")
    }
}
