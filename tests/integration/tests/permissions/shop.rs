//! A shop: an app and a bridge with a broker, a ledger and a worker.

use producer_sdk::Command;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::Value;
use testkit::{
    broker::TIMEOUT,
    db::TestDatabase,
    process::{Deployment, Worker},
};
use tokio::time::sleep;

use crate::fixture::{Fixture, NAMESPACE};

/// A broker with the users of the Compose file, a ledger, and a worker.
pub struct Shop {
    pub fixture: Fixture,
    pub database: TestDatabase,
    pub deployment: Deployment,
    pub worker: Worker,
}

impl Shop {
    pub async fn open(config: &str) -> Self {
        let fixture = Fixture::new().await;
        let database = TestDatabase::postgres().await.migrated().await;
        let deployment =
            Deployment::on_servers(&fixture.url("worker"), &database.worker_url(), NAMESPACE);
        std::fs::write(deployment.folder().join("scrip.toml"), config).expect("a writable folder");
        let worker = deployment.ready_worker().await;
        Self {
            fixture,
            database,
            deployment,
            worker,
        }
    }

    /// The senders of all rows with this reference.
    pub async fn senders_of(&self, reference: &str) -> Vec<Option<String>> {
        senders_of(&self.database, reference).await
    }

    /// Runs a command and returns its JSON Lines.
    pub async fn run_json(&self, arguments: &[&str]) -> Vec<Value> {
        let text = self
            .deployment
            .succeed(&[&["--json"], arguments].concat())
            .await;
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    /// Waits until there are `count` dead letters, and returns them.
    pub async fn dead_letters(&self, count: usize) -> Vec<Value> {
        let until = tokio::time::Instant::now() + TIMEOUT;
        loop {
            let letters = self.run_json(&["dead", "list"]).await;
            if letters.len() == count {
                return letters;
            }
            assert!(
                tokio::time::Instant::now() < until,
                "expected {count} dead letters, got {letters:?}"
            );
            // The command line has no event for this.
            sleep(std::time::Duration::from_millis(100)).await;
        }
    }
}

pub async fn senders_of(database: &TestDatabase, reference: &str) -> Vec<Option<String>> {
    let sql = "SELECT sender FROM credits_transaction WHERE reference_id = $1 ORDER BY sender";
    let connection = database.connection();
    let backend = connection.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, sql, [reference.into()]);
    let rows = connection.query_all_raw(statement).await.expect("rows");
    rows.iter()
        .map(|row| row.try_get_by_index(0).expect("a text"))
        .collect()
}

pub fn promotion(reference: &str) -> Command {
    Command::promotion(reference, "ada", 100)
}

pub fn spend(reference: &str) -> Command {
    Command::consume(reference, "ada", "google:chat").amount(2)
}
