//! A worker is not alive only in states that a restart would fix.

use std::{future::pending, net::SocketAddr, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use ledger::Decision;
use producer_sdk::contract::{Answer, Command, Query};
use scrip::{
    catalog::Catalog,
    clock::Clock,
    config,
    monitor::{Health, LOOK_EVERY, Lanes, Watched},
    pipeline::{CommitError, Ledger},
    queries::QueryHandler,
    transport::amqp::{Inbound, InboundOptions},
    transport::embedded::{Embedded, EmbeddedOptions},
};
use testkit::{
    broker::{TIMEOUT, TestBroker},
    db::TestDatabase,
    ledger::{TestLedger, rules},
};
use tokio::time::{Instant, sleep};

use crate::fixture::{assert_alive, get, unready_by};

/// A ledger and a query handler that never respond.
struct Hanging;

impl Ledger for Hanging {
    async fn commit_group(
        &self,
        _: &[ledger::Command],
        _: DateTime<Utc>,
    ) -> Result<Vec<Decision>, CommitError> {
        pending().await
    }

    async fn dry_run(
        &self,
        _: &[ledger::Command],
        _: DateTime<Utc>,
    ) -> Result<Vec<Decision>, CommitError> {
        pending().await
    }

    async fn probe(&self) -> Result<(), CommitError> {
        Ok(())
    }
}

impl QueryHandler for Hanging {
    async fn answer(&self, _: &Query, _: DateTime<Utc>) -> Result<Answer, CommitError> {
        pending().await
    }
}

async fn listening() -> (Health, SocketAddr) {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let settings = config::Health {
        listen: Some(address),
        max_lag: None,
    };
    let health = Health::listen(&settings)
        .await
        .unwrap()
        .expect("it listens");
    (health, address)
}

/// Waits until `/livez` reports that the worker is not alive because of this check. There is no
/// event for this.
async fn wait_until_dead(address: SocketAddr, check: &str) -> serde_json::Value {
    let deadline = Instant::now() + TIMEOUT;
    while Instant::now() < deadline {
        let answer = get(address, "/livez").await;
        let checks = answer.checks();
        if answer.status == 503 && checks[check]["ok"] == false {
            return checks;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("the worker stayed alive");
}

/// Conformance: Back pressure and health: The liveness check fails only for faults that a restart
/// would fix
/// Conformance: Back pressure and health: A serving or standby worker is ready; it is unready while
/// database or broker is down, the database refuses everything, a commit hangs, and from SIGTERM on
#[tokio::test]
async fn a_hanging_lane_makes_a_worker_not_alive_even_if_all_servers_respond() {
    let broker = TestBroker::start().await;
    let ledger = TestLedger::on(TestDatabase::postgres().await).await;
    let mut options = InboundOptions::new(broker.url(), broker.topology().clone(), "w");
    options.look_every = Some(LOOK_EVERY);
    let inbound = Inbound::start(options, Arc::new(Hanging), Arc::new(Hanging)).unwrap();
    let (health, address) = listening().await;
    assert_eq!(
        get(address, "/readyz").await.checks()["worker"]["state"],
        "starting"
    );
    assert_alive(address).await;
    health.watch(Watched {
        lanes: Lanes::Amqp(inbound.watch()),
        store: ledger.store.clone(),
        positions: None,
        clock: Clock::system(),
        redis: None,
        tasks: Vec::new(),
        stall_timeout: Duration::from_secs(5),
        slow_after: Duration::from_secs(1),
    });
    inbound.ready().await;
    broker.send(&Command::registration_bonus("r", "ada")).await;
    let stuck = serde_json::json!([broker.topology().commands(0)]);
    // Before it counts as stuck, it is slow.
    let checks = unready_by(address, "lanes", &[]).await;
    assert_eq!(checks["lanes"]["slow"], stuck, "{checks}");
    assert_alive(address).await;
    let checks = wait_until_dead(address, "lanes").await;
    assert_eq!(checks["lanes"]["stuck"], stuck, "{checks}");
    assert_eq!(checks["tasks"]["ok"], true, "{checks}");
    // The lane never ends.
    let _ = inbound.drain(Duration::from_millis(100)).await;
}

/// Conformance: Back pressure and health: The liveness check fails only for faults that a restart
/// would fix
#[tokio::test]
async fn a_worker_whose_lane_has_ended_is_not_alive_unless_it_drains() {
    for draining in [false, true] {
        let ledger = TestLedger::on(TestDatabase::sqlite().await).await;
        let catalog = Catalog {
            rules: Arc::new(rules()),
            packages: Vec::new(),
            free_users_may_buy: true,
        };
        let options = EmbeddedOptions {
            url: ledger.database.url().to_owned(),
            worker: "w".to_owned(),
            group_max: 1000,
            clock: Clock::system(),
        };
        let embedded = Embedded::start(options, ledger.store.clone(), Arc::new(catalog));
        let embedded = embedded.await.unwrap();
        let (health, address) = listening().await;
        health.watch(Watched {
            lanes: Lanes::Embedded(embedded.watch()),
            store: ledger.store.clone(),
            positions: None,
            clock: Clock::system(),
            redis: None,
            tasks: Vec::new(),
            stall_timeout: TIMEOUT,
            slow_after: TIMEOUT,
        });
        embedded.ready().await;
        assert_alive(address).await;
        if draining {
            health.drain();
        }
        assert!(embedded.drain(TIMEOUT).await);
        if draining {
            assert_alive(address).await;
        } else {
            let checks = wait_until_dead(address, "tasks").await;
            assert_eq!(
                checks["tasks"]["ended"],
                serde_json::json!(["lane"]),
                "{checks}"
            );
        }
    }
}
