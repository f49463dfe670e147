//! The database and the namespace of the benchmark, and processes that use both.

use sea_orm::{ConnectionTrait, Statement};
use testkit::{
    broker::TestBroker,
    db::TestDatabase,
    process::{Deployment, scrip_program},
};

/// A database, a namespace, and the environment of processes that use both. The database and the
/// namespace are removed when it is dropped.
pub struct Fixture {
    pub database: TestDatabase,
    pub broker: TestBroker,
    pub deployment: Deployment,
}

impl Fixture {
    /// A fixture with an empty ledger. The scheduler starts no job.
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

    /// The integer in the first column of the first row of a query.
    pub async fn number(&self, sql: &str) -> i64 {
        let statement = Statement::from_string(self.database.backend(), sql);
        let row = self.database.connection().query_one_raw(statement).await;
        let row = row.expect("a query").expect("a row");
        row.try_get_by_index(0).expect("a number")
    }
}
