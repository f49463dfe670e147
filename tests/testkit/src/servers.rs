//! Throw-away servers that a test may stop and kill. The scripts in `tests/servers` run them.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{io::AsyncWriteExt, process::Command};
use uuid::Uuid;

use crate::{certificates::Certificates, sources::root};

/// A throw-away server with its data in a temporary folder.
pub struct Server {
    kind: &'static str,
    folder: PathBuf,
    url: String,
}

impl Server {
    /// Starts a server of the kind `postgres`, `rabbitmq` or `redis` on a free port.
    pub async fn start(kind: &'static str) -> Self {
        Self::launch(kind, Command::new(Self::script(kind))).await
    }

    /// Starts a server with TLS. Its URL is for TLS. Without TLS clients use [`Server::port`].
    pub async fn start_with_tls(kind: &'static str, certificates: &Certificates) -> Self {
        let mut script = Command::new(Self::script(kind));
        script.env("SCRIP_TEST_TLS", certificates.folder());
        Self::launch(kind, script).await
    }

    /// Starts a `postgres` server with additional options: `-c NAME=VALUE ...`.
    pub async fn postgres_with(options: &str) -> Self {
        let mut script = Command::new(Self::script("postgres"));
        script.env("SCRIP_TEST_POSTGRES", options);
        Self::launch("postgres", script).await
    }

    pub(crate) async fn launch(kind: &'static str, mut script: Command) -> Self {
        let parent =
            std::env::var_os("SCRIP_TEST_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
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

    /// The URL for clients.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The port for clients without TLS.
    pub fn port(&self) -> u16 {
        let port = std::fs::read_to_string(self.folder.join("port")).expect("it has been started");
        port.trim().parse().expect("a port")
    }

    /// Stops the server cleanly and starts it again.
    pub async fn restart(&mut self) {
        self.run_script("stop").await;
        self.run_script("start").await;
    }

    /// Kills the server and starts it again.
    pub async fn kill_and_start(&mut self) {
        self.kill().await;
        self.bring_back().await;
    }

    /// Kills the server.
    pub async fn kill(&mut self) {
        self.run_script("kill").await;
    }

    /// Starts the server again at the same address, with its data.
    pub async fn bring_back(&mut self) {
        self.run_script("start").await;
    }

    /// Starts the server again at the same address, without any data.
    pub async fn bring_back_empty(&mut self) {
        for data in ["appendonlydir", "data"] {
            let _ = std::fs::remove_dir_all(self.folder.join(data));
        }
        self.bring_back().await;
    }

    /// Stops the server cleanly.
    pub async fn stop(&mut self) {
        self.run_script("stop").await;
    }

    /// Sends a signal to all processes of a server from packages, by its name, such as `STOP`.
    pub async fn signal(&self, name: &str) {
        let mut command = Command::new(Self::script(self.kind));
        command.arg("signal").arg(&self.folder).arg(name);
        output(command).await;
    }

    /// Runs `rabbitmqctl` against a `rabbitmq` server and returns its output.
    pub async fn ctl(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(Self::script(self.kind));
        command.arg("ctl").arg(&self.folder).args(arguments);
        output(command).await
    }

    /// Runs `rabbitmqctl` against a `rabbitmq` server with `input` as its standard input.
    pub async fn administer(&self, arguments: &[&str], input: &str) {
        let mut command = Command::new(Self::script(self.kind));
        command.arg("ctl").arg(&self.folder).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command
            .stderr(Stdio::piped())
            .spawn()
            .expect("the script runs");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(input.as_bytes()).await.expect("it reads");
        drop(stdin);
        let output = child.wait_with_output().await.expect("an end");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{} {arguments:?}: {error}",
            self.kind
        );
    }

    /// The folder with its data.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn script(kind: &str) -> PathBuf {
        root().join("tests/servers").join(kind)
    }

    async fn run_script(&self, verb: &str) -> String {
        let mut command = Command::new(Self::script(self.kind));
        command.arg(verb).arg(&self.folder);
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
        // A suspended server would not stop.
        for arguments in [&["signal", "CONT"][..], &["stop"]] {
            let _ = std::process::Command::new(Self::script(self.kind))
                .arg(arguments[0])
                .arg(&self.folder)
                .args(&arguments[1..])
                .output();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
