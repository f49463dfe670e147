//! A PostgreSQL primary with a synchronous standby, and the relays in front of the primary.

use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use tokio::time::sleep;

use crate::{broker::TIMEOUT, proxy::Proxy, servers::Server};

/// A primary, and a standby that must confirm each commit.
pub struct Pair {
    /// The server that is the primary at first.
    pub primary: Server,
    /// The server that is the standby at first.
    pub standby: Server,
    /// The relay between standby and primary.
    pub replication: Proxy,
    /// The relay between clients and the primary. A test redirects it after a failover.
    pub clients: Proxy,
}

impl Pair {
    /// Starts both servers, and waits until commits wait for the standby.
    pub async fn start() -> Self {
        let primary = Server::primary().await;
        let replication = Proxy::before(Proxy::target(primary.url())).await;
        let port = replication.address().rsplit(':').next().unwrap_or_default();
        let standby = Server::standby_at(port.parse().expect("a port")).await;
        let clients = Proxy::before(Proxy::target(primary.url())).await;
        let pair = Self {
            primary,
            standby,
            replication,
            clients,
        };
        pair.require_again().await;
        pair
    }

    /// Requires the standby, and waits until it is attached.
    pub async fn require_again(&self) {
        self.require("standby").await;
        self.until_synchronous().await;
    }

    /// Sets `synchronous_standby_names` on the primary.
    pub async fn require(&self, names: &str) {
        let admin = connect(self.primary.url()).await;
        for sql in [
            format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'"),
            "SELECT pg_reload_conf()".to_owned(),
        ] {
            admin.execute_unprepared(&sql).await.expect("sets");
        }
        admin.close().await.expect("closes");
    }

    async fn until_synchronous(&self) {
        let admin = connect(self.primary.url()).await;
        let sql = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'";
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let statement = Statement::from_string(admin.get_database_backend(), sql);
            if let Ok(Some(_)) = admin.query_one_raw(statement).await {
                break;
            }
            assert!(Instant::now() < deadline, "the standby is not attached");
            sleep(Duration::from_millis(20)).await;
        }
        admin.close().await.expect("closes");
    }
}

async fn connect(url: &str) -> DatabaseConnection {
    Database::connect(url).await.expect("the server answers")
}
