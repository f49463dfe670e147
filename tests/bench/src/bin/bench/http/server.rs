//! `scrip http` on the ledger and the broker of a measurement.

use std::net::SocketAddr;

use testkit::{
    broker::TestBroker,
    process::{Deployment, Worker},
};

use crate::ledger::Ledger;

/// A running server, and a token for it.
pub struct Server {
    process: Worker,
    /// Keeps the files of the process.
    _deployment: Deployment,
    pub address: SocketAddr,
    pub token: String,
}

impl Server {
    /// Starts a server and waits until it can publish.
    pub async fn start(broker: &TestBroker, ledger: &Ledger) -> Self {
        let topology = broker.topology();
        let url = ledger.database.url();
        let mut deployment = Deployment::on_servers(broker.url(), url, topology.namespace());
        deployment.set("SCRIP__WORKER__SHARDS", &topology.shards().to_string());
        let token = ["token", "create", "bench", "--role", "admin"];
        let token = deployment.succeed(&token).await.trim().to_owned();
        let process = deployment.start(&["http", "--listen", "127.0.0.1:0"]);
        process.wait_for("serving HTTP").await;
        process.wait_for("HTTP server connected").await;
        let log = process.log();
        let address = log
            .lines()
            .find(|line| line.contains("serving HTTP"))
            .and_then(|line| line.split_once("address="));
        let (_, address) = address.expect("an address");
        Self {
            address: address.trim().parse().expect("an address"),
            process,
            _deployment: deployment,
            token,
        }
    }

    /// Stops the server; panics if a request is unfinished.
    pub async fn stop(self) {
        assert!(self.process.terminate().await.success(), "the server stops");
    }
}
