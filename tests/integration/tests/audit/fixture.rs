//! Commands on either queue, and the entries that they add to the log.

use std::process::Output;

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};
use producer_sdk::contract::headers;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use serde_json::Value;
use testkit::{broker::TestBroker, db::TestDatabase, process::Deployment};

/// A deployment with its ledger and its queue, without a worker.
pub struct Fixture {
    pub deployment: Deployment,
    /// A connection of the administrator to the ledger.
    pub ledger: DatabaseConnection,
    pub broker: Option<TestBroker>,
    _database: Option<TestDatabase>,
}

impl Fixture {
    /// A deployment on RabbitMQ and PostgreSQL, with the role of a worker.
    pub async fn servers() -> Self {
        Self::servers_as("worker").await
    }

    /// A deployment on RabbitMQ and PostgreSQL, with the role `role`.
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

    /// A deployment on one SQLite file.
    pub async fn file() -> Self {
        let deployment = Deployment::embedded();
        // The first command creates the file.
        deployment.succeed(&["migrate", "up"]).await;
        let url = format!(
            "sqlite://{}",
            deployment.folder().join("scrip.db").display()
        );
        Self {
            deployment,
            ledger: Database::connect(url).await.expect("the ledger's file"),
            broker: None,
            _database: None,
        }
    }

    /// Adds a dead letter of an app.
    pub async fn add_dead_letter(&self, reference: &str) {
        let body = format!(
            r#"{{"type":"consume","referenceId":"{reference}","userId":"ada","service":"google:chat","ammount":5}}"#
        );
        let Some(broker) = &self.broker else {
            let sql = "INSERT INTO queue_message (queue, origin, body, headers, enqueued_at)
                VALUES ('dead', 'usage', CAST($1 AS BLOB),
                '{\"x-scrip-reason\": \"unknown_field\"}', '2026-11-24T10:00:00.000000+00:00')";
            let insert = Statement::from_sql_and_values(
                self.ledger.get_database_backend(),
                sql,
                [body.into()],
            );
            self.ledger.execute_raw(insert).await.expect("a row");
            return;
        };
        let mut table = FieldTable::default();
        for (name, text) in [
            (headers::ORIGIN, "usage"),
            (headers::REASON, "unknown_field"),
        ] {
            table.insert(name.into(), AMQPValue::LongString(text.into()));
        }
        let dead = broker.topology().dead();
        let before = broker.ready_in(&dead).await;
        let properties = BasicProperties::default().with_headers(table);
        broker.publish("", &dead, body.as_bytes(), properties).await;
        broker.wait_for_ready(&dead, before + 1).await;
    }

    /// The number of commands in the queue.
    pub async fn waiting(&self) -> i64 {
        let Some(broker) = &self.broker else {
            return self
                .number("SELECT count(*) FROM queue_message WHERE queue = 'commands'")
                .await;
        };
        i64::from(broker.ready_in(&broker.topology().commands(0)).await)
    }

    /// The number of dead letters.
    pub async fn dead_letters(&self) -> usize {
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

    /// The entries of the log, oldest first.
    pub async fn log(&self, filters: &[&str]) -> Vec<Value> {
        let arguments = [&["--json", "audit", "--limit", "1000"], filters].concat();
        let mut actions = lines(&self.deployment.succeed(&arguments).await);
        actions.reverse();
        actions
    }
}

/// Parses JSON Lines.
pub fn lines(text: &str) -> Vec<Value> {
    let line = |line: &str| serde_json::from_str(line).expect("JSON");
    text.lines().map(line).collect()
}

/// The standard error of a command. With `--json` the error is JSON: it is returned as people read
/// it.
pub fn error(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let json = text.lines().find(|line| line.starts_with("{\"error\""));
    let Some(Ok(json)) = json.map(serde_json::from_str::<Value>) else {
        return text;
    };
    let error = &json["error"];
    let causes = error["causes"].as_array().expect("a list");
    let lines = std::iter::once(&error["message"]).chain(causes);
    let lines: Vec<&str> = lines.map(|line| line.as_str().expect("a text")).collect();
    let advice = error["advice"].as_str().unwrap_or_default();
    format!("error: {}\n{advice}", lines.join("\n  caused by: "))
}

/// Turns each scenario into a test on servers and a test on the file.
macro_rules! on_servers_and_on_the_file {
    ($($scenario:ident),+ $(,)?) => {
        mod servers {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                super::$scenario(super::Fixture::servers().await).await;
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
pub(super) use on_servers_and_on_the_file;
