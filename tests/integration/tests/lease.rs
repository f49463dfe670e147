//! The lease of the embedded queue.

use std::{pin::pin, sync::Arc, time::Duration};

use chrono::TimeDelta;
use futures_util::FutureExt;
use producer_sdk::{Client, Options};
use scrip::{
    catalog::Catalog,
    clock::Clock,
    transport::embedded::{Embedded, EmbeddedOptions},
};
use testkit::{
    db::TestDatabase,
    ledger::{TestLedger, promote, rules},
};

const TIMEOUT: Duration = Duration::from_mins(1);
/// A time that is many times longer than a lease.
const SECONDS: i64 = 60;

async fn worker(ledger: &TestLedger, name: &str, clock: &Clock) -> Embedded {
    let catalog = Catalog {
        rules: Arc::new(rules()),
        packages: Vec::new(),
        free_users_may_buy: true,
    };
    let options = EmbeddedOptions {
        url: ledger.database.url().to_owned(),
        worker: name.to_owned(),
        group_max: 1000,
        clock: clock.clone(),
    };
    let worker = Embedded::start(options, ledger.store.clone(), Arc::new(catalog)).await;
    worker.expect("a worker")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_only_gets_queries_keeps_the_lane() {
    let ledger = TestLedger::on(TestDatabase::sqlite().await).await;
    ledger.one(promote("g", "ada", 7, None)).await;
    let (clock, clock_handle) = Clock::manual(ledger.now);
    let first = worker(&ledger, "first", &clock).await;
    first.ready().await;
    let second = worker(&ledger, "second", &clock).await;
    let mut taken_over = pin!(second.ready());
    let client = Client::connect(ledger.database.url(), Options::default()).await;
    let client = client.expect("a client");
    for second in 1..=SECONDS {
        clock_handle.set(ledger.now + TimeDelta::seconds(second));
        assert_eq!(client.balance("ada").await.expect("an answer").balance, 7);
        assert!(
            taken_over.as_mut().now_or_never().is_none(),
            "another worker took over the lane"
        );
    }
    assert!(first.drain(TIMEOUT).await);
    taken_over.await;
    client.close().await.expect("closed");
    assert!(second.drain(TIMEOUT).await);
}
