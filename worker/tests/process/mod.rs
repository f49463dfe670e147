//! The program as a process: started, talked to, killed.

pub mod bodies;
pub mod commands;
pub mod look;
pub mod payment;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use uuid::Uuid;

const TIMEOUT: Duration = Duration::from_mins(1);

/// A folder of a test's own, with the environment of a user who has only the program.
pub struct Home {
    folder: PathBuf,
    variables: Vec<(String, String)>,
}

/// What a process said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// A running `scrip run`.
pub struct Worker {
    child: Child,
    log: Receiver<String>,
    seen: Vec<String>,
}

impl Home {
    pub fn new() -> Self {
        let folder =
            std::env::temp_dir().join(format!("scrip-process-{}", Uuid::now_v7().simple()));
        fs::create_dir(&folder).expect("the temporary folder is writable");
        Self {
            folder,
            variables: Vec::new(),
        }
    }

    /// The same with another variable.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The embedded default's file.
    pub fn database(&self) -> PathBuf {
        self.folder.join("scrip/scrip.db")
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, text).expect("the folder is writable");
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scrip"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", &self.folder)
            .env("XDG_DATA_HOME", &self.folder)
            .envs(self.variables.iter().cloned())
            .current_dir(&self.folder);
        command
    }

    /// Runs it to its end.
    pub fn scrip(&self, arguments: &[&str]) -> Said {
        let output = self
            .command(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("it starts");
        said(&output)
    }

    /// Runs it to its end with something to read.
    pub fn scrip_reading(&self, arguments: &[&str], input: &str) -> Said {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(input.as_bytes()).expect("it reads");
        drop(stdin);
        said(&child.wait_with_output().expect("it ends"))
    }

    /// Starts one that goes on while the test does.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts")
    }

    /// Starts a worker.
    pub fn worker(&self) -> Worker {
        let mut child = self
            .command(&["run"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let stderr = child.stderr.take().expect("piped");
        let (sender, log) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Worker {
            child,
            log,
            seen: Vec::new(),
        }
    }

    /// A worker that serves.
    pub fn ready_worker(&self) -> Worker {
        let mut worker = self.worker();
        worker.wait_for("ready");
        worker
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Worker {
    /// Waits until it logs a line with `text` in it, which it gives.
    pub fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.log.recv_timeout(left) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(error) => panic!(
                    "{error}: the worker never said {text:?}, but: {:#?}",
                    self.seen
                ),
            }
        }
    }

    /// Ends it at once, as a power failure does.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Asks it to end.
    pub fn terminate(mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status();
        assert!(asked.expect("there is a kill").success());
        self.child.wait().expect("it ends")
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Said {
    /// The same, if it succeeded.
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }

    /// What it wrote as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// A field that is a list.
pub fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().expect("a list")
}

/// The output of a process that ended.
pub fn said(output: &std::process::Output) -> Said {
    Said {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Looks every few milliseconds until `look` finds something; for states that nobody tells about.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The broker of the tests.
pub fn amqp_url() -> String {
    std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://guest:guest@127.0.0.1:5672/%2f".to_owned())
}

/// The database of the tests.
pub fn database_url() -> String {
    std::env::var("DATABASE_URL")
        .unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".to_owned())
}

/// A database of a test's own.
pub struct Database {
    pub url: String,
    name: String,
}

impl Database {
    pub fn create() -> Self {
        let name = format!("scrip_test_{}", Uuid::now_v7().simple());
        execute(&format!("CREATE DATABASE {name}"));
        let server = database_url();
        let (server, _) = server.rsplit_once('/').expect("a database in the URL");
        Self {
            url: format!("{server}/{name}"),
            name,
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        execute(&format!(
            "DROP DATABASE IF EXISTS {} WITH (FORCE)",
            self.name
        ));
    }
}

/// A namespace on the broker of a test's own.
pub struct Namespace(pub String);

impl Namespace {
    pub fn new() -> Self {
        Self(format!("test-{}", Uuid::now_v7().simple()))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let topology =
            producer_sdk::contract::Topology::new(self.0.as_str(), 1).expect("a good name");
        block_on(async {
            scrip::transport::amqp::remove_at(&amqp_url(), &topology)
                .await
                .expect("a broker");
        });
    }
}

fn execute(sql: &str) {
    use sea_orm::ConnectionTrait;
    block_on(async {
        let connection = sea_orm::Database::connect(database_url())
            .await
            .expect("a server");
        connection.execute_unprepared(sql).await.expect("it may");
    });
}

fn block_on(doing: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(doing);
}
