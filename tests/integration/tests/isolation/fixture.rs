//! A broker with the users that `scrip topology user` prints, a database, and the deployment of a
//! worker.

use std::process::Stdio;

use lapin::{
    Channel, Connection, ConnectionProperties, options::QueueDeclareOptions, types::FieldTable,
};
use producer_sdk::{Client, Options, contract::Topology};
use testkit::{db::TestDatabase, process::Deployment, servers::Server};
use tokio::io::AsyncWriteExt;

use crate::case::MALLORY;

/// A user whose queries have the largest results.
pub const WHALE: &str = "whale";
/// The number of batches of that user.
pub const BATCHES: usize = 2_000;
const NAMESPACE: &str = "till.v1";
const SHARDS: u32 = 2;

/// The broker, the database and the deployment.
pub struct Fixture {
    server: Server,
    pub topology: Topology,
    pub database: TestDatabase,
    pub deployment: Deployment,
    administrator: Channel,
    _connection: Connection,
}

impl Fixture {
    pub async fn new() -> Self {
        let server = Server::start("rabbitmq").await;
        let database = TestDatabase::postgres().await.migrated().await;
        let mut deployment =
            Deployment::on_servers(&url(&server, "worker"), &database.worker_url(), NAMESPACE);
        deployment.set("SCRIP__WORKER__SHARDS", &SHARDS.to_string());
        deployment.set("SCRIP__LOGGING__FORMAT", "json");
        for (kind, name) in [
            ("worker", "worker"),
            ("app", "app"),
            ("bridge", "bridge"),
            ("app", MALLORY),
        ] {
            let definitions = definitions_of(&deployment, kind, name).await;
            server
                .administer(&["import_definitions"], &definitions)
                .await;
        }
        deployment.succeed(&["topology", "declare"]).await;
        let connection = Connection::connect(server.url(), ConnectionProperties::default()).await;
        let connection = connection.expect("the administrator");
        let administrator = connection.create_channel().await.expect("a channel");
        Self {
            topology: Topology::new(NAMESPACE, SHARDS).expect("a good namespace"),
            database,
            deployment,
            server,
            administrator,
            _connection: connection,
        }
    }

    /// The URL of the broker for a user.
    pub fn url(&self, user: &str) -> String {
        url(&self.server, user)
    }

    /// A connection of the administrator.
    pub async fn administrator(&self) -> Connection {
        let connection =
            Connection::connect(self.server.url(), ConnectionProperties::default()).await;
        connection.expect("the administrator")
    }

    /// A client with the account of a user.
    pub async fn client(&self, user: &str) -> Client {
        let options = Options {
            namespace: NAMESPACE.to_owned(),
            ..Options::default()
        };
        let client = Client::connect(&self.url(user), options).await;
        client.expect("a user of the broker")
    }

    /// The number of ready messages in a queue.
    pub async fn ready_in(&self, queue: &str) -> usize {
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let declared = self
            .administrator
            .queue_declare(queue.into(), passive, FieldTable::default())
            .await;
        let count = declared.expect("the queue exists").message_count();
        usize::try_from(count).expect("a small number")
    }
}

fn url(server: &Server, user: &str) -> String {
    server
        .url()
        .replace("guest:guest", &format!("{user}:of-{user}"))
}

/// The output of `scrip topology user`. Its permissions are those that `scrip topology permissions`
/// prints.
async fn definitions_of(deployment: &Deployment, kind: &str, name: &str) -> String {
    let mut command = deployment.command(&["topology", "user", kind, name]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    let password = format!("of-{name}\n");
    stdin
        .write_all(password.as_bytes())
        .await
        .expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().await.expect("an end");
    assert!(output.status.success(), "{kind} {name}");
    String::from_utf8(output.stdout).expect("text")
}
