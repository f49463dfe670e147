//! A PostgreSQL primary with a real standby that can be cut off and promoted.

use std::{fs, time::Instant};

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use tokio::time::sleep;

use crate::{broker::TIMEOUT, proxy::Proxy, servers::Server};

/// A primary and its standby.
pub struct Replica {
    primary: Server,
    standby: Server,
    /// The relay between the standby and the primary.
    replication: Proxy,
}

impl Replica {
    /// Starts both servers. Commits wait for the standby if it is `synchronous`.
    pub async fn start(synchronous: bool) -> Self {
        let primary = Server::primary().await;
        let replication = Proxy::before(Proxy::target(primary.url())).await;
        let port = replication.address().rsplit(':').next();
        let port = port.and_then(|port| port.parse().ok());
        let standby = Server::standby_at(port.expect("a port")).await;
        let replica = Self {
            primary,
            standby,
            replication,
        };
        if synchronous {
            let admin = replica.admin().await;
            for sql in [
                "ALTER SYSTEM SET synchronous_standby_names = 'standby'",
                "SELECT pg_reload_conf()",
            ] {
                admin.execute_unprepared(sql).await.expect("sets");
            }
            until(
                &admin,
                "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'",
            )
            .await;
            admin.close().await.expect("closes");
        }
        replica
    }

    /// The URL of the primary, also after [`Self::fail_over`].
    pub fn url(&self) -> &str {
        self.primary.url()
    }

    /// Waits until the standby has applied everything.
    pub async fn caught_up(&self) {
        let admin = self.admin().await;
        let sql = "SELECT 1 FROM pg_stat_replication \
                   WHERE application_name = 'standby' AND replay_lsn >= pg_current_wal_lsn()";
        until(&admin, sql).await;
        admin.close().await.expect("closes");
    }

    /// Cuts the standby off: it receives nothing more.
    pub fn cut_off(&self) {
        self.replication.deafen();
    }

    /// Kills the primary, promotes the standby, and moves it to the address of the primary.
    pub async fn fail_over(&mut self) {
        self.primary.kill().await;
        self.standby.promote().await;
        self.standby.stop().await;
        let port = self.primary.port().to_string();
        fs::write(self.standby.folder().join("port"), port).expect("writes");
        self.standby.bring_back().await;
    }

    async fn admin(&self) -> DatabaseConnection {
        connect(self.primary.url()).await
    }
}

async fn connect(url: &str) -> DatabaseConnection {
    Database::connect(url).await.expect("the server answers")
}

/// Waits until a query returns a row. The server has no event for this.
async fn until(connection: &DatabaseConnection, sql: &str) {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        if let Ok(Some(_)) = connection.query_one_raw(statement).await {
            return;
        }
        assert!(Instant::now() < deadline, "no row: {sql}");
        sleep(std::time::Duration::from_millis(20)).await;
    }
}
