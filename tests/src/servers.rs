//! Throw-away servers that a test may stop and kill: `tests/servers/*`.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{io::AsyncWriteExt, process::Command};
use uuid::Uuid;

/// A throw-away server with its data in a temporary folder.
pub struct Server {
    kind: &'static str,
    folder: PathBuf,
    url: String,
}

impl Server {
    /// Starts a `postgres`, `rabbitmq` or `redis` on a free port.
    pub async fn start(kind: &'static str) -> Self {
        let parent = std::env::var_os("SCRIP_TEST_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let folder = parent.join(format!("{kind}-{}", Uuid::now_v7().simple()));
        let mut server = Self {
            kind,
            folder,
            url: String::new(),
        };
        server.url = server.tell("start").await;
        server
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
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
        let output = command.output().await.expect("the script runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} {what}: {error}", self.kind);
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
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
