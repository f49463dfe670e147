//! What an app can make the broker keep, with and without the policies that `scrip topology policies` prints.

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
use tests::{db::TestDatabase, process::Deployment, servers::Server};
use tokio::time::sleep;

use crate::stage::{NAMESPACE, Stage, channel, publish};

/// What the printed policy lets a reply queue hold.
const MOST_BYTES: u64 = 4 << 20;
/// Queries of 80 bytes each, every one for a page of some 400 KB.
const QUERIES: usize = 60;

/// A broker without any policy, a worker on it, and a user whose history is large.
struct Amplifier {
    server: Server,
    deployment: Deployment,
    _database: TestDatabase,
    _worker: tests::process::Worker,
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
        let client = Client::connect(server.url(), options).await.expect("a client");
        let padding = json!({ "padding": "x".repeat(4_000) });
        for n in 0..100 {
            let grant = Command::promotion(format!("g-{n}"), "ada", 1).metadata(&padding);
            assert!(client.send(&grant).await.expect("an outcome").is_completed());
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

    /// Asks again and again for a large page, with a durable server-named queue without a reader. Returns the
    /// queue and the bytes in it when everything is answered.
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
        let queries = Topology::new(NAMESPACE, 1).expect("a good namespace").queries();
        let body = br#"{"type":"transactions","userId":"ada","pageSize":100}"#;
        for _ in 0..QUERIES {
            let asking = BasicProperties::default().with_reply_to(queue.as_str().into());
            publish(&channel, &queries, QUERY_KEY, body, asking)
                .await
                .expect("taken");
        }
        self.answer_after_all(&channel, &queries).await;
        (queue.clone(), self.bytes_in(&queue).await)
    }

    /// Waits for the answer to one more query: those before it are answered by then, or within a moment.
    async fn answer_after_all(&self, channel: &Channel, queries: &str) {
        let own = channel.queue_declare("".into(), QueueDeclareOptions::default(), FieldTable::default());
        let own = own.await.expect("a queue").name().clone();
        let asking = BasicProperties::default().with_reply_to(own.clone());
        let body = br#"{"type":"balance","userId":"ada"}"#;
        publish(channel, queries, QUERY_KEY, body, asking)
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
        tokio::time::timeout(tests::broker::PATIENCE, got)
            .await
            .expect("an answer");
        sleep(Duration::from_secs(2)).await;
    }

    async fn bytes_in(&self, queue: &str) -> u64 {
        let listed = self.listed(&["list_queues", "name", "message_bytes"]).await;
        let found = listed
            .as_array()
            .expect("a list")
            .iter()
            .find(|row| row["name"] == queue);
        found.expect("the queue")["message_bytes"]
            .as_u64()
            .expect("a number")
    }

    async fn listed(&self, arguments: &[&str]) -> Value {
        let said = self
            .server
            .ctl(&[&["--quiet", "--formatter", "json"], arguments].concat())
            .await;
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
    }

    /// Runs what is printed, as a shell would.
    async fn apply(&self, printed: &str) {
        for line in printed.lines().filter(|line| !line.starts_with('#')) {
            let words = words(line);
            assert_eq!(words[0], "rabbitmqctl", "{line}");
            let words: Vec<&str> = words[1..].iter().map(String::as_str).collect();
            self.server.ctl(&words).await;
        }
    }
}

/// The words of a line for a shell that has nothing but plain and single-quoted words.
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

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_policies_bound_what_an_app_makes_the_broker_keep() {
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
    assert_eq!(policy(&format!("{NAMESPACE}.dead")), format!("{NAMESPACE}.dead"));
    assert_eq!(policy(&format!("{NAMESPACE}.commands.0")), "");
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

    // As definitions they say the same.
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

#[tokio::test]
async fn the_broker_of_the_compose_file_has_policies_and_limits() {
    let stage = Stage::declared().await;
    let policies = stage.ctl(&["list_policies"]).await;
    for name in [".replies", ".account-replies", ".dead"] {
        assert!(policies.contains(&format!("{NAMESPACE}{name}")), "{policies}");
    }
    for user in ["app", "bridge"] {
        let limits = stage.ctl(&["list_user_limits", "--user", user]).await;
        assert!(limits.contains("max-channels"), "{user}: {limits}");
    }
    let limits = stage.ctl(&["list_vhost_limits"]).await;
    assert!(limits.contains("max-queues"), "{limits}");
}
