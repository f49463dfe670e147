//! `scrip dead`: looking at what was set aside, replaying it and throwing it away, in both queues.
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
    contract::{Door, bucket, headers},
};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use serde_json::Value;
use tests::{
    broker::{PATIENCE, TestBroker, broker_url},
    db::TestDatabase,
    process::Deployment,
};
use tokio::time::{Duration, Instant, sleep};

/// A deployment with four letters: two payments that cannot be applied, one message that says nothing, and a misspelt
/// field.
struct Stage {
    deployment: Deployment,
    ledger: DatabaseConnection,
    broker: Option<TestBroker>,
    _database: Option<TestDatabase>,
}

const UNREADABLE: &str = "no json at all";
const MISSPELT: &str = r#"{"type":"consume","referenceId":"typo","userId":"ada","service":"s","ammount":5}"#;

impl Stage {
    async fn broker() -> Self {
        let broker = TestBroker::start().await;
        let database = TestDatabase::postgres().await.migrated().await;
        let namespace = broker.topology().namespace().to_owned();
        let deployment = Deployment::on_servers(&broker_url(), &database.worker_url(), &namespace);
        let exchange = broker.topology().door(Door::Usage);
        for body in [UNREADABLE, MISSPELT] {
            let key = bucket("ada").to_string();
            let properties = BasicProperties::default().with_app_id("the-app".into());
            broker.publish(&exchange, &key, body.as_bytes(), properties).await;
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
        // The first command makes the file.
        deployment.succeed(&["verify"]).await;
        let url = format!("sqlite://{}", deployment.folder().join("scrip.db").display());
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

    /// Publishes two payments for a package that nobody knows, and waits until a worker has set
    /// everything aside. By their sender's clock they are of tomorrow, so they count from when they
    /// were received.
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
        self.wait_for("all are set aside", async |stage| {
            stage.list(&[]).await.len() == 4
        })
        .await;
        assert!(worker.terminate().await.success());
        self
    }

    /// Sends anything by the door of apps.
    async fn put(&self, body: &str) {
        let Some(broker) = &self.broker else {
            return insert(&self.ledger, body).await;
        };
        broker.send_body(Door::Usage, body.as_bytes()).await;
    }

    fn queue(&self) -> (String, Options) {
        let mut options = Options::default();
        if let Some(broker) = &self.broker {
            broker.topology().namespace().clone_into(&mut options.namespace);
            return (broker.url().to_owned(), options);
        }
        let file = self.deployment.folder().join("scrip.db");
        (format!("sqlite://{}", file.display()), options)
    }

    async fn wait_for(&self, what: &str, is_so: impl AsyncFn(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self).await {
            assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn list(&self, filters: &[&str]) -> Vec<Value> {
        let arguments = [&["--json", "dead", "list"], filters].concat();
        let said = self.deployment.succeed(&arguments).await;
        let letter = |line: &str| serde_json::from_str(line).expect("a letter a line");
        said.lines().map(letter).collect()
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

    fn the_broker(&self) -> &TestBroker {
        self.broker.as_ref().expect("a stage on the broker")
    }

    /// Publishes a command that expires before anybody takes it, so that the broker itself sets it aside.
    async fn expire(&self, door: Door, command: &Command, headers: FieldTable) {
        let broker = self.the_broker();
        let properties = BasicProperties::default()
            .with_message_id(command.reference_id.as_str().into())
            .with_expiration("1".into())
            .with_headers(headers);
        let exchange = broker.topology().door(door);
        let key = bucket(&command.user_id).to_string();
        broker
            .publish(&exchange, &key, &command.to_json(), properties)
            .await;
        let reference = command.reference_id.as_str();
        self.wait_for("the broker has set it aside", async |stage| {
            stage.list(&["--reference", reference]).await.len() == 1
        })
        .await;
    }

    async fn balance_is(&self, user: &str, credits: i64) -> bool {
        let sql =
            format!("SELECT count(*) FROM credits_balance WHERE user_id = '{user}' AND balance = {credits}");
        self.number(&sql).await == 1
    }

    /// The package exists from now on.
    fn mend(&self) {
        let package = "[packages.gone]\ncredits = 70\nvalidity_days = 90\n";
        std::fs::write(self.deployment.folder().join("scrip.toml"), package).expect("writable");
    }
}

/// Puts anything into the queue in a file, by the door of apps.
async fn insert(ledger: &DatabaseConnection, body: &str) {
    let sql = "INSERT INTO queue_message (queue, door, body, enqueued_at) \
               VALUES ('commands', 'usage', CAST($1 AS BLOB), '2026-11-24T10:00:00.000000+00:00')";
    let put = Statement::from_sql_and_values(ledger.get_database_backend(), sql, [body.into()]);
    ledger.execute_raw(put).await.expect("a row");
}

async fn letters_are_listed_filtered_and_shown_with_their_body_untouched(stage: Stage) {
    assert_eq!(stage.references(&[]).await, ["-", "pay-1", "pay-2", "typo"]);
    assert_eq!(
        stage.references(&["--reason", "unapplied"]).await,
        ["pay-1", "pay-2"]
    );
    assert_eq!(
        stage
            .references(&["--reason", "unapplied:unknown_package"])
            .await
            .len(),
        2
    );
    assert_eq!(stage.references(&["--reason", "not_json"]).await, ["-"]);
    assert_eq!(stage.references(&["--user", "user-2"]).await, ["pay-2"]);
    assert_eq!(stage.references(&["--type", "consume"]).await, ["typo"]);
    assert_eq!(stage.references(&["--newer-than", "1h"]).await.len(), 4);
    assert_eq!(stage.references(&["--older-than", "1h"]).await.len(), 0);
    assert_eq!(stage.references(&["--limit", "2"]).await.len(), 2);

    let letters = stage.list(&["--reference", "typo"]).await;
    let letter = &letters[0];
    assert_eq!(letter["body"], MISSPELT);
    assert_eq!(
        (&letter["reason"], &letter["field"]),
        (&"unknown_field".into(), &"ammount".into())
    );
    assert_eq!(
        (&letter["door"], &letter["attempts"]),
        (&"usage".into(), &0.into())
    );
    assert!(letter["firstSeen"].is_string() && letter["lastSeen"].is_string());

    let table = stage.deployment.succeed(&["dead", "list", "--limit", "3"]).await;
    assert!(
        table.contains("reference") && table.ends_with("3 of 4\n"),
        "{table}"
    );
    let shown = stage.deployment.succeed(&["dead", "show", "pay-1"]).await;
    assert!(
        shown.contains("unapplied:unknown_package") && shown.contains("\"purchaseId\":\"pi_1\""),
        "{shown}"
    );
    let nobody = stage.deployment.run(&["dead", "show", "nobody"]).await;
    assert_eq!(nobody.status.code(), Some(1));
    assert_eq!(stage.references(&[]).await.len(), 4, "looking changes nothing");
}

async fn a_payment_that_is_replayed_when_its_cause_is_mended_is_credited_once(stage: Stage) {
    let received = scrip::store::sqlite_instant(Utc::now());
    stage.mend();
    let replay = |arguments: &'static [&'static str]| {
        let stage = &stage;
        async move {
            stage
                .deployment
                .succeed(&[&["dead", "replay"], arguments].concat())
                .await
        }
    };
    let said = replay(&["--reason", "unapplied", "--dry-run"]).await;
    assert_eq!(said, "2 of 4 letters are to be replayed\n");
    assert_eq!(stage.references(&[]).await.len(), 4, "only counted");
    let said = replay(&["--reason", "unapplied", "--rate", "1000"]).await;
    assert_eq!(said, "4 letters, 2 replayed\n");
    let worker = stage.deployment.ready_worker().await;
    stage
        .wait_for("both are credited", async |stage| {
            stage
                .number("SELECT count(*) FROM credits_balance WHERE balance = 70")
                .await
                == 2
        })
        .await;
    assert_eq!(stage.references(&[]).await, ["-", "typo"], "the others stay");
    let late = format!(
        "SELECT count(*) FROM credits_batch b JOIN credits_transaction t ON t.id = b.transaction_id
          WHERE b.issued_at < '{received}' AND t.occurred_at = b.issued_at"
    );
    assert_eq!(
        stage.number(&late).await,
        2,
        "credits are valid from when they were received"
    );
    let letters = stage.list(&[]).await;
    let received: Vec<_> = letters.iter().map(|letter| letter["firstSeen"].clone()).collect();
    // Unreadable, and so set aside again; nothing else happens.
    assert_eq!(replay(&["--all"]).await, "2 letters, 2 replayed\n");
    stage
        .wait_for("they are back", async |stage| stage.list(&[]).await.len() == 2)
        .await;
    let letters = stage.list(&[]).await;
    let again: Vec<_> = letters.iter().map(|letter| letter["firstSeen"].clone()).collect();
    assert_eq!(again, received, "the time of receipt goes with them");
    assert!(worker.terminate().await.success());
    assert_eq!(
        stage
            .number("SELECT count(*) FROM credits_transaction WHERE type = 'purchase'")
            .await,
        2
    );
    stage.deployment.succeed(&["verify"]).await;
}

async fn letters_are_thrown_away_only_when_it_is_said_which_and_that_it_is_meant(stage: Stage) {
    for refused in [
        &["dead", "drop", "--yes"][..],
        &["dead", "drop", "--all"],
        &["dead", "replay"],
    ] {
        assert_eq!(
            stage.deployment.run(refused).await.status.code(),
            Some(1),
            "{refused:?}"
        );
    }
    let wrong = stage
        .deployment
        .run(&["dead", "list", "--older-than", "yesterday"])
        .await;
    assert_eq!(wrong.status.code(), Some(2));
    assert_eq!(stage.references(&[]).await.len(), 4);
    let drop = ["--json", "dead", "drop", "--reason", "not_json", "--yes"];
    let said: Value = serde_json::from_str(&stage.deployment.succeed(&drop).await).expect("JSON");
    assert_eq!((&said["fit"], &said["counts"]["dropped"]), (&1.into(), &1.into()));
    assert_eq!(stage.references(&[]).await, ["pay-1", "pay-2", "typo"]);
}

async fn a_letter_of_which_only_the_beginning_is_kept_is_not_replayed(stage: Stage) {
    let beginning = r#"{"type":"consume","referenceId":"big","userId":"ada","description":""#;
    let body = format!("{beginning}{}\"}}", "x".repeat(100_000));
    stage.put(&body).await;
    let worker = stage.deployment.ready_worker().await;
    stage
        .wait_for("it is set aside", async |stage| stage.list(&[]).await.len() == 5)
        .await;
    assert!(worker.terminate().await.success());
    let letters = stage.list(&["--reason", "too_large"]).await;
    let letter = &letters[0];
    assert_eq!(letter["bodyLength"], body.len());
    assert_eq!(letter["bodySha256"].as_str().map(str::len), Some(64));
    assert_eq!(letter["body"], body[..1024]);

    let replay = ["dead", "replay", "--reason", "too_large"];
    for arguments in [&replay[..], &[&replay[..], &["--door", "usage"]].concat()] {
        let refused = stage.deployment.run(arguments).await;
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}");
        let said = String::from_utf8_lossy(&refused.stdout);
        assert!(
            said.starts_with("5 letters\n1 too large to be replayed stay: only the first 1024 bytes"),
            "{said}"
        );
    }
    let counted = stage
        .deployment
        .succeed(&["dead", "replay", "--all", "--dry-run"])
        .await;
    assert!(
        counted.starts_with("4 of 5 letters are to be replayed\n1 too large"),
        "{counted}"
    );
    assert_eq!(stage.list(&[]).await.len(), 5, "it stays");
    let drop = ["dead", "drop", "--reason", "too_large", "--yes"];
    assert_eq!(
        stage.deployment.succeed(&drop).await,
        "5 letters, 1 thrown away\n"
    );
}

macro_rules! over_each_queue {
    ($($scenario:ident),+ $(,)?) => {
        mod broker {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                super::$scenario(super::Stage::broker().await).await;
            })+
        }
        mod file {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                super::$scenario(super::Stage::file().await).await;
            })+
        }
    };
}

over_each_queue! {
    letters_are_listed_filtered_and_shown_with_their_body_untouched,
    a_payment_that_is_replayed_when_its_cause_is_mended_is_credited_once,
    letters_are_thrown_away_only_when_it_is_said_which_and_that_it_is_meant,
    a_letter_of_which_only_the_beginning_is_kept_is_not_replayed,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_of_unknown_origin_stays_until_it_is_said_by_which_door_it_goes() {
    let stage = Stage::broker().await;
    let gift = Command::promotion("gift", "eve", 30);
    stage.expire(Door::Funding, &gift, FieldTable::default()).await;
    let letters = stage.list(&["--reference", "gift"]).await;
    assert_eq!(
        (&letters[0]["reason"], &letters[0]["door"]),
        (&"expired".into(), &Value::Null)
    );

    let replay = ["dead", "replay", "--reference", "gift"];
    let refused = stage.deployment.run(&replay).await;
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stdout);
    let why = "1 of unknown origin stay; --door usage or --door funding says where they go\n";
    assert_eq!(said, format!("5 letters\n{why}"));
    let counted = stage
        .deployment
        .succeed(&["dead", "replay", "--all", "--dry-run"])
        .await;
    assert_eq!(counted, format!("4 of 5 letters are to be replayed\n{why}"));
    assert_eq!(stage.references(&[]).await.len(), 5, "it stays");

    let replay = ["dead", "replay", "--all", "--door", "funding"];
    assert_eq!(stage.deployment.succeed(&replay).await, "5 letters, 5 replayed\n");
    let worker = stage.deployment.ready_worker().await;
    stage
        .wait_for("the gift is credited", async |stage| {
            stage.balance_is("eve", 30).await
        })
        .await;
    stage
        .wait_for("the others are set aside again", async |stage| {
            stage.list(&[]).await.len() == 4
        })
        .await;
    assert!(worker.terminate().await.success());
    for (reference, door) in [("typo", "usage"), ("pay-1", "funding")] {
        let letters = stage.list(&["--reference", reference]).await;
        assert_eq!(letters[0]["door"], door, "{reference} goes by its own door");
    }
    stage.deployment.succeed(&["verify"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_apps_message_that_reached_the_delivery_limit_goes_back_by_the_door_of_apps() {
    let stage = Stage::broker().await;
    let broker = stage.the_broker();
    let commands = broker.topology().commands(0);
    broker
        .send(&Command::consume("spent", "ada", "s").amount(5))
        .await;
    let mut inbox = broker.inbox(&commands).await;
    // At the limit, 50, it is delivered once more.
    for _ in 0..=50 {
        let delivery = inbox.peek().await;
        let again = delivery.reject(BasicRejectOptions { requeue: true });
        again.await.expect("given back");
    }
    inbox.close().await;
    stage
        .wait_for("the broker has set it aside", async |stage| {
            stage.references(&["--reason", "delivery_limit"]).await == ["spent"]
        })
        .await;
    let replay = ["dead", "replay", "--reference", "spent", "--door", "funding"];
    assert_eq!(stage.deployment.succeed(&replay).await, "5 letters, 1 replayed\n");
    let back = broker.inbox(&commands).await.next().await;
    assert_eq!(back.exchange.as_str(), broker.topology().door(Door::Internal));
    let origin = back
        .properties
        .headers()
        .as_ref()
        .and_then(|all| all.inner().get(headers::ORIGIN));
    assert_eq!(origin, Some(&AMQPValue::LongString("usage".into())));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_mints_by_what_he_writes_on_a_message_that_the_broker_sets_aside() {
    let stage = Stage::broker().await;
    let broker = stage.the_broker();
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
    stage.expire(Door::Usage, &minting, forged).await;
    let letters = stage.list(&["--reference", "minted"]).await;
    assert_eq!(letters[0]["reason"], "expired");
    assert_ne!(letters[0]["door"], "funding");

    let replayed = stage.deployment.run(&["dead", "replay", "--all"]).await;
    let said = String::from_utf8_lossy(&replayed.stdout);
    assert!(said.starts_with("5 letters, "), "{said}");
    let worker = stage.deployment.ready_worker().await;
    // It would be behind what was replayed.
    broker.send(&Command::promotion("later", "bob", 7)).await;
    stage
        .wait_for("what was sent later is applied", async |stage| {
            stage.balance_is("bob", 7).await
        })
        .await;
    let hers = "SELECT count(*) FROM credits_balance WHERE user_id = 'eve'";
    assert_eq!(stage.number(hers).await, 0);
    stage
        .wait_for("the letter is there", async |stage| {
            stage.references(&["--reference", "minted"]).await == ["minted"]
        })
        .await;
    assert!(worker.terminate().await.success());
}

/// Several portions of those that are looked at in turn.
const MANY: u32 = 3_000;

/// A deployment with many letters, all of them apps'; every tenth is another user's.
async fn with_many_letters() -> (TestBroker, TestDatabase, Deployment) {
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

/// The references that a listing shows, in its order.
async fn listed(deployment: &Deployment, limit: u32) -> Vec<String> {
    let limit = limit.to_string();
    let said = deployment
        .succeed(&["--json", "dead", "list", "--limit", &limit])
        .await;
    let reference = |line: &str| {
        let letter: Value = serde_json::from_str(line).expect("a letter a line");
        letter["referenceId"].as_str().expect("a reference").to_owned()
    };
    said.lines().map(reference).collect()
}

/// Where two lists differ first, if they do.
fn same(found: &[String], expected: &[String]) {
    let differ = found.iter().zip(expected).position(|(a, b)| a != b);
    let around = differ.map(|at| &found[at.saturating_sub(2)..found.len().min(at + 40)]);
    assert_eq!((differ, found.len()), (None, expected.len()), "{around:?}");
}

async fn replayed(deployment: &Deployment, arguments: &[&str]) -> Value {
    let said = deployment
        .succeed(&[&["--json", "dead", "replay"], arguments].concat())
        .await;
    let said: Value = serde_json::from_str(&said).expect("JSON");
    said["counts"]["replayed"].clone()
}

async fn back_in_their_queues(broker: &TestBroker) -> u32 {
    broker.ready_in(&broker.topology().commands(0)).await
        + broker.ready_in(&broker.topology().unrouted()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_letters_none_stays_that_was_replayed() {
    let (broker, _database, deployment) = with_many_letters().await;
    assert_eq!(replayed(&deployment, &["--all"]).await, MANY);
    broker.wait_for_ready(&broker.topology().dead(), 0).await;
    assert_eq!(back_in_their_queues(&broker).await, MANY);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_ends_when_somebody_else_has_emptied_the_queue_meanwhile() {
    let (broker, _database, deployment) = with_many_letters().await;
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

#[tokio::test(flavor = "multi_thread")]
async fn of_many_letters_each_is_looked_at_once_and_goes_back_to_its_place() {
    let (broker, _database, deployment) = with_many_letters().await;
    let all: Vec<String> = (0..MANY).map(|n| format!("c-{n}")).collect();
    same(&listed(&deployment, MANY).await, &all);
    same(&listed(&deployment, 5).await, &all[..5]);
    same(&listed(&deployment, MANY).await, &all);
    // What is replayed is among what stays.
    assert_eq!(replayed(&deployment, &["--user", "bob"]).await, MANY / 10);
    assert_eq!(back_in_their_queues(&broker).await, MANY / 10);
    let kept: Vec<String> = (0..MANY)
        .filter(|n| !n.is_multiple_of(10))
        .map(|n| format!("c-{n}"))
        .collect();
    same(&listed(&deployment, MANY).await, &kept);
}

fn table(entries: &[(&str, &str)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, text) in entries {
        table.insert((*name).into(), AMQPValue::LongString((*text).into()));
    }
    table
}
