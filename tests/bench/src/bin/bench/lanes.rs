//! Scrip's lanes, in this process.

use std::{sync::Arc, time::Duration};

use scrip::{
    db::StoreOptions,
    queries::StoreQueryHandler,
    store::Store,
    store_ledger::StoreLedger,
    transport::amqp::{Drained, Inbound, InboundOptions},
};
use testkit::broker::TestBroker;
use tokio::time::{Instant, interval};

use crate::ledger::Ledger;

/// The benchmark fails after this time without progress of any lane.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Running lanes.
pub struct Lanes {
    inbound: Inbound,
    store: Store,
}

impl Lanes {
    /// Starts one lane for each shard of the broker's namespace, and waits until all are
    /// registered.
    pub async fn start(ledger: &Ledger, broker: &TestBroker, group_max: u16) -> Self {
        let options = InboundOptions {
            group_max,
            registration_spread: Duration::ZERO,
            ..InboundOptions::new(broker.url(), broker.topology().clone(), "bench")
        };
        let connections = StoreOptions::default().of_worker(broker.topology().shards());
        let store = Store::connect(ledger.database.url(), &connections).await;
        let store = store.expect("a store");
        let committing = StoreLedger::new(store.clone(), ledger.rules.clone(), None);
        let query_handler = StoreQueryHandler::new(store.clone(), ledger.catalog(), None);
        let inbound =
            Inbound::start(options, Arc::new(committing), Arc::new(query_handler)).expect("lanes");
        inbound.ready().await;
        Self { inbound, store }
    }

    /// The number of settled commands.
    pub fn settled(&self) -> usize {
        let stats = self.inbound.stats();
        let settled = stats
            .values()
            .map(|lane| lane.completed + lane.failed + lane.dead);
        usize::try_from(settled.sum::<u64>()).expect("a number")
    }

    /// Waits until `commands` commands are settled.
    pub async fn until_settled(&self, commands: usize) {
        let mut tick = interval(Duration::from_millis(2));
        let mut last = (0, Instant::now());
        loop {
            let settled = self.settled();
            if settled >= commands {
                return;
            }
            if settled > last.0 {
                last = (settled, Instant::now());
            }
            assert!(
                last.1.elapsed() < TIMEOUT,
                "the lanes have stopped at {settled} of {commands}"
            );
            tick.tick().await;
        }
    }

    /// Stops the lanes; panics if a queue still has messages.
    pub async fn stop(self, broker: &TestBroker) {
        let drained = self.inbound.drain(Duration::from_secs(30)).await;
        assert_eq!(drained, Drained::Clean);
        self.store.close().await.expect("closed");
        for queue in broker.topology().queues() {
            assert_eq!(
                broker.ready_in(&queue.name).await,
                0,
                "messages in {}",
                queue.name
            );
        }
    }
}
