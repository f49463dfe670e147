//! `scrip dead`: list, show, replay and drop dead letters, on both queues.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "dead/order.rs"]
mod order;
#[path = "dead/slow.rs"]
mod slow;
#[path = "dead/unreadable.rs"]
mod unreadable;

use chrono::{TimeDelta, Utc};
use futures_util::{StreamExt, stream};
use lapin::{
    BasicProperties,
    options::BasicRejectOptions,
    types::{AMQPValue, FieldTable},
};
use producer_sdk::{
    Command, Options, Producer,
    contract::{Origin, bucket, headers},
};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use serde_json::Value;
use tests::{
    broker::{TIMEOUT, TestBroker, broker_url},
    db::TestDatabase,
    process::Deployment,
};
use tokio::time::{Duration, Instant, sleep};

/// A deployment with four dead letters: two payments that cannot be applied, one message that is
/// not JSON, and one with a misspelt field.
struct Fixture {
    deployment: Deployment,
    ledger: DatabaseConnection,
    broker: Option<TestBroker>,
    _database: Option<TestDatabase>,
}

const UNREADABLE: &str = "no json at all";
const MISSPELT: &str =
    r#"{"type":"consume","referenceId":"typo","userId":"ada","service":"s","ammount":5}"#;

impl Fixture {
    async fn broker() -> Self {
        let broker = TestBroker::start().await;
        let database = TestDatabase::postgres().await.migrated().await;
        let namespace = broker.topology().namespace().to_owned();
        let deployment = Deployment::on_servers(&broker_url(), &database.worker_url(), &namespace);
        let exchange = broker.topology().exchange(Origin::Usage);
        for body in [UNREADABLE, MISSPELT] {
            let key = bucket("ada").to_string();
            let properties = BasicProperties::default().with_app_id("the-app".into());
            broker
                .publish(&exchange, &key, body.as_bytes(), properties)
                .await;
        }
        Self {
            deployment,
            ledger: database.connect().await,
            broker: Some(broker),
            _database: Some(database),
        }
        .with_payments()
        .await
    }

    async fn file() -> Self {
        let deployment = Deployment::embedded();
        // The first command creates the file.
        deployment.succeed(&["migrate", "up"]).await;
        let url = format!(
            "sqlite://{}",
            deployment.folder().join("scrip.db").display()
        );
        let ledger = Database::connect(url).await.expect("the ledger's file");
        for body in [UNREADABLE, MISSPELT] {
            insert(&ledger, body).await;
        }
        Self {
            deployment,
            ledger,
            broker: None,
            _database: None,
        }
        .with_payments()
        .await
    }

    /// Publishes two payments for an unknown package, and waits until a worker has dead-lettered
    /// all messages. The payments have a time in the future, so they count from the time of
    /// receipt.
    async fn with_payments(self) -> Self {
        let (url, options) = self.queue();
        let producer = Producer::connect(&url, options).await.expect("a producer");
        for nth in [1, 2] {
            let (reference, payment) = (format!("pay-{nth}"), format!("pi_{nth}"));
            let paid = Command::purchase_package(reference, format!("user-{nth}"), "gone", payment);
            let paid = paid.occurred_at(Utc::now() + TimeDelta::days(1));
            producer.publish(&paid).await.expect("published");
        }
        producer.close().await.expect("closed");
        let worker = self.deployment.ready_worker().await;
        self.wait_for("all are dead-lettered", async |fixture| {
            fixture.list(&[]).await.len() == 4
        })
        .await;
        assert!(worker.terminate().await.success());
        self
    }

    /// Sends any body through the origin of apps.
    async fn put(&self, body: &str) {
        let Some(broker) = &self.broker else {
            return insert(&self.ledger, body).await;
        };
        broker.send_body(Origin::Usage, body.as_bytes()).await;
    }

    fn queue(&self) -> (String, Options) {
        let mut options = Options::default();
        if let Some(broker) = &self.broker {
            broker
                .topology()
                .namespace()
                .clone_into(&mut options.namespace);
            return (broker.url().to_owned(), options);
        }
        let file = self.deployment.folder().join("scrip.db");
        (format!("sqlite://{}", file.display()), options)
    }

    async fn wait_for(&self, event: &str, happened: impl AsyncFn(&Self) -> bool) {
        let began = Instant::now();
        while !happened(self).await {
            assert!(began.elapsed() < TIMEOUT, "timed out waiting until {event}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn list(&self, filters: &[&str]) -> Vec<Value> {
        let arguments = [&["--json", "dead", "list"], filters].concat();
        let output = self.deployment.succeed(&arguments).await;
        let letter = |line: &str| serde_json::from_str(line).expect("one dead letter per line");
        output.lines().map(letter).collect()
    }

    async fn references(&self, filters: &[&str]) -> Vec<String> {
        let letters = self.list(filters).await;
        let mut references: Vec<String> = letters
            .iter()
            .map(|letter| letter["referenceId"].as_str().unwrap_or("-").to_owned())
            .collect();
        references.sort();
        references
    }

    async fn number(&self, sql: &str) -> i64 {
        let statement = Statement::from_string(self.ledger.get_database_backend(), sql);
        let row = self.ledger.query_one_raw(statement).await.expect("a query");
        row.expect("a row").try_get_by_index(0).expect("a number")
    }

    fn test_broker(&self) -> &TestBroker {
        self.broker.as_ref().expect("a fixture on the broker")
    }

    /// Publishes a message that expires before a worker receives it, so that the broker
    /// dead-letters it.
    async fn expire(&self, origin: Origin, command: &Command, headers: FieldTable) {
        let broker = self.test_broker();
        let properties = BasicProperties::default()
            .with_message_id(command.reference_id.as_str().into())
            .with_expiration("1".into())
            .with_headers(headers);
        let exchange = broker.topology().exchange(origin);
        let key = bucket(&command.user_id).to_string();
        broker
            .publish(&exchange, &key, &command.to_json(), properties)
            .await;
        let reference = command.reference_id.as_str();
        self.wait_for("the broker has dead-lettered it", async |fixture| {
            fixture.list(&["--reference", reference]).await.len() == 1
        })
        .await;
    }

    async fn balance_is(&self, user: &str, credits: i64) -> bool {
        let sql = format!(
            "SELECT count(*) FROM credits_balance WHERE user_id = '{user}' AND balance = {credits}"
        );
        self.number(&sql).await == 1
    }

    /// Adds the package to the configuration.
    fn add_package(&self) {
        let package = "[packages.gone]\ncredits = 70\nvalidity_days = 90\n";
        std::fs::write(self.deployment.folder().join("scrip.toml"), package).expect("writable");
    }
}

/// Adds any body to the queue of a file, with the origin of apps.
async fn insert(ledger: &DatabaseConnection, body: &str) {
    let sql = "INSERT INTO queue_message (queue, origin, body, enqueued_at) \
               VALUES ('commands', 'usage', CAST($1 AS BLOB), '2026-11-24T10:00:00.000000+00:00')";
    let put = Statement::from_sql_and_values(ledger.get_database_backend(), sql, [body.into()]);
    ledger.execute_raw(put).await.expect("a row");
}

/// Conformance: Configuration and command line: `scrip dead list`, `show`, `replay` and `drop` work
/// on both queue types
async fn dead_letters_are_listed_filtered_and_shown_with_their_original_body(fixture: Fixture) {
    assert_eq!(
        fixture.references(&[]).await,
        ["-", "pay-1", "pay-2", "typo"]
    );
    assert_eq!(
        fixture.references(&["--reason", "unapplied"]).await,
        ["pay-1", "pay-2"]
    );
    assert_eq!(
        fixture
            .references(&["--reason", "unapplied:unknown_package"])
            .await
            .len(),
        2
    );
    assert_eq!(fixture.references(&["--reason", "not_json"]).await, ["-"]);
    assert_eq!(fixture.references(&["--user", "user-2"]).await, ["pay-2"]);
    assert_eq!(fixture.references(&["--type", "consume"]).await, ["typo"]);
    assert_eq!(fixture.references(&["--newer-than", "1h"]).await.len(), 4);
    assert_eq!(fixture.references(&["--older-than", "1h"]).await.len(), 0);
    assert_eq!(fixture.references(&["--limit", "2"]).await.len(), 2);

    let letters = fixture.list(&["--reference", "typo"]).await;
    let letter = &letters[0];
    assert_eq!(letter["body"], MISSPELT);
    assert_eq!(
        (&letter["reason"], &letter["field"]),
        (&"unknown_field".into(), &"ammount".into())
    );
    assert_eq!(
        (&letter["origin"], &letter["attempts"]),
        (&"usage".into(), &0.into())
    );
    assert!(letter["firstSeen"].is_string() && letter["lastSeen"].is_string());

    let table = fixture
        .deployment
        .succeed(&["dead", "list", "--limit", "3"])
        .await;
    assert!(
        table.contains("reference") && table.ends_with("3 of 4\n"),
        "{table}"
    );
    let shown = fixture.deployment.succeed(&["dead", "show", "pay-1"]).await;
    assert!(
        shown.contains("unapplied:unknown_package") && shown.contains("\"purchaseId\":\"pi_1\""),
        "{shown}"
    );
    let unknown = fixture.deployment.run(&["dead", "show", "nobody"]).await;
    assert_eq!(unknown.status.code(), Some(1));
    assert_eq!(
        fixture.references(&[]).await.len(),
        4,
        "show changes nothing"
    );
}

/// Conformance: Commands: A command counts from the time it was received, also after a replay
/// Conformance: Configuration and command line: `scrip dead list`, `show`, `replay` and `drop` work
/// on both queue types
async fn a_payment_that_is_replayed_after_its_cause_is_fixed_is_credited_once(fixture: Fixture) {
    let received = scrip::store::sqlite_instant(Utc::now());
    fixture.add_package();
    let replay = |arguments: &'static [&'static str]| {
        let fixture = &fixture;
        async move {
            fixture
                .deployment
                .succeed(&[&["dead", "replay"], arguments].concat())
                .await
        }
    };
    let output = replay(&["--reason", "unapplied", "--dry-run"]).await;
    assert_eq!(output, "2 of 4 dead letters would be replayed\n");
    assert_eq!(fixture.references(&[]).await.len(), 4, "only counted");
    let output = replay(&["--reason", "unapplied", "--rate", "1000"]).await;
    assert_eq!(output, "4 dead letters read, 2 replayed\n");
    let worker = fixture.deployment.ready_worker().await;
    fixture
        .wait_for("both are credited", async |fixture| {
            fixture
                .number("SELECT count(*) FROM credits_balance WHERE balance = 70")
                .await
                == 2
        })
        .await;
    assert_eq!(
        fixture.references(&[]).await,
        ["-", "typo"],
        "the other dead letters stay"
    );
    let late = format!(
        "SELECT count(*) FROM credits_batch b JOIN credits_transaction t ON t.id = b.transaction_id
          WHERE b.issued_at < '{received}' AND t.occurred_at = b.issued_at"
    );
    assert_eq!(
        fixture.number(&late).await,
        2,
        "credits are valid from the time of receipt"
    );
    let letters = fixture.list(&[]).await;
    let received: Vec<_> = letters
        .iter()
        .map(|letter| letter["firstSeen"].clone())
        .collect();
    // The unreadable messages become dead letters again, without any other effect.
    assert_eq!(
        replay(&["--all"]).await,
        "2 dead letters read, 2 replayed\n"
    );
    fixture
        .wait_for("they are dead letters again", async |fixture| {
            fixture.list(&[]).await.len() == 2
        })
        .await;
    let letters = fixture.list(&[]).await;
    let again: Vec<_> = letters
        .iter()
        .map(|letter| letter["firstSeen"].clone())
        .collect();
    assert_eq!(again, received, "they keep the time of receipt");
    assert!(worker.terminate().await.success());
    assert_eq!(
        fixture
            .number("SELECT count(*) FROM credits_transaction WHERE type = 'purchase'")
            .await,
        2
    );
    fixture.deployment.succeed(&["verify"]).await;
}

/// Conformance: Configuration and command line: `scrip dead list`, `show`, `replay` and `drop` work
/// on both queue types
async fn dead_letters_are_dropped_only_with_a_selection_and_a_confirmation(fixture: Fixture) {
    for (refused, code) in [
        (&["dead", "drop", "--yes"][..], 2),
        (&["dead", "drop", "--all"], 1),
        (&["dead", "replay"], 2),
    ] {
        assert_eq!(
            fixture.deployment.run(refused).await.status.code(),
            Some(code),
            "{refused:?}"
        );
    }
    let wrong = fixture
        .deployment
        .run(&["dead", "list", "--older-than", "yesterday"])
        .await;
    assert_eq!(wrong.status.code(), Some(2));
    assert_eq!(fixture.references(&[]).await.len(), 4);
    let drop = ["--json", "dead", "drop", "--reason", "not_json", "--yes"];
    let output = fixture.deployment.succeed(&drop).await;
    let output: Value = serde_json::from_str(&output).expect("JSON");
    assert_eq!(
        (&output["fit"], &output["counts"]["dropped"]),
        (&1.into(), &1.into())
    );
    assert_eq!(fixture.references(&[]).await, ["pay-1", "pay-2", "typo"]);
}

/// Conformance: Broker permissions and senders: A body over 64 KiB is kept as its beginning, length
/// and hash, and is not replayed
async fn a_truncated_dead_letter_is_not_replayed(fixture: Fixture) {
    let beginning = r#"{"type":"consume","referenceId":"big","userId":"ada","description":""#;
    let body = format!("{beginning}{}\"}}", "x".repeat(100_000));
    fixture.put(&body).await;
    let worker = fixture.deployment.ready_worker().await;
    fixture
        .wait_for("it is dead-lettered", async |fixture| {
            fixture.list(&[]).await.len() == 5
        })
        .await;
    assert!(worker.terminate().await.success());
    let letters = fixture.list(&["--reason", "too_large"]).await;
    let letter = &letters[0];
    assert_eq!(letter["bodyLength"], body.len());
    assert_eq!(letter["bodySha256"].as_str().map(str::len), Some(64));
    assert_eq!(letter["body"], body[..1024]);

    let replay = ["dead", "replay", "--reason", "too_large"];
    for arguments in [&replay[..], &[&replay[..], &["--origin", "usage"]].concat()] {
        let refused = fixture.deployment.run(arguments).await;
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}");
        let output = String::from_utf8_lossy(&refused.stdout);
        assert!(
            output.starts_with(
                "5 dead letters read\n1 too large to be replayed stay: only the first 1024 bytes"
            ),
            "{output}"
        );
    }
    let counted = fixture
        .deployment
        .succeed(&["dead", "replay", "--all", "--dry-run"])
        .await;
    assert!(
        counted.starts_with("4 of 5 dead letters would be replayed\n1 too large"),
        "{counted}"
    );
    assert_eq!(fixture.list(&[]).await.len(), 5, "it stays");
    let drop = ["dead", "drop", "--reason", "too_large", "--yes"];
    assert_eq!(
        fixture.deployment.succeed(&drop).await,
        "5 dead letters read, 1 dropped\n"
    );
}

macro_rules! over_each_queue {
    ($($scenario:ident),+ $(,)?) => {
        mod broker {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                super::$scenario(super::Fixture::broker().await).await;
            })+
        }
        mod file {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                super::$scenario(super::Fixture::file().await).await;
            })+
        }
    };
}

over_each_queue! {
    dead_letters_are_listed_filtered_and_shown_with_their_original_body,
    a_payment_that_is_replayed_after_its_cause_is_fixed_is_credited_once,
    dead_letters_are_dropped_only_with_a_selection_and_a_confirmation,
    a_truncated_dead_letter_is_not_replayed,
}

/// Conformance: Configuration and command line: For dead letters made by the broker, `--origin`
/// sets only unknown origins, and no header can mint credits
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_of_unknown_origin_stays_until_an_origin_is_given() {
    let fixture = Fixture::broker().await;
    let gift = Command::promotion("gift", "eve", 30);
    fixture
        .expire(Origin::Funding, &gift, FieldTable::default())
        .await;
    let letters = fixture.list(&["--reference", "gift"]).await;
    assert_eq!(
        (&letters[0]["reason"], &letters[0]["origin"]),
        (&"expired".into(), &Value::Null)
    );

    let replay = ["dead", "replay", "--reference", "gift"];
    let refused = fixture.deployment.run(&replay).await;
    assert_eq!(refused.status.code(), Some(1));
    let output = String::from_utf8_lossy(&refused.stdout);
    let why = "1 of unknown origin stay; give --origin usage or --origin funding to replay them\n";
    assert_eq!(output, format!("5 dead letters read\n{why}"));
    let counted = fixture
        .deployment
        .succeed(&["dead", "replay", "--all", "--dry-run"])
        .await;
    assert_eq!(
        counted,
        format!("4 of 5 dead letters would be replayed\n{why}")
    );
    assert_eq!(fixture.references(&[]).await.len(), 5, "it stays");

    let replay = ["dead", "replay", "--all", "--origin", "funding"];
    assert_eq!(
        fixture.deployment.succeed(&replay).await,
        "5 dead letters read, 5 replayed\n"
    );
    let worker = fixture.deployment.ready_worker().await;
    fixture
        .wait_for("the promotion is credited", async |fixture| {
            fixture.balance_is("eve", 30).await
        })
        .await;
    fixture
        .wait_for("the others are dead-lettered again", async |fixture| {
            fixture.list(&[]).await.len() == 4
        })
        .await;
    assert!(worker.terminate().await.success());
    for (reference, origin) in [("typo", "usage"), ("pay-1", "funding")] {
        let letters = fixture.list(&["--reference", reference]).await;
        assert_eq!(
            letters[0]["origin"], origin,
            "{reference} goes through its own origin"
        );
    }
    fixture.deployment.succeed(&["verify"]).await;
}

/// Conformance: Configuration and command line: For dead letters made by the broker, `--origin`
/// sets only unknown origins, and no header can mint credits
#[tokio::test(flavor = "multi_thread")]
async fn an_apps_message_at_the_delivery_limit_is_replayed_through_the_origin_of_apps() {
    let fixture = Fixture::broker().await;
    let broker = fixture.test_broker();
    let commands = broker.topology().commands(0);
    broker
        .send(&Command::consume("spent", "ada", "s").amount(5))
        .await;
    let mut inbox = broker.inbox(&commands).await;
    // A message that has reached the limit of 50 is delivered once more.
    for _ in 0..=50 {
        let delivery = inbox.peek().await;
        let again = delivery.reject(BasicRejectOptions { requeue: true });
        again.await.expect("a second delivery");
    }
    inbox.close().await;
    fixture
        .wait_for("the broker has dead-lettered it", async |fixture| {
            fixture.references(&["--reason", "delivery_limit"]).await == ["spent"]
        })
        .await;
    let replay = [
        "dead",
        "replay",
        "--reference",
        "spent",
        "--origin",
        "funding",
    ];
    assert_eq!(
        fixture.deployment.succeed(&replay).await,
        "5 dead letters read, 1 replayed\n"
    );
    let back = broker.inbox(&commands).await.next().await;
    assert_eq!(
        back.exchange.as_str(),
        broker.topology().exchange(Origin::Internal)
    );
    let origin = back
        .properties
        .headers()
        .as_ref()
        .and_then(|all| all.inner().get(headers::ORIGIN));
    assert_eq!(origin, Some(&AMQPValue::LongString("usage".into())));
}

/// Conformance: Configuration and command line: For dead letters made by the broker, `--origin`
/// sets only unknown origins, and no header can mint credits
#[tokio::test(flavor = "multi_thread")]
async fn forged_headers_on_a_message_that_the_broker_dead_letters_mint_no_credits() {
    let fixture = Fixture::broker().await;
    let broker = fixture.test_broker();
    let funding = broker.topology().funding();
    let commands = broker.topology().commands(0);
    let death = table(&[
        ("queue", commands.as_str()),
        ("reason", "expired"),
        ("exchange", funding.as_str()),
    ]);
    let mut forged = table(&[
        (headers::ORIGIN, "funding"),
        (headers::REASON, "unapplied:unknown_package"),
        ("x-first-death-exchange", funding.as_str()),
    ]);
    let deaths = vec![AMQPValue::FieldTable(death)];
    forged.insert("x-death".into(), AMQPValue::FieldArray(deaths.into()));
    let minting = Command::promotion("minted", "eve", 1000);
    fixture.expire(Origin::Usage, &minting, forged).await;
    let letters = fixture.list(&["--reference", "minted"]).await;
    assert_eq!(letters[0]["reason"], "expired");
    assert_ne!(letters[0]["origin"], "funding");

    let replayed = fixture.deployment.run(&["dead", "replay", "--all"]).await;
    let output = String::from_utf8_lossy(&replayed.stdout);
    assert!(output.starts_with("5 dead letters read, "), "{output}");
    let worker = fixture.deployment.ready_worker().await;
    // This command is queued after the replayed ones.
    broker.send(&Command::promotion("later", "bob", 7)).await;
    fixture
        .wait_for("the later command is applied", async |fixture| {
            fixture.balance_is("bob", 7).await
        })
        .await;
    let hers = "SELECT count(*) FROM credits_balance WHERE user_id = 'eve'";
    assert_eq!(fixture.number(hers).await, 0);
    fixture
        .wait_for("the dead letter exists", async |fixture| {
            fixture.references(&["--reference", "minted"]).await == ["minted"]
        })
        .await;
    assert!(worker.terminate().await.success());
}

/// A number of dead letters that the command reads in several batches.
const MANY: u32 = 3_000;

/// A deployment with many dead letters of apps. Every tenth belongs to another user.
async fn with_many_dead_letters() -> (TestBroker, TestDatabase, Deployment) {
    let broker = TestBroker::start().await;
    let namespace = broker.topology().namespace().to_owned();
    let database = TestDatabase::postgres().await.migrated().await;
    let deployment = Deployment::on_servers(&broker_url(), &database.worker_url(), &namespace);
    let dead = broker.topology().dead();
    let of_apps = table(&[(headers::ORIGIN, "usage"), (headers::REASON, "poison")]);
    let publish = async |n: u32| {
        let user = if n.is_multiple_of(10) { "bob" } else { "ada" };
        let body = Command::consume(format!("c-{n}"), user, "s").to_json();
        let properties = BasicProperties::default().with_headers(of_apps.clone());
        broker.publish("", &dead, &body, properties).await;
    };
    stream::iter(0..MANY)
        .map(publish)
        .buffered(500)
        .collect::<()>()
        .await;
    broker.wait_for_ready(&dead, MANY).await;
    (broker, database, deployment)
}

/// The references in the order of the listing.
async fn listed(deployment: &Deployment, limit: u32) -> Vec<String> {
    let limit = limit.to_string();
    let output = deployment
        .succeed(&["--json", "dead", "list", "--limit", &limit])
        .await;
    let reference = |line: &str| {
        let letter: Value = serde_json::from_str(line).expect("one dead letter per line");
        letter["referenceId"]
            .as_str()
            .expect("a reference")
            .to_owned()
    };
    output.lines().map(reference).collect()
}

/// Panics at the first difference between two lists.
fn same(actual: &[String], expected: &[String]) {
    let differ = actual.iter().zip(expected).position(|(a, b)| a != b);
    let around = differ.map(|at| &actual[at.saturating_sub(2)..actual.len().min(at + 40)]);
    assert_eq!((differ, actual.len()), (None, expected.len()), "{around:?}");
}

async fn replayed(deployment: &Deployment, arguments: &[&str]) -> Value {
    let output = deployment
        .succeed(&[&["--json", "dead", "replay"], arguments].concat())
        .await;
    let output: Value = serde_json::from_str(&output).expect("JSON");
    output["counts"]["replayed"].clone()
}

async fn back_in_their_queues(broker: &TestBroker) -> u32 {
    broker.ready_in(&broker.topology().commands(0)).await
        + broker.ready_in(&broker.topology().unrouted()).await
}

/// Conformance: Ordering, failures and dead letters: Each of very many dead letters is read once;
/// kept ones return to their place, replayed ones are removed
#[tokio::test(flavor = "multi_thread")]
async fn of_many_dead_letters_no_replayed_one_stays() {
    let (broker, _database, deployment) = with_many_dead_letters().await;
    assert_eq!(replayed(&deployment, &["--all"]).await, MANY);
    broker.wait_for_ready(&broker.topology().dead(), 0).await;
    assert_eq!(back_in_their_queues(&broker).await, MANY);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_ends_if_the_queue_is_emptied_in_the_meantime() {
    let (broker, _database, deployment) = with_many_dead_letters().await;
    let dead = broker.topology().dead();
    let (replayed, ()) = tokio::join!(replayed(&deployment, &["--all", "--rate", "500"]), async {
        while back_in_their_queues(&broker).await == 0 {
            sleep(Duration::from_millis(5)).await;
        }
        broker.purge(&dead).await;
    });
    let went = replayed.as_u64().expect("a number");
    assert!((1..u64::from(MANY)).contains(&went), "{went}");
    assert_eq!(u64::from(back_in_their_queues(&broker).await), went);
    broker.wait_for_ready(&dead, 0).await;
}

/// Conformance: Ordering, failures and dead letters: Each of very many dead letters is read once;
/// kept ones return to their place, replayed ones are removed
#[tokio::test(flavor = "multi_thread")]
async fn of_many_dead_letters_each_is_read_once_and_keeps_its_position() {
    let (broker, _database, deployment) = with_many_dead_letters().await;
    let all: Vec<String> = (0..MANY).map(|n| format!("c-{n}")).collect();
    same(&listed(&deployment, MANY).await, &all);
    same(&listed(&deployment, 5).await, &all[..5]);
    same(&listed(&deployment, MANY).await, &all);
    // The replayed dead letters are between the remaining ones.
    assert_eq!(replayed(&deployment, &["--user", "bob"]).await, MANY / 10);
    assert_eq!(back_in_their_queues(&broker).await, MANY / 10);
    let remaining: Vec<String> = (0..MANY)
        .filter(|n| !n.is_multiple_of(10))
        .map(|n| format!("c-{n}"))
        .collect();
    same(&listed(&deployment, MANY).await, &remaining);
}

fn table(entries: &[(&str, &str)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, text) in entries {
        table.insert((*name).into(), AMQPValue::LongString((*text).into()));
    }
    table
}
