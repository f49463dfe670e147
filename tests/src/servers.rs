//! Throw-away servers that a test may stop and kill: `tests/servers/*`.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{io::AsyncWriteExt, process::Command};
use uuid::Uuid;

use crate::certificates::Certificates;

/// A throw-away server with its data in a temporary folder.
pub struct Server {
    kind: &'static str,
    folder: PathBuf,
    url: String,
}

impl Server {
    /// Starts a `postgres`, `rabbitmq` or `redis` on a free port.
    pub async fn start(kind: &'static str) -> Self {
        Self::begin(kind, Command::new(Self::script(kind))).await
    }

    /// The same with TLS, for which its URL is, and without on another port or on demand.
    pub async fn start_with_tls(kind: &'static str, certificates: &Certificates) -> Self {
        let mut script = Command::new(Self::script(kind));
        script.env("SCRIP_TEST_TLS", certificates.folder());
        Self::begin(kind, script).await
    }

    /// A `postgres` whose program has these options besides: `-c NAME=VALUE ...`.
    pub async fn postgres_with(options: &str) -> Self {
        let mut script = Command::new(Self::script("postgres"));
        script.env("SCRIP_TEST_POSTGRES", options);
        Self::begin("postgres", script).await
    }

    async fn begin(kind: &'static str, mut script: Command) -> Self {
        let parent = std::env::var_os("SCRIP_TEST_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let folder = parent.join(format!("{kind}-{}", Uuid::now_v7().simple()));
        let mut server = Self {
            kind,
            folder,
            url: String::new(),
        };
        script.arg("start").arg(&server.folder);
        server.url = output(script).await;
        server
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The port for clients without TLS.
    pub fn port(&self) -> u16 {
        let port = std::fs::read_to_string(self.folder.join("port")).expect("it has been started");
        port.trim().parse().expect("a port")
    }

    /// Stops it as its operator would, and starts it again.
    pub async fn restart(&mut self) {
        self.tell("stop").await;
        self.tell("start").await;
    }

    /// Kills it, and starts it again.
    pub async fn kill_and_start(&mut self) {
        self.kill().await;
        self.bring_back().await;
    }

    /// Kills it.
    pub async fn kill(&mut self) {
        self.tell("kill").await;
    }

    /// Starts it again, where it was and with its data.
    pub async fn bring_back(&mut self) {
        self.tell("start").await;
    }

    /// Starts it again where it was, and with nothing in it.
    pub async fn bring_back_empty(&mut self) {
        for data in ["appendonlydir", "data"] {
            let _ = std::fs::remove_dir_all(self.folder.join(data));
        }
        self.bring_back().await;
    }

    /// Stops it as its operator would.
    pub async fn stop(&mut self) {
        self.tell("stop").await;
    }

    /// Runs `rabbitmqctl` against a `rabbitmq`, and returns what it printed.
    pub async fn ctl(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(Self::script(self.kind));
        command.arg("ctl").arg(&self.folder).args(arguments);
        output(command).await
    }

    /// Gives a broker's administrator a command, with something to read.
    pub async fn administer(&self, arguments: &[&str], input: &str) {
        let mut command = Command::new(Self::script(self.kind));
        command.arg("ctl").arg(&self.folder).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the script runs");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(input.as_bytes()).await.expect("it reads");
        drop(stdin);
        let output = child.wait_with_output().await.expect("an end");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} {arguments:?}: {error}", self.kind);
    }

    fn script(kind: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("servers").join(kind)
    }

    async fn tell(&self, what: &str) -> String {
        let mut command = Command::new(Self::script(self.kind));
        command.arg(what).arg(&self.folder);
        output(command).await
    }
}

async fn output(mut command: Command) -> String {
    let output = command.output().await.expect("the script runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::process::Command::new(Self::script(self.kind))
            .arg("stop")
            .arg(&self.folder)
            .output();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
