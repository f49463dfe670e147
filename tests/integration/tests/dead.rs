//! `scrip dead`: list, show, replay and drop dead letters, on both queues.

mod commands;
mod many;
mod order;
mod origins;
mod slow;
mod unreadable;

use chrono::{TimeDelta, Utc};
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};
use producer_sdk::{
    Command, Options, Producer,
    contract::{Origin, bucket},
};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use serde_json::Value;
use testkit::{
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

fn table(entries: &[(&str, &str)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, text) in entries {
        table.insert((*name).into(), AMQPValue::LongString((*text).into()));
    }
    table
}
