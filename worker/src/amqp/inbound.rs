//! The AMQP side as the rest of the worker sees it: start it, watch it, drain it.

use std::{
    collections::BTreeMap,
    future::pending,
    sync::{Arc, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{sync::watch, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{
    AmqpError, InboundOptions, OtherLedger, connection,
    links::{InboundWatch, Links},
    publisher::Publisher,
    supervisor::{AllStats, Supervisor},
};
use crate::lane::{Ledger, Questions, Snapshot};

/// Longer names do not fit into the tags of subscriptions.
const MAX_WORKER: usize = 200;

/// How draining ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Everything that had begun was finished.
    Clean,
    /// The deadline came first. What was not acknowledged is delivered again.
    Late,
}

/// The running AMQP side.
#[derive(Debug)]
pub struct Inbound {
    stop: CancellationToken,
    supervisor: JoinHandle<()>,
    publishing: JoinHandle<()>,
    publisher: Publisher,
    stats: AllStats,
    links: Arc<Links>,
    registered: watch::Receiver<usize>,
    refused: watch::Receiver<Option<OtherLedger>>,
    lanes: usize,
    queries: String,
}

impl Inbound {
    /// Starts serving. Returns at once; the broker may come later. Fails only when the URL or the worker's name cannot be used.
    pub fn start<L: Ledger, Q: Questions>(
        options: InboundOptions,
        ledger: Arc<L>,
        questions: Arc<Q>,
    ) -> Result<Self, AmqpError> {
        connection::parse(&options.url)?;
        if options.worker.len() > MAX_WORKER {
            return Err(AmqpError::Worker(options.worker));
        }
        let lanes = options.topology.shards() as usize + 2;
        let queries = options.topology.queries();
        let links = Arc::<Links>::default();
        links.expected.store(lanes, Relaxed);
        let (publisher, publishing) = Publisher::start(&options, links.clone());
        let stop = CancellationToken::new();
        let stats = AllStats::default();
        let (sender, registered) = watch::channel(0);
        let (refusal, refused) = watch::channel(None);
        let supervisor = Supervisor {
            options: Arc::new(options),
            ledger,
            questions,
            publisher: publisher.clone(),
            stop: stop.clone(),
            stats: stats.clone(),
            links: links.clone(),
            registered: sender,
            refused: refusal,
        };
        let supervisor = tokio::spawn(supervisor.run());
        Ok(Self {
            stop,
            supervisor,
            publishing,
            publisher,
            stats,
            links,
            registered,
            refused,
            lanes,
            queries,
        })
    }

    /// Returns when every lane is registered on the broker.
    pub fn ready(&self) -> impl Future<Output = ()> + Send + 'static {
        let (mut registered, lanes) = (self.registered.clone(), self.lanes);
        async move {
            // The sender lives as long as the supervisor.
            let _ = registered.wait_for(|registered| *registered >= lanes).await;
        }
    }

    /// Returns when the namespace turns out to belong to another ledger, at the start or after a reconnect. Nothing is
    /// served any more by then.
    pub fn refused(&self) -> impl Future<Output = OtherLedger> + Send + 'static {
        let mut refused = self.refused.clone();
        async move {
            loop {
                if let Some(other) = refused.borrow_and_update().clone() {
                    return other;
                }
                if refused.changed().await.is_err() {
                    return pending().await;
                }
            }
        }
    }

    /// Whether every lane is registered on the broker.
    pub fn is_ready(&self) -> bool {
        *self.registered.borrow() >= self.lanes
    }

    /// The counters of every lane, by queue.
    pub fn stats(&self) -> BTreeMap<String, Snapshot> {
        let stats = self.stats.lock().unwrap_or_else(PoisonError::into_inner);
        stats
            .iter()
            .map(|(queue, stats)| (queue.clone(), stats.snapshot()))
            .collect()
    }

    /// Sees all this from outside.
    pub fn watch(&self) -> InboundWatch {
        InboundWatch {
            stats: self.stats.clone(),
            queries: self.queries.clone(),
            links: self.links.clone(),
            registered: self.registered.clone(),
            dropped_replies: self.publisher.dropped_counter(),
            supervisor: self.supervisor.abort_handle(),
            publishing: self.publishing.abort_handle(),
        }
    }

    /// Replies that were dropped rather than waited for.
    pub fn dropped_replies(&self) -> u64 {
        self.publisher.dropped()
    }

    /// Stops reading, commits and acknowledges what is being committed, gives back what was only prefetched,
    /// sends the replies and closes the connections; at most until `deadline` has passed.
    pub async fn drain(self, deadline: Duration) -> Drained {
        let Self {
            stop,
            mut supervisor,
            mut publishing,
            publisher,
            ..
        } = self;
        stop.cancel();
        let until = Instant::now() + deadline;
        let lanes_done = tokio::time::timeout_at(until, &mut supervisor).await.is_ok();
        // The last handle: the publisher ends when it has sent what it has.
        drop(publisher);
        let replies_done = lanes_done && tokio::time::timeout_at(until, &mut publishing).await.is_ok();
        if lanes_done && replies_done {
            return Drained::Clean;
        }
        warn!(
            ?deadline,
            "draining took too long; what was not acknowledged will be delivered again"
        );
        supervisor.abort();
        publishing.abort();
        Drained::Late
    }
}
