//! A worker, an HTTP server, and tokens.

use std::net::SocketAddr;

use producer_sdk::{Client, Options};
use serde_json::{Value, json};
use testkit::{
    broker::{TIMEOUT, TestBroker, broker_url},
    db::TestDatabase,
    process::{Deployment, Worker},
};
use tokio::time::timeout;

use crate::client::{Request, Response, post};

/// The queue and the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// RabbitMQ and PostgreSQL: `scrip run` and `scrip http`.
    Servers,
    /// One SQLite file: `scrip run --http`.
    File,
}

pub const BOTH: [On; 2] = [On::Servers, On::File];

/// A worker and an HTTP server.
pub struct Fixture {
    pub address: SocketAddr,
    pub deployment: Deployment,
    /// The process that serves HTTP; on a file also the worker.
    pub server: Option<Worker>,
    /// The worker on servers.
    pub worker: Option<Worker>,
    pub database: Option<TestDatabase>,
    pub broker: Option<TestBroker>,
}

impl Fixture {
    pub async fn new(on: On) -> Self {
        Self::with(on, &[]).await
    }

    /// A fixture with more settings.
    pub async fn with(on: On, settings: &[(&str, &str)]) -> Self {
        match on {
            On::Servers => Self::on_servers(&broker_url(), settings).await,
            On::File => Self::on_file(settings).await,
        }
    }

    async fn on_file(settings: &[(&str, &str)]) -> Self {
        let mut deployment = Deployment::embedded();
        for (name, value) in settings {
            deployment.set(name, value);
        }
        let server = deployment.start(&["run", "--http", "127.0.0.1:0"]);
        server.wait_for("ready").await;
        server.wait_for("HTTP server connected").await;
        Self {
            address: address(&server).await,
            deployment,
            server: Some(server),
            worker: None,
            database: None,
            broker: None,
        }
    }

    /// A fixture whose HTTP server reaches the broker at `url`.
    pub async fn on_servers(url: &str, settings: &[(&str, &str)]) -> Self {
        let database = TestDatabase::postgres().await.migrated().await;
        let broker = TestBroker::start().await;
        let namespace = broker.topology().namespace().to_owned();
        let mut deployment =
            Deployment::on_servers(broker.url(), &database.worker_url(), &namespace);
        for (name, value) in settings {
            deployment.set(name, value);
        }
        let worker = deployment.ready_worker().await;
        let server = start_reader(&mut deployment, &database, url);
        let address = address(&server).await;
        server.wait_for("HTTP server connected").await;
        Self {
            address,
            deployment,
            server: Some(server),
            worker: Some(worker),
            database: Some(database),
            broker: Some(broker),
        }
    }

    /// Makes a token with these arguments after its name.
    pub async fn token(&self, arguments: &[&str]) -> String {
        let arguments = [&["token", "create", "test"], arguments].concat();
        let text = self.deployment.succeed(&arguments).await;
        text.trim().to_owned()
    }

    /// Makes a token that may do everything.
    pub async fn admin(&self) -> String {
        self.token(&["--role", "admin"]).await
    }

    pub async fn send(&self, request: Request) -> Response {
        request.send(self.address).await
    }

    /// Sends a request that waits for outcomes, again until all of them arrive in time: a slow
    /// machine decides later.
    pub async fn decided(&self, request: Request) -> Value {
        let repeated = async {
            loop {
                let response = self.send(request.clone()).await;
                if response.status != 202 {
                    return response.expect(200);
                }
            }
        };
        timeout(TIMEOUT, repeated).await.expect("outcomes in time")
    }

    /// Gives credits to a user and waits for the outcome.
    pub async fn promote(&self, token: &str, reference: &str, user: &str, amount: i64) {
        let body = grant(reference, user, amount);
        let sent = post("/v1/commands", body.to_string()).token(token).wait();
        let outcome = self.send(sent).await.expect(200);
        assert_eq!(outcome["status"], "completed", "{outcome}");
    }

    /// A client of the same queue, as an app has it.
    pub async fn client(&self) -> Client {
        let connected = if let Some(broker) = &self.broker {
            let options = Options {
                namespace: broker.topology().namespace().to_owned(),
                ..Options::default()
            };
            Client::connect(broker.url(), options).await
        } else {
            let path = self.deployment.folder().join("scrip.db");
            Client::open(path, Options::default()).await
        };
        connected.expect("a client")
    }

    /// Stops everything, and checks the books.
    pub async fn finish(mut self) {
        for process in [self.server.take(), self.worker.take()]
            .into_iter()
            .flatten()
        {
            assert!(process.terminate().await.success());
        }
        self.deployment.succeed(&["verify"]).await;
    }
}

/// Starts `scrip http` with the role that only reads.
fn start_reader(deployment: &mut Deployment, database: &TestDatabase, url: &str) -> Worker {
    let worker_url = database.worker_url();
    deployment.set("AMQP_URL", url);
    deployment.set("DATABASE_URL", &database.url_as("reader"));
    let server = deployment.start(&["http", "--listen", "127.0.0.1:0"]);
    deployment.set("DATABASE_URL", &worker_url);
    deployment.set("AMQP_URL", &broker_url());
    server
}

/// The address that a server logs.
pub async fn address(server: &Worker) -> SocketAddr {
    server.wait_for("serving HTTP").await;
    let log = server.log();
    let line = log.lines().find(|line| line.contains("serving HTTP"));
    let address = line.and_then(|line| line.split_once("address="));
    let (_, address) = address.expect("an address");
    address.trim().parse().expect("an address")
}

pub fn grant(reference: &str, user: &str, amount: i64) -> Value {
    json!({
        "type": "grant", "referenceId": reference, "userId": user,
        "reason": "promotion", "amount": amount,
    })
}

pub fn consume(reference: &str, user: &str, amount: i64) -> Value {
    json!({
        "type": "consume", "referenceId": reference, "userId": user,
        "service": "google:chat", "amount": amount,
    })
}
