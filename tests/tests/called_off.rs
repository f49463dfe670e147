//! What is called off in the middle, because a time limit has passed or somebody has stopped waiting, leaves nothing behind on
//! the connection that it was on.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use chrono::DateTime;
use scrip::{
    read::report::{Span, report},
    store::{Purpose, Store, StoreOptions, connect},
};
use sea_orm::DatabaseConnection;
use tests::{
    db::TestDatabase,
    ledger::{TestLedger, buy_credits, consume, rules},
    proxy::Proxy,
};
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(5);
/// How long a message is under way.
const WAY: Duration = Duration::from_millis(200);

/// A ledger that has a user with credits, and a way to its database that can be slow.
struct Stage {
    ledger: TestLedger,
    relay: Proxy,
}

impl Stage {
    async fn new() -> Self {
        let database = TestDatabase::postgres().await.migrated().await;
        let relay = Proxy::before(Proxy::target(database.url())).await;
        let ledger = TestLedger::administered(database).await;
        ledger.one(buy_credits("p", "ada", 20)).await;
        Self { ledger, relay }
    }

    fn url(&self) -> String {
        self.relay.instead_of(self.ledger.database.url())
    }

    /// Waits until its connection rests in the pool, and calls off what is begun in the middle of what comes after so
    /// many round trips.
    async fn call_off<T>(&self, pool: &DatabaseConnection, round_trips: u32, doing: impl Future<Output = T>) {
        let resting = async {
            while pool.get_postgres_connection_pool().num_idle() == 0 {
                sleep(LOOK).await;
            }
        };
        timeout(PATIENCE, resting).await.expect("a connection that rests");
        self.relay.delay(WAY);
        let done = timeout(WAY * (2 * round_trips + 1), doing).await;
        assert!(done.is_err(), "it waits for an answer");
        self.relay.delay(Duration::ZERO);
    }

    async fn until_nobody_is_in_a_transaction(&self) {
        let sql = "SELECT count(*) FROM pg_stat_activity \
                   WHERE datname = current_database() AND state = 'idle in transaction'";
        let nobody = async {
            while self.ledger.number(sql).await > 0 {
                sleep(LOOK).await;
            }
        };
        timeout(PATIENCE / 4, nobody)
            .await
            .expect("nobody in a transaction");
    }
}

/// One connection, so that whoever comes next has the same.
fn alone() -> StoreOptions {
    StoreOptions {
        max_connections: 1,
        ..StoreOptions::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_to_be_written_after_a_group_was_called_off_is_written() {
    let stage = Stage::new().await;
    let store = Store::connect(&stage.url(), &alone()).await.expect("a store");
    store.probe().await.expect("it answers");
    let (rules, now) = (rules(), stage.ledger.now);
    let group = [consume("c-1", "ada", 3)];
    let begun = store.commit_group_carefully(&group, &rules, now);
    stage.call_off(store.connection(), 0, begun).await;
    let next = [consume("c-2", "ada", 4)];
    store.commit_group(&next, &rules, now).await.expect("written");
    let written = "SELECT count(*) FROM credits_transaction WHERE reference_id = 'c-2'";
    assert_eq!(stage.ledger.number(written).await, 1);
    stage.until_nobody_is_in_a_transaction().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_was_called_off_keeps_no_snapshot() {
    let stage = Stage::new().await;
    let pool = connect(&stage.url(), Purpose::Read, &alone())
        .await
        .expect("a pool");
    let span = Span {
        from: DateTime::UNIX_EPOCH,
        until: stage.ledger.now,
    };
    // It is asked whether it is alive first.
    stage.call_off(&pool, 1, report(&pool, span, 10)).await;
    // Whoever has the connection next.
    let answered = timeout(PATIENCE, pool.ping()).await.expect("in time");
    answered.expect("it answers");
    stage.until_nobody_is_in_a_transaction().await;
}
