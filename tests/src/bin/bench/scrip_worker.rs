//! Scrip's own lanes, in this process.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use producer_sdk::contract::{Answer, Query};
use scrip::{
    amqp::{Drained, Inbound, InboundOptions},
    lane::{Questions, StoreLedger, Trouble},
};
use tests::broker;

use crate::load::{FullQueues, Ledger, Rate, Workload, timed};

/// Nobody asks anything here.
struct NoQuestions;

impl Questions for NoQuestions {
    async fn answer(&self, query: &Query, _: DateTime<Utc>) -> Result<Answer, Trouble> {
        Ok(Answer::error(
            query.kind(),
            "unavailable",
            "nothing is answered in a benchmark",
        ))
    }
}

pub async fn run(workload: &Workload) -> Rate {
    let ledger = Ledger::of(workload).await;
    let queues = FullQueues::of(workload).await;
    let mut options = InboundOptions::new(broker::broker_url(), queues.topology.clone(), "bench");
    options.registration_spread = Duration::ZERO;
    let store = StoreLedger::new(ledger.store.clone(), Arc::new(ledger.rules.clone()), None);
    let inbound = Inbound::start(options, Arc::new(store), Arc::new(NoQuestions)).expect("a worker");
    let done = || inbound.stats().values().map(|lane| lane.completed).sum::<u64>();
    let commands = workload.commands as u64;
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    inbound.ready().await;
    let before = usize::try_from(done()).expect("a number");
    let rate = timed(workload.commands - before, async {
        while done() < commands {
            tick.tick().await;
        }
    })
    .await;
    assert_eq!(inbound.drain(Duration::from_secs(30)).await, Drained::Clean);
    assert_eq!(queues.left().await, 0);
    ledger.check(workload).await;
    queues.remove().await;
    rate
}
