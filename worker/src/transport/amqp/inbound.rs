//! The AMQP transport as the rest of the worker uses it: start, watch and drain.

use std::{
    collections::BTreeMap,
    future::pending,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{
    connection,
    connection_state::{ConnectionStates, SharedState},
    error::{AmqpError, OtherLedger},
    inbound_watch::{AllStats, InboundWatch},
    options::InboundOptions,
    publisher::Publisher,
    queries::QueryService,
    registration_guard::Registrations,
    replies::ReplySender,
    supervisor::Supervisor,
};
use crate::{
    pipeline::{Ledger, Snapshot},
    queries::QueryHandler,
};

/// Longest name of a worker in bytes: it must fit into a consumer tag.
const MAX_WORKER: usize = 200;

/// How draining ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Everything in progress was finished.
    Clean,
    /// The deadline passed. Unacknowledged deliveries are delivered again.
    Late,
}

/// The running AMQP transport.
#[derive(Debug)]
pub struct Inbound {
    stop: CancellationToken,
    supervisor: JoinHandle<()>,
    queries: JoinHandle<()>,
    publishing: JoinHandle<()>,
    replies: JoinHandle<()>,
    publisher: Publisher,
    stats: AllStats,
    connection_state: Arc<ConnectionStates>,
    registered: watch::Receiver<Registrations>,
    queries_tried: watch::Receiver<bool>,
    refused: watch::Receiver<Option<OtherLedger>>,
    /// The queues of commands, without those of former shards.
    command_queues: Vec<String>,
    query_queue: String,
}

impl Inbound {
    /// Starts serving and returns at once; the broker may become available later. Fails only if the
    /// URL or the name of the worker is invalid.
    pub fn start<L: Ledger + 'static, Q: QueryHandler>(
        options: InboundOptions,
        ledger: Arc<L>,
        query_handler: Arc<Q>,
    ) -> Result<Self, AmqpError> {
        connection::virtual_host(&options.url)?;
        if options.worker.len() > MAX_WORKER {
            return Err(AmqpError::Worker(options.worker));
        }
        let topology = &options.topology;
        let shards = (0..topology.shards()).map(|shard| topology.commands(shard));
        let command_queues: Vec<String> = shards.chain([topology.unrouted()]).collect();
        let query_queue = options.topology.queries();
        let connection_state = Arc::new(ConnectionStates::new(&options.senders));
        connection_state
            .expected
            .store(command_queues.len(), Relaxed);
        let (sender, replies) = ReplySender::start(&options, connection_state.clone());
        let (publisher, publishing) = Publisher::start(&options, connection_state.clone(), sender);
        let stop = CancellationToken::new();
        let stats = AllStats::default();
        let (registrations, registered) = watch::channel(Registrations::default());
        let (tried, queries_tried) = watch::channel(false);
        let (refusal, refused) = watch::channel(None);
        let options = Arc::new(options);
        let queries = QueryService {
            options: options.clone(),
            publisher: publisher.clone(),
            query_handler,
            stop: stop.clone(),
            connection_state: connection_state.clone(),
            tried,
        };
        let queries = tokio::spawn(queries.run());
        let supervisor = Supervisor {
            options,
            ledger,
            publisher: publisher.clone(),
            stop: stop.clone(),
            stats: stats.clone(),
            connection_state: connection_state.clone(),
            registered: registrations,
            suspects: Mutex::default(),
            refused: refusal,
        };
        let supervisor = tokio::spawn(supervisor.run());
        Ok(Self {
            stop,
            supervisor,
            queries,
            publishing,
            replies,
            publisher,
            stats,
            connection_state,
            registered,
            queries_tried,
            refused,
            command_queues,
            query_queue,
        })
    }

    /// Completes when every lane for commands is registered on the broker, and queries are served
    /// or turned out to be unavailable.
    pub fn ready(&self) -> impl Future<Output = ()> + Send + 'static {
        self.when(Registrations::has_all)
    }

    /// Like [`Self::ready`], but also completes if the queue of a lane turned out to be
    /// unavailable.
    pub fn tried(&self) -> impl Future<Output = ()> + Send + 'static {
        self.when(Registrations::has_tried_all)
    }

    fn when(
        &self,
        condition: fn(&Registrations, &[String]) -> bool,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (mut registered, queues) = (self.registered.clone(), self.command_queues.clone());
        let mut tried = self.queries_tried.clone();
        async move {
            // The senders live as long as the supervisor and the query service.
            let _ = registered.wait_for(|all| condition(all, &queues)).await;
            let _ = tried.wait_for(|tried| *tried).await;
        }
    }

    /// The state of the connection that receives job requests, for [`super::jobs::serve`].
    pub fn job_state(&self) -> Arc<SharedState> {
        self.connection_state.jobs.clone()
    }

    /// Completes when the namespace turns out to belong to another ledger, at the start or after a
    /// reconnect. By then nothing is served any more.
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

    /// Whether every lane for commands is registered on the broker.
    pub fn is_ready(&self) -> bool {
        self.registered.borrow().has_all(&self.command_queues)
    }

    /// The counters of every lane, by queue.
    pub fn stats(&self) -> BTreeMap<String, Snapshot> {
        let stats = self.stats.lock().unwrap_or_else(PoisonError::into_inner);
        stats
            .iter()
            .map(|(queue, stats)| (queue.clone(), stats.snapshot()))
            .collect()
    }

    /// A handle that reads the state of the transport.
    pub fn watch(&self) -> InboundWatch {
        InboundWatch {
            stats: self.stats.clone(),
            queries: self.query_queue.clone(),
            connection_state: self.connection_state.clone(),
            registered: self.registered.clone(),
            lost_replies: self.publisher.replies().lost().clone(),
            tasks: [
                ("supervisor", self.supervisor.abort_handle()),
                ("queries", self.queries.abort_handle()),
                ("publisher", self.publishing.abort_handle()),
                ("replies", self.replies.abort_handle()),
            ],
        }
    }

    /// Number of replies that were not sent.
    pub fn dropped_replies(&self) -> u64 {
        self.publisher.replies().lost().sum()
    }

    /// Stops receiving, commits and acknowledges the groups in progress, requeues deliveries that
    /// were only prefetched, sends the replies and closes the connections, at most until `deadline`
    /// has passed.
    pub async fn drain(self, deadline: Duration) -> Drained {
        let Self {
            stop,
            mut supervisor,
            mut queries,
            mut publishing,
            mut replies,
            publisher,
            ..
        } = self;
        stop.cancel();
        let finished = async {
            let _ = tokio::join!(&mut supervisor, &mut queries);
            // This is the last handle: both tasks end when they have sent everything.
            drop(publisher);
            let _ = tokio::join!(&mut publishing, &mut replies);
        };
        if tokio::time::timeout(deadline, finished).await.is_ok() {
            return Drained::Clean;
        }
        warn!(
            ?deadline,
            "drain deadline exceeded, unacknowledged deliveries are delivered again"
        );
        for task in [supervisor, queries, publishing, replies] {
            task.abort();
        }
        Drained::Late
    }
}
