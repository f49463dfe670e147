//! The messages that an app can make the broker store, with and without the policies that
//! `scrip topology policies` prints.

use std::time::Duration;

use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicGetOptions, QueueDeclareOptions},
    types::FieldTable,
};
use producer_sdk::{
    Client, Command, Options,
    contract::{QUERY_KEY, Topology},
};
use serde_json::{Value, json};
use testkit::{db::TestDatabase, process::Deployment, servers::Server};
use tokio::time::sleep;

use crate::fixture::{Fixture, NAMESPACE, channel, publish};

/// The limit of the printed policy for a reply queue.
const MOST_BYTES: u64 = 4 << 20;
/// The number of queries. Each has 80 bytes and requests a page of about 400 KB.
const QUERIES: usize = 60;

/// A broker without policies, a worker, and a user with a large history.
struct Amplifier {
    server: Server,
    deployment: Deployment,
    _database: TestDatabase,
    _worker: testkit::process::Worker,
    connection: Connection,
}

impl Amplifier {
    async fn new() -> Self {
        let server = Server::start("rabbitmq").await;
        let database = TestDatabase::postgres().await.migrated().await;
        let deployment = Deployment::on_servers(server.url(), database.url(), NAMESPACE);
        let worker = deployment.ready_worker().await;
        let options = Options {
            namespace: NAMESPACE.to_owned(),
            ..Options::default()
        };
        let client = Client::connect(server.url(), options)
            .await
            .expect("a client");
        let padding = json!({ "padding": "x".repeat(4_000) });
        for n in 0..100 {
            let grant = Command::promotion(format!("g-{n}"), "ada", 1).metadata(&padding);
            assert!(
                client
                    .send(&grant)
                    .await
                    .expect("an outcome")
                    .is_completed()
            );
        }
        client.close().await.expect("closed");
        let connection = Connection::connect(server.url(), ConnectionProperties::default()).await;
        Self {
            connection: connection.expect("a connection"),
            server,
            deployment,
            _database: database,
            _worker: worker,
        }
    }

    /// Requests a large page many times, with a durable server-named reply queue that has no
    /// consumer. Returns the queue and the bytes in it after all replies.
    async fn amplify(&self) -> (String, u64) {
        let channel = channel(&self.connection).await;
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let queue = channel
            .queue_declare("".into(), durable, FieldTable::default())
            .await;
        let queue = queue.expect("a queue").name().to_string();
        let queries = Topology::new(NAMESPACE, 1)
            .expect("a good namespace")
            .queries();
        let body = br#"{"type":"transactions","userId":"ada","pageSize":100}"#;
        for _ in 0..QUERIES {
            let properties = BasicProperties::default().with_reply_to(queue.as_str().into());
            publish(&channel, &queries, QUERY_KEY, body, properties)
                .await
                .expect("taken");
        }
        self.wait_for_last_result(&channel, &queries).await;
        (queue.clone(), self.bytes_in(&queue).await)
    }

    /// Waits for the reply to one more query. The replies to the earlier ones are sent by then, or
    /// shortly afterwards.
    async fn wait_for_last_result(&self, channel: &Channel, queries: &str) {
        let own = channel.queue_declare(
            "".into(),
            QueueDeclareOptions::default(),
            FieldTable::default(),
        );
        let own = own.await.expect("a queue").name().clone();
        let properties = BasicProperties::default().with_reply_to(own.clone());
        let body = br#"{"type":"balance","userId":"ada"}"#;
        publish(channel, queries, QUERY_KEY, body, properties)
            .await
            .expect("taken");
        let got = async {
            loop {
                let got = channel
                    .basic_get(own.clone(), BasicGetOptions { no_ack: true })
                    .await;
                if got.expect("an answer of the broker").is_some() {
                    return;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(testkit::broker::TIMEOUT, got)
            .await
            .expect("an answer");
        sleep(Duration::from_secs(2)).await;
    }

    async fn bytes_in(&self, queue: &str) -> u64 {
        let listed = self.listed(&["list_queues", "name", "message_bytes"]).await;
        let queue_row = listed
            .as_array()
            .expect("a list")
            .iter()
            .find(|row| row["name"] == queue);
        queue_row.expect("the queue")["message_bytes"]
            .as_u64()
            .expect("a number")
    }

    async fn listed(&self, arguments: &[&str]) -> Value {
        let output = self
            .server
            .ctl(&[&["--quiet", "--formatter", "json"], arguments].concat())
            .await;
        serde_json::from_str(&output).unwrap_or_else(|error| panic!("{error}: {output}"))
    }

    /// Runs the printed commands like a shell.
    async fn apply(&self, printed: &str) {
        for line in printed.lines().filter(|line| !line.starts_with('#')) {
            let words = words(line);
            assert_eq!(words[0], "rabbitmqctl", "{line}");
            let words: Vec<&str> = words[1..].iter().map(String::as_str).collect();
            self.server.ctl(&words).await;
        }
    }
}

/// The words of a shell command that has only plain and single-quoted words.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for character in line.chars() {
        match character {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            other => words.last_mut().expect("there is one").push(other),
        }
    }
    words
}

/// Conformance: Broker permissions and senders: Replies expire, and the printed policies limit the
/// data that an app can make the broker keep
/// Conformance: Broker permissions and senders: `scrip topology policies` prints the broker
/// policies, and `docker-compose.yml` has the same policies
#[tokio::test(flavor = "multi_thread")]
async fn the_printed_policies_bound_the_messages_an_app_makes_the_broker_store() {
    let amplifier = Amplifier::new().await;
    let (_, unbounded) = amplifier.amplify().await;
    assert!(unbounded > 4 * MOST_BYTES, "{unbounded} bytes");

    let policies = ["topology", "policies", "--user", "guest"];
    amplifier
        .apply(&amplifier.deployment.succeed(&policies).await)
        .await;
    let (queue, bounded) = amplifier.amplify().await;
    assert!((1..=MOST_BYTES).contains(&bounded), "{bounded} bytes");

    let listed = amplifier.listed(&["list_queues", "name", "policy"]).await;
    let policy = |queue: &str| {
        let mut rows = listed.as_array().expect("a list").iter();
        rows.find(|row| row["name"] == queue).expect("the queue")["policy"].clone()
    };
    assert_eq!(policy(&queue), format!("{NAMESPACE}.replies"));
    assert_eq!(
        policy(&format!("{NAMESPACE}.dead")),
        format!("{NAMESPACE}.dead")
    );
    assert_eq!(
        policy(&format!("{NAMESPACE}.commands.0")),
        format!("{NAMESPACE}.placement")
    );
    let limits = amplifier
        .server
        .ctl(&["list_user_limits", "--user", "guest"])
        .await;
    assert!(
        limits.contains("max-connections") && limits.contains("100"),
        "{limits}"
    );
    let limits = amplifier.server.ctl(&["list_vhost_limits"]).await;
    assert!(
        limits.contains("max-queues") && limits.contains("10000"),
        "{limits}"
    );

    // The output as definitions has the same policies.
    let by_commands = amplifier.listed(&["list_policies"]).await;
    for name in ["replies", "account-replies", "dead"] {
        amplifier
            .server
            .ctl(&["clear_policy", &format!("{NAMESPACE}.{name}")])
            .await;
    }
    let definitions = [&["--json"], &policies[..]].concat();
    let definitions = amplifier.deployment.succeed(&definitions).await;
    amplifier
        .server
        .administer(&["import_definitions"], &definitions)
        .await;
    assert_eq!(amplifier.listed(&["list_policies"]).await, by_commands);
}

/// Conformance: Broker permissions and senders: `scrip topology policies` prints the broker
/// policies, and `docker-compose.yml` has the same policies
#[tokio::test]
async fn the_broker_of_the_compose_file_has_policies_and_limits() {
    let fixture = Fixture::declared().await;
    let policies = fixture.ctl(&["list_policies"]).await;
    for name in [".replies", ".account-replies", ".dead"] {
        assert!(
            policies.contains(&format!("{NAMESPACE}{name}")),
            "{policies}"
        );
    }
    for user in ["app", "bridge"] {
        let limits = fixture.ctl(&["list_user_limits", "--user", user]).await;
        assert!(limits.contains("max-channels"), "{user}: {limits}");
    }
    let limits = fixture.ctl(&["list_vhost_limits"]).await;
    assert!(limits.contains("max-queues"), "{limits}");
}
