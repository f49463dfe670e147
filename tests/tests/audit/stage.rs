//! Commands on either queue, and what the log says of them.

use std::process::Output;

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};
use producer_sdk::contract::headers;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use serde_json::Value;
use tests::{broker::TestBroker, db::TestDatabase, process::Deployment};

/// A deployment with its ledger and its queue, and no worker.
pub struct Stage {
    pub deployment: Deployment,
    /// The ledger, for its administrator.
    pub ledger: DatabaseConnection,
    pub broker: Option<TestBroker>,
    _database: Option<TestDatabase>,
}

impl Stage {
    /// On RabbitMQ and PostgreSQL, with the worker's role.
    pub async fn servers() -> Self {
        Self::servers_as("worker").await
    }

    /// On RabbitMQ and PostgreSQL, with that role.
    pub async fn servers_as(role: &str) -> Self {
        let broker = TestBroker::start().await;
        let database = TestDatabase::postgres().await.migrated().await;
        let namespace = broker.topology().namespace();
        Self {
            deployment: Deployment::on_servers(broker.url(), &database.url_as(role), namespace),
            ledger: database.connect().await,
            broker: Some(broker),
            _database: Some(database),
        }
    }

    /// On one SQLite file.
    pub async fn file() -> Self {
        let deployment = Deployment::embedded();
        // The first command makes the file.
        deployment.succeed(&["verify"]).await;
        let url = format!("sqlite://{}", deployment.folder().join("scrip.db").display());
        Self {
            deployment,
            ledger: Database::connect(url).await.expect("the ledger's file"),
            broker: None,
            _database: None,
        }
    }

    /// Puts a dead letter of an app into the queue of dead letters.
    pub async fn set_aside(&self, reference: &str) {
        let body = format!(
            r#"{{"type":"consume","referenceId":"{reference}","userId":"ada","service":"google:chat","ammount":5}}"#
        );
        let Some(broker) = &self.broker else {
            let sql = "INSERT INTO queue_message (queue, door, body, headers, enqueued_at) VALUES ('dead', 'usage',
                CAST($1 AS BLOB), '{\"x-scrip-reason\": \"unknown_field\"}', '2026-11-24T10:00:00.000000+00:00')";
            let put = Statement::from_sql_and_values(self.ledger.get_database_backend(), sql, [body.into()]);
            self.ledger.execute_raw(put).await.expect("a row");
            return;
        };
        let mut noted = FieldTable::default();
        for (name, text) in [(headers::ORIGIN, "usage"), (headers::REASON, "unknown_field")] {
            noted.insert(name.into(), AMQPValue::LongString(text.into()));
        }
        let dead = broker.topology().dead();
        let before = broker.ready_in(&dead).await;
        let properties = BasicProperties::default().with_headers(noted);
        broker.publish("", &dead, body.as_bytes(), properties).await;
        broker.wait_for_ready(&dead, before + 1).await;
    }

    /// Commands that wait in the queue.
    pub async fn waiting(&self) -> i64 {
        let Some(broker) = &self.broker else {
            return self
                .number("SELECT count(*) FROM queue_message WHERE queue = 'commands'")
                .await;
        };
        i64::from(broker.ready_in(&broker.topology().commands(0)).await)
    }

    /// Dead letters.
    pub async fn letters(&self) -> usize {
        let listed = self.deployment.succeed(&["--json", "dead", "list"]).await;
        listed.lines().count()
    }

    pub async fn number(&self, sql: &str) -> i64 {
        let statement = Statement::from_string(self.ledger.get_database_backend(), sql);
        let row = self.ledger.query_one_raw(statement).await.expect("a query");
        row.expect("a row").try_get_by_index(0).expect("a number")
    }

    pub async fn execute(&self, sql: &str) {
        let done = self.ledger.execute_unprepared(sql).await;
        done.unwrap_or_else(|error| panic!("{error}\n{sql}"));
    }

    /// The log, oldest first.
    pub async fn log(&self, filters: &[&str]) -> Vec<Value> {
        let arguments = [&["--json", "audit", "--limit", "1000"], filters].concat();
        let mut actions = lines(&self.deployment.succeed(&arguments).await);
        actions.reverse();
        actions
    }
}

/// JSON Lines.
pub fn lines(text: &str) -> Vec<Value> {
    let line = |line: &str| serde_json::from_str(line).expect("JSON");
    text.lines().map(line).collect()
}

/// What a command wrote to stderr.
pub fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Makes of each scenario a test on servers and one on the file.
macro_rules! on_servers_and_on_the_file {
    ($($scenario:ident),+ $(,)?) => {
        mod servers {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                super::$scenario(super::Stage::servers().await).await;
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
pub(super) use on_servers_and_on_the_file;
