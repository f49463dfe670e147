//! Risks to acknowledged commands are reported, and do not make a worker unready.

use sea_orm::{ConnectionTrait, Database, DatabaseConnection};
use serde_json::json;
use testkit::{
    broker::{TestBroker, broker_url},
    process::{Deployment, Worker},
    servers::Server,
    standby::Standby,
};

use crate::fixture::{listen, metric, wait_for_ready};

/// A worker on its own PostgreSQL server.
struct Fixture {
    postgres: Server,
    database: DatabaseConnection,
    address: std::net::SocketAddr,
    worker: Worker,
    _broker: TestBroker,
    _deployment: Deployment,
}

impl Fixture {
    async fn new(postgres: Server) -> Self {
        let database = Database::connect(postgres.url()).await.unwrap();
        migration::up(&database).await.unwrap();
        let broker = TestBroker::start().await;
        let namespace = broker.topology().namespace();
        let mut deployment = Deployment::on_servers(&broker_url(), postgres.url(), namespace);
        for job in ["GRANT", "EXPIRE", "VERIFY"] {
            deployment.set(&format!("SCRIP__SCHEDULE__{job}"), "off");
        }
        let address = listen(&mut deployment);
        Self {
            worker: deployment.worker(),
            postgres,
            database,
            address,
            _broker: broker,
            _deployment: deployment,
        }
    }

    /// Waits until the ready worker reports exactly these risks in `/readyz`, and checks the
    /// metric.
    async fn expect(&self, risks: &[&str]) {
        wait_for_ready(self.address, |status, checks| {
            status == 200 && checks["durability"] == json!({ "ok": true, "risks": risks })
        })
        .await;
        for risk in [
            "fsync_off",
            "full_page_writes_off",
            "standby_asynchronous",
            "standby_missing",
        ] {
            let sample = format!("scrip_durability_risk{{risk=\"{risk}\"}}");
            let expected = f64::from(u8::from(risks.contains(&risk)));
            assert_eq!(
                metric(self.address, &sample).await,
                Some(expected),
                "{risk}"
            );
        }
    }

    async fn configure(&self, change: &str) {
        self.database.execute_unprepared(change).await.unwrap();
        self.database
            .execute_unprepared("SELECT pg_reload_conf()")
            .await
            .unwrap();
    }
}

/// Conformance: Back pressure and health: Database settings that risk acknowledged commands are
/// reported once, and the worker stays ready
#[tokio::test]
async fn a_server_without_fsync_is_reported_once_and_the_worker_stays_ready() {
    let fixture = Fixture::new(Server::start("postgres").await).await;
    fixture.expect(&["fsync_off", "full_page_writes_off"]).await;
    assert_eq!(
        fixture
            .worker
            .times_logged("the database may lose acknowledged commands"),
        2,
        "{}",
        fixture.worker.log()
    );
    assert!(fixture.worker.terminate().await.success());
}

/// Conformance: Back pressure and health: Database settings that risk acknowledged commands are
/// reported once, and the worker stays ready
#[tokio::test]
async fn asynchronous_and_missing_standbys_are_reported() {
    let postgres = Server::postgres_with("-c fsync=on -c full_page_writes=on").await;
    let fixture = Fixture::new(postgres).await;
    fixture.expect(&[]).await;
    let standby = Standby::attach(fixture.postgres.port(), "standby").await;
    fixture.expect(&["standby_asynchronous"]).await;
    fixture
        .configure("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        .await;
    fixture.expect(&[]).await;
    drop(standby);
    fixture.expect(&["standby_missing"]).await;
    fixture
        .configure("ALTER SYSTEM RESET synchronous_standby_names")
        .await;
    fixture.expect(&[]).await;
    for risk in ["standby_asynchronous", "standby_missing"] {
        let log = fixture.worker.log();
        let warned = log
            .lines()
            .filter(|line| line.contains("may lose") && line.contains(risk));
        assert_eq!(warned.count(), 1, "{log}");
    }
    assert!(fixture.worker.terminate().await.success());
}
