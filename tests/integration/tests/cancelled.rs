//! An operation that is cancelled in the middle, by a time limit or because its future is dropped,
//! leaves no transaction open on its connection.

use std::time::Duration;

use chrono::DateTime;
use scrip::{
    db::{Purpose, StoreOptions, connect},
    read::report::{Span, report},
    store::Store,
};
use sea_orm::DatabaseConnection;
use testkit::{
    db::TestDatabase,
    ledger::{TestLedger, buy_credits, consume, rules},
    proxy::Proxy,
};
use tokio::time::{sleep, timeout};

const TIMEOUT: Duration = Duration::from_secs(20);
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// The delay of a message in one direction.
const DELAY: Duration = Duration::from_millis(200);

/// A ledger with a user who has credits, and a relay to its database.
struct Fixture {
    ledger: TestLedger,
    relay: Proxy,
}

impl Fixture {
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

    /// Waits until the pool's connection is idle, then runs `operation` and cancels it in the
    /// middle of the message after `round_trips` round trips.
    async fn cancel_during<T>(
        &self,
        pool: &DatabaseConnection,
        round_trips: u32,
        operation: impl Future<Output = T>,
    ) {
        let idle = async {
            while pool.get_postgres_connection_pool().num_idle() == 0 {
                sleep(POLL_INTERVAL).await;
            }
        };
        timeout(TIMEOUT, idle).await.expect("an idle connection");
        self.relay.delay(DELAY);
        let done = timeout(DELAY * (2 * round_trips + 1), operation).await;
        assert!(done.is_err(), "the operation still waits for a response");
        self.relay.delay(Duration::ZERO);
    }

    async fn until_no_transaction_is_open(&self) {
        let sql = "SELECT count(*) FROM pg_stat_activity \
                   WHERE datname = current_database() AND state = 'idle in transaction'";
        let none_open = async {
            while self.ledger.number(sql).await > 0 {
                sleep(POLL_INTERVAL).await;
            }
        };
        timeout(TIMEOUT / 4, none_open)
            .await
            .expect("no open transaction");
    }
}

/// Options with one connection, so that the next operation uses the same one.
fn one_connection() -> StoreOptions {
    StoreOptions {
        max_connections: 1,
        ..StoreOptions::default()
    }
}

/// Conformance: Idempotency: A transaction that is cancelled midway never rolls back later writes
#[tokio::test(flavor = "multi_thread")]
async fn a_group_after_a_cancelled_group_is_committed() {
    let fixture = Fixture::new().await;
    let store = Store::connect(&fixture.url(), &one_connection())
        .await
        .expect("a store");
    store.probe().await.expect("it answers");
    let (rules, now) = (rules(), fixture.ledger.now);
    let group = [consume("c-1", "ada", 3)];
    let begun = store.commit_group_pessimistically(&group, &rules, now);
    fixture.cancel_during(store.connection(), 0, begun).await;
    let next = [consume("c-2", "ada", 4)];
    store
        .commit_group(&next, &rules, now)
        .await
        .expect("written");
    let written = "SELECT count(*) FROM credits_transaction WHERE reference_id = 'c-2'";
    assert_eq!(fixture.ledger.number(written).await, 1);
    fixture.until_no_transaction_is_open().await;
}

/// Conformance: Idempotency: A transaction that is cancelled midway never rolls back later writes
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_report_leaves_no_snapshot_open() {
    let fixture = Fixture::new().await;
    let pool = connect(&fixture.url(), Purpose::Read, &one_connection())
        .await
        .expect("a pool");
    let span = Span {
        from: DateTime::UNIX_EPOCH,
        until: fixture.ledger.now,
    };
    // The first round trip checks the connection.
    fixture
        .cancel_during(&pool, 1, report(&pool, span, 10))
        .await;
    // The next operation gets the same connection.
    let ping = timeout(TIMEOUT, pool.ping()).await.expect("in time");
    ping.expect("it answers");
    fixture.until_no_transaction_is_open().await;
}
