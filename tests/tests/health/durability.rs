//! Risks to acknowledged commands are reported, and do not make a worker unready.

use sea_orm::{ConnectionTrait, Database, DatabaseConnection};
use serde_json::json;
use tests::{
    broker::{TestBroker, broker_url},
    process::{Deployment, Worker},
    servers::Server,
    standby::Standby,
};

use crate::stage::{listen, metric, wait_for_ready};

/// A worker on a PostgreSQL of its own.
struct Scene {
    postgres: Server,
    database: DatabaseConnection,
    address: std::net::SocketAddr,
    worker: Worker,
    _broker: TestBroker,
    _deployment: Deployment,
}

impl Scene {
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

    /// Waits until a worker that is ready reports exactly these risks, in `/readyz` and as a
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
            assert_eq!(metric(self.address, &sample).await, Some(expected), "{risk}");
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

#[tokio::test]
async fn a_server_that_does_not_flush_is_reported_once_and_does_not_make_a_worker_unready() {
    let scene = Scene::new(Server::start("postgres").await).await;
    scene.expect(&["fsync_off", "full_page_writes_off"]).await;
    assert_eq!(
        scene
            .worker
            .times_said("the database may lose acknowledged commands"),
        2,
        "{}",
        scene.worker.log()
    );
    assert!(scene.worker.terminate().await.success());
}

#[tokio::test]
async fn standbys_that_no_commit_waits_for_and_commits_that_wait_for_none_are_reported() {
    let postgres = Server::postgres_with("-c fsync=on -c full_page_writes=on").await;
    let scene = Scene::new(postgres).await;
    scene.expect(&[]).await;
    let standby = Standby::attach(scene.postgres.port(), "standby").await;
    scene.expect(&["standby_asynchronous"]).await;
    scene
        .configure("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        .await;
    scene.expect(&[]).await;
    drop(standby);
    scene.expect(&["standby_missing"]).await;
    scene
        .configure("ALTER SYSTEM RESET synchronous_standby_names")
        .await;
    scene.expect(&[]).await;
    for risk in ["standby_asynchronous", "standby_missing"] {
        let said = scene.worker.log();
        let warned = said
            .lines()
            .filter(|line| line.contains("may lose") && line.contains(risk));
        assert_eq!(warned.count(), 1, "{said}");
    }
    assert!(scene.worker.terminate().await.success());
}
