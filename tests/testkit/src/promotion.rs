//! A PostgreSQL standby that a test promotes, and the old primary that comes back.

use sea_orm::{ConnectionTrait, Database};
use tokio::process::Command;

use crate::servers::Server;

impl Server {
    /// Starts a PostgreSQL server that may get a standby. It runs from the distribution's packages.
    pub async fn primary() -> Self {
        Self::launch("postgres", from_packages()).await
    }

    /// Starts an asynchronous standby of a [`Server::primary`], with a copy of its data.
    pub async fn standby_of(primary: &Self) -> Self {
        Self::standby_at(primary.port()).await
    }

    /// Starts an asynchronous standby of the primary that answers at this local port.
    pub async fn standby_at(port: u16) -> Self {
        let mut script = from_packages();
        script.env("SCRIP_TEST_STANDBY", port.to_string());
        Self::launch("postgres", script).await
    }

    /// Makes a standby the primary, and waits until it accepts writes.
    pub async fn promote(&self) {
        let admin = Database::connect(self.url())
            .await
            .expect("the server answers");
        let promoted = admin.execute_unprepared("SELECT pg_promote()").await;
        promoted.expect("promotes");
        admin.close().await.expect("closes");
    }

    /// Waits until a standby has applied everything that `primary` has written up to now.
    pub async fn catch_up_with(&self, primary: &Self) {
        let lsn = value(primary.url(), "SELECT pg_current_wal_lsn()::text").await;
        let applied = format!("SELECT (pg_last_wal_replay_lsn() >= '{lsn}'::pg_lsn)::text");
        while value(self.url(), &applied).await != "true" {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

/// The one text that a query returns.
pub async fn value(url: &str, sql: &str) -> String {
    let database = Database::connect(url).await.expect("the server answers");
    let statement = sea_orm::Statement::from_string(database.get_database_backend(), sql);
    let row = database.query_one_raw(statement).await.expect("an answer");
    let value = row.expect("a row").try_get_by_index(0).expect("a text");
    database.close().await.expect("closes");
    value
}

fn from_packages() -> Command {
    let mut script = Command::new(Server::script("postgres"));
    script.env("SCRIP_TEST_SERVERS", "packages");
    script
}
