//! The HTTP server of a row.

use testkit::process::{Deployment, Worker};

use super::way::Target;

/// A running `scrip http`.
pub struct HttpServer {
    pub process: Worker,
    address: String,
}

impl HttpServer {
    /// Starts a server at this address, and waits until it accepts commands.
    pub(super) async fn start(deployment: &Deployment, address: String) -> Self {
        let process = deployment.start(&["http", "--listen", &address]);
        process.wait_for("HTTP server connected").await;
        Self { process, address }
    }

    /// Kills the server and starts another one at its address.
    pub async fn kill_and_start(self, deployment: &Deployment) -> Self {
        self.process.kill().await;
        Self::start(deployment, self.address).await
    }

    /// The target of producers that send to this URL, which leads to the server.
    pub(super) async fn target(&self, deployment: &Deployment, url: &str) -> Target {
        let token = ["token", "create", "load", "--role", "admin"];
        let token = deployment.succeed(&token).await.trim().to_owned();
        let address = url.trim_start_matches("http://").to_owned();
        Target::Http { address, token }
    }
}

/// An address that nothing listens at.
pub(super) fn free_address() -> String {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    free.local_addr().expect("an address").to_string()
}
