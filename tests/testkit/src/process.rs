//! Real worker processes: tests start them, watch their logs and kill them.

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

use crate::sources::root;

/// The time limit for an action of a process that normally takes a moment.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The logs of all workers, including those that have ended.
static LOGS: Mutex<Vec<Arc<Mutex<String>>>> = Mutex::new(Vec::new());

/// The logs of the workers that were started since the last call, in the order of their start.
pub fn take_logs() -> Vec<String> {
    let logs = std::mem::take(&mut *LOGS.lock().expect("not poisoned"));
    let logs = logs
        .iter()
        .map(|log| log.lock().expect("not poisoned").clone());
    logs.collect()
}

/// The path of the `scrip` program. It is built with the profile of the tests.
pub fn scrip_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let tests = std::env::current_exe().expect("the path of this program");
        let profile = tests
            .ancestors()
            .find(|folder| folder.join("deps").is_dir())
            .expect("the profile's folder");
        let mut build = std::process::Command::new(env!("CARGO"));
        build.args([
            "build",
            "--quiet",
            "--locked",
            "--workspace",
            "--bin",
            "scrip",
        ]);
        build.current_dir(root());
        if profile.ends_with("release") {
            build.arg("--release");
        }
        // Cargo sets variables that describe the package of the test. Build scripts read them and
        // would take them for a change.
        let of_a_package =
            |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
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

/// The environment, configuration and files of the commands and workers of one test.
pub struct Deployment {
    folder: PathBuf,
    environment: Vec<(String, String)>,
}

impl Deployment {
    /// A deployment on RabbitMQ and PostgreSQL.
    pub fn on_servers(amqp_url: &str, database_url: &str, namespace: &str) -> Self {
        let mut deployment = Self::embedded();
        deployment.set("AMQP_URL", amqp_url);
        deployment.set("DATABASE_URL", database_url);
        deployment.set("SCRIP_NAMESPACE", namespace);
        deployment
    }

    /// A deployment on one SQLite file.
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

    /// Sets an environment variable for programs that are started from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// The folder with the configuration and the data.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The `scrip` program with `arguments`. Settings in the environment of the test do not apply.
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

    /// Runs a command and waits for its end.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output();
        timeout(TIMEOUT * 5, output)
            .await
            .expect("an end in time")
            .expect("the program runs")
    }

    /// Runs a command that must succeed, and returns its standard output.
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

    /// Runs a command that must fail, and returns its standard output and error.
    pub async fn fail(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(
            !output.status.success(),
            "scrip {arguments:?} succeeds: {text}"
        );
        text
    }

    /// Starts a worker.
    pub fn worker(&self) -> Worker {
        self.start(&["run"])
    }

    /// Starts `scrip` with arguments by which it runs until it is stopped.
    pub fn start(&self, arguments: &[&str]) -> Worker {
        Worker::spawn(self.command(arguments))
    }

    /// Starts a worker and waits until it logs that it is ready.
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

async fn collect(
    from: impl AsyncRead + Unpin,
    log: Arc<Mutex<String>>,
    count: Arc<watch::Sender<usize>>,
) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut log = log.lock().expect("not poisoned");
        log.push_str(&line);
        log.push('\n');
        drop(log);
        count.send_modify(|lines| *lines += 1);
    }
}

/// A running program, such as a worker. It is killed when it is dropped.
pub struct Worker {
    child: Child,
    log: Arc<Mutex<String>>,
    lines: watch::Receiver<usize>,
}

impl Worker {
    /// Starts a program that runs until it is stopped. Its output is the log.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts");
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
        Self { child, log, lines }
    }

    /// Waits until the log contains `before`, and returns the port that follows the last one.
    pub async fn port_after(&self, before: &str) -> u16 {
        self.wait_for(before).await;
        let log = self.log();
        let after = log.rsplit(before).next().unwrap_or_default();
        let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().expect("a port")
    }

    /// The log up to now.
    pub fn log(&self) -> String {
        self.log.lock().expect("not poisoned").clone()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("a running worker")
    }

    /// Waits until the log contains `text`.
    pub async fn wait_for(&self, text: &str) {
        let mut lines = self.lines.clone();
        let logged = timeout(TIMEOUT, async {
            while !self.log().contains(text) {
                if lines.changed().await.is_err() {
                    break;
                }
            }
        });
        assert!(
            logged.await.is_ok() && self.log().contains(text),
            "the worker never logged {text:?}:\n{}",
            self.log()
        );
    }

    /// Sends SIGKILL, which ends the worker at any instruction.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("killed");
    }

    /// Sends a signal by its name, such as `STOP` or `CONT`.
    pub async fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        kill.args([&format!("-{name}"), &self.pid().to_string()]);
        assert!(kill.status().await.expect("kill runs").success());
    }

    /// The number of times that `text` is in the log.
    pub fn times_logged(&self, text: &str) -> usize {
        self.log().matches(text).count()
    }

    /// Waits until `text` is in the log more than `times` times.
    pub async fn wait_for_more(&self, text: &str, times: usize) {
        let mut lines = self.lines.clone();
        let logged = timeout(TIMEOUT * 2, async {
            while self.times_logged(text) <= times {
                if lines.changed().await.is_err() {
                    break;
                }
            }
        });
        assert!(
            logged.await.is_ok() && self.times_logged(text) > times,
            "the worker did not log {text:?} more than {times} times:\n{}",
            self.log()
        );
    }

    /// Sends SIGTERM, on which the worker finishes its current work, and waits for the end.
    pub async fn terminate(self) -> ExitStatus {
        self.signal("TERM").await;
        self.ended().await
    }

    /// Waits for the end of the process.
    pub async fn ended(mut self) -> ExitStatus {
        timeout(TIMEOUT, self.child.wait())
            .await
            .expect("an end in time")
            .expect("a status")
    }
}
