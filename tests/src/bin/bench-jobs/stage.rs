//! A database and a namespace of the benchmark's own, and processes on both.

use sea_orm::{ConnectionTrait, Statement};
use tests::{
    broker::TestBroker,
    db::TestDatabase,
    process::{Deployment, scrip_program},
};

/// A database and a namespace, removed when it is dropped, and the environment of processes on both.
pub struct Stage {
    pub database: TestDatabase,
    pub broker: TestBroker,
    pub deployment: Deployment,
}

impl Stage {
    /// An empty ledger; no job runs by itself.
    pub async fn new() -> Self {
        eprintln!("building scrip");
        scrip_program();
        let database = TestDatabase::postgres().await.migrated().await;
        let broker = TestBroker::start().await;
        let namespace = broker.topology().namespace().to_owned();
        let mut deployment = Deployment::on_servers(broker.url(), database.url(), &namespace);
        for job in ["GRANT", "EXPIRE", "VERIFY"] {
            deployment.set(&format!("SCRIP__SCHEDULE__{job}"), "off");
        }
        Self {
            database,
            broker,
            deployment,
        }
    }

    /// One number that a query answers.
    pub async fn number(&self, sql: &str) -> i64 {
        let statement = Statement::from_string(self.database.backend(), sql);
        let row = self.database.connection().query_one_raw(statement).await;
        let row = row.expect("a query").expect("a row");
        row.try_get_by_index(0).expect("a number")
    }
}
