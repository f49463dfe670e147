//! Rebuilds the connection, the topology and the lanes after any failure, until the worker stops.
//!
//! Each lane declares its own queue and becomes ready by itself. A failure of one queue concerns
//! only its lane: it declares and subscribes again, and the other lanes do not notice. If the
//! connection is lost, all lanes end and everything is rebuilt.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use lapin::Connection;
use tokio::{
    sync::watch,
    task::{Id, JoinSet},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, info_span, warn};

use super::{
    connection,
    connection_state::ConnectionStates,
    error::{AmqpError, OtherLedger},
    inbound_watch::AllStats,
    interruption::Interruption,
    lane::Lane,
    lane_connection::LaneConnection,
    ledger_id,
    options::InboundOptions,
    publisher::Publisher,
    queue_depth,
    registration_guard::{RegistrationGuard, Registrations},
    retired_shards,
    session::Session,
    topology,
};
use crate::pipeline::{Backoff, LaneState, LaneStats, Ledger, Pipeline, chain};

const MAX_WAIT: Duration = Duration::from_secs(2);
/// The backoff is reset after a connection that lasted this long.
const STABLE_AFTER: Duration = Duration::from_secs(30);

/// Maintains the connection, the topology and the lanes.
pub struct Supervisor<L> {
    pub options: Arc<InboundOptions>,
    pub ledger: Arc<L>,
    pub publisher: Publisher,
    pub stop: CancellationToken,
    pub stats: AllStats,
    pub connection_state: Arc<ConnectionStates>,
    /// The lanes that are registered on the broker.
    pub registered: watch::Sender<Registrations>,
    /// Queues whose subscription may have made the broker close the connection. Their lanes
    /// subscribe over connections of their own.
    pub suspects: Mutex<HashSet<String>>,
    /// Set if the namespace turns out to belong to another ledger. Then nothing is served any more.
    pub refused: watch::Sender<Option<OtherLedger>>,
}

/// A task of a session.
#[derive(Clone, Debug)]
enum Served {
    Commands {
        queue: String,
        shard: Option<u32>,
    },
    /// Reads the depth of the queues.
    Depths {
        queues: Vec<(String, bool)>,
        every: Duration,
    },
    /// Unbinds the buckets of other shards from the queues of these shards.
    Unbinding {
        shards: Vec<u32>,
        lanes: usize,
    },
}

impl<L: Ledger + 'static> Supervisor<L> {
    /// Runs until `stop` is cancelled.
    pub async fn run(self) {
        let this = Arc::new(self);
        let mut backoff = Backoff::new(MAX_WAIT);
        while !this.stop.is_cancelled() {
            let (started, committed) = (Instant::now(), this.committed());
            let session = this.clone().session().await;
            let Err(error) = session else {
                this.connection_state.receiving.down();
                continue;
            };
            this.connection_state.receiving.lost(chain(&error));
            if let AmqpError::OtherLedger(other) = error {
                error!(
                    error = %other,
                    alarm = true,
                    "namespace belongs to another ledger, serving nothing"
                );
                this.refused.send_replace(Some(other));
                return this.stop.cancelled().await;
            }
            // A connection over which commands were committed also resets the backoff, even if it
            // was short.
            if started.elapsed() > STABLE_AFTER || this.committed() > committed {
                backoff.reset();
            }
            let wait = backoff.wait();
            let error = chain(&error);
            if let Some(suppressed) = this.connection_state.receiving_failures.note(&error) {
                warn!(error, wait = ?wait, suppressed, "broker connection lost, reconnecting");
            }
            tokio::select! {
                () = this.stop.cancelled() => return,
                () = sleep(wait) => {}
            }
        }
    }

    /// Serves over one connection until it is lost or the worker stops.
    async fn session(self: Arc<Self>) -> Result<(), AmqpError> {
        let (connection, retired) = tokio::select! {
            prepared = self.prepare() => prepared?,
            // Later on the lanes stop by themselves and are awaited.
            () = self.stop.cancelled() => return Ok(()),
        };
        let connection = Arc::new(connection);
        let session = Session::new(connection.clone(), &self.stop);
        self.connection_state.receiving.up();
        self.connection_state.receiving_failures.clear();
        let mut lanes = JoinSet::new();
        let mut served = HashMap::new();
        for target in self.to_serve(&retired) {
            self.spawn(&mut lanes, &mut served, target, &session);
        }
        let mut lost = None;
        while let Some(ended) = lanes.join_next_with_id().await {
            match ended {
                Ok((_, Ok(()))) => {}
                Ok((_, Err(error))) => {
                    session.stop.cancel();
                    lost.get_or_insert(error);
                }
                Err(panicked) => {
                    error!(error = %panicked, alarm = true, "lane panicked, restarting it");
                    if let Some(target) = served.remove(&panicked.id()) {
                        self.spawn(&mut lanes, &mut served, target, &session);
                    }
                }
            }
        }
        connection::close(&connection).await;
        lost.map_or(Ok(()), Err)
    }

    /// Number of commands that the lanes have committed so far.
    fn committed(&self) -> u64 {
        let all = self.stats.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().map(|stats| stats.snapshot().commands).sum()
    }

    /// Connects, declares the exchanges, and finds the queues of former shards. Each lane declares
    /// its own queue, and the publisher those of dead letters and delayed messages.
    async fn prepare(&self) -> Result<(Connection, Vec<u32>), AmqpError> {
        let name = format!("scrip {} receiving", self.options.worker);
        let connection = connection::open(&self.options.url, name).await?;
        // Compared first, and after each reconnect: this broker may be another one.
        if let Some(id) = self.options.ledger_id {
            ledger_id::compare(&connection, &self.options.topology, id).await?;
        }
        topology::declare_exchanges(&connection, &self.options.topology).await?;
        let retired = retired_shards::retired_shards(&connection, &self.options.topology).await?;
        Ok((connection, retired))
    }

    fn to_serve(&self, retired: &[u32]) -> Vec<Served> {
        let topology = &self.options.topology;
        if !retired.is_empty() {
            info!(?retired, "serving the queues of former shards");
        }
        let shards: Vec<u32> = (0..topology.shards())
            .chain(retired.iter().copied())
            .collect();
        let mut all: Vec<Served> = shards
            .iter()
            .copied()
            .map(|shard| Served::Commands {
                queue: topology.commands(shard),
                shard: Some(shard),
            })
            .collect();
        all.push(Served::Commands {
            queue: topology.unrouted(),
            shard: None,
        });
        let lanes = all.len();
        self.connection_state.expected.store(lanes, Relaxed);
        if let Some(every) = self.options.look_every {
            let served = all.iter().filter_map(|served| match served {
                Served::Commands { queue, .. } => Some(queue.clone()),
                Served::Depths { .. } | Served::Unbinding { .. } => None,
            });
            let queues = queue_depth::queues(topology, served.collect());
            all.push(Served::Depths { queues, every });
        }
        all.push(Served::Unbinding { shards, lanes });
        all
    }

    fn spawn(
        self: &Arc<Self>,
        lanes: &mut JoinSet<Result<(), AmqpError>>,
        served: &mut HashMap<Id, Served>,
        target: Served,
        session: &Session,
    ) {
        let (this, session) = (self.clone(), session.clone());
        let task = match target.clone() {
            Served::Commands { queue, shard } => {
                let span = info_span!("lane", queue);
                lanes.spawn(
                    async move { this.commands(queue, shard, &session).await }.instrument(span),
                )
            }
            Served::Depths { queues, every } => lanes.spawn(async move {
                let dead = this.options.topology.dead();
                queue_depth::watch(
                    &session.connection,
                    &queues,
                    &dead,
                    every,
                    &this.connection_state,
                    session.stop.clone(),
                )
                .await;
                // Lanes with connections of their own do not notice the loss of the shared one.
                if session.stop.is_cancelled() || session.connection.status().connected() {
                    Ok(())
                } else {
                    Err(AmqpError::Ended)
                }
            }),
            Served::Unbinding { shards, lanes: all } => lanes.spawn(async move {
                session
                    .unbind_moved(&this.options.topology, shards, all)
                    .await;
                Ok(())
            }),
        };
        served.insert(task.id(), target);
    }

    /// Serves one command queue until the connection is lost or the worker stops.
    async fn commands(
        &self,
        queue: String,
        shard: Option<u32>,
        session: &Session,
    ) -> Result<(), AmqpError> {
        let stop = &session.stop;
        let delay = self.registration_delay(&queue, shard);
        let stats = self.stats_of(&queue);
        let pipeline = Pipeline::new(self.options.senders.clone(), stats.clone());
        let mut lane = Lane::new(
            queue,
            self.options.clone(),
            self.publisher.clone(),
            self.ledger.clone(),
            pipeline,
            stop.clone(),
        );
        let mut connection = LaneConnection::shared(&session.connection);
        let served = self
            .serve_over(&mut connection, &mut lane, &stats, session, delay)
            .await;
        connection.close_own().await;
        served
    }

    async fn serve_over(
        &self,
        connection: &mut LaneConnection<'_>,
        lane: &mut Lane<L>,
        stats: &LaneStats,
        session: &Session,
        mut delay: Duration,
    ) -> Result<(), AmqpError> {
        let stop = &session.stop;
        let mut backoff = Backoff::new(MAX_WAIT);
        let mut waiting = Vec::new();
        if self.suspects().contains(lane.queue()) {
            let opened = connection.open_own(lane.queue(), &self.options, &mut backoff, stop);
            opened.await?;
        }
        loop {
            let declared = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                declared = session.declare(
                    connection.get(),
                    &self.options.topology,
                    lane.queue(),
                ) => declared,
            };
            if declared.is_ok() {
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    () = sleep(std::mem::take(&mut delay)) => {}
                }
                lane.wait_for_database(&waiting).await;
                lane.wait_for_clock().await;
                waiting.clear();
            }
            if stop.is_cancelled() {
                return Ok(());
            }
            let (started, committed) = (Instant::now(), stats.snapshot().commands);
            let queue = lane.queue().to_owned();
            let mut guard = RegistrationGuard::none(&self.registered, &queue);
            let interruption = match declared {
                Ok(()) => lane.serve(connection.get(), || guard.take()).await,
                Err(error) => error.into(),
            };
            if guard.is_taken() {
                self.suspects().remove(&queue);
            } else {
                guard.fail();
                if matches!(&interruption, Interruption::Broker(error) if error.is_internal()) {
                    self.suspects().insert(queue.clone());
                }
            }
            drop(guard);
            stats.state.set(LaneState::Starting);
            stats.heartbeat.idle();
            match interruption {
                Interruption::Drained => return Ok(()),
                Interruption::Database(commands) => {
                    waiting = commands;
                    warn!("deliveries requeued until the database answers");
                }
                Interruption::Clock => {
                    warn!("deliveries requeued until the clocks agree");
                }
                Interruption::Broker(error) => {
                    if started.elapsed() > STABLE_AFTER || stats.snapshot().commands > committed {
                        backoff.reset();
                    }
                    let recovered =
                        connection.recover(error, lane.queue(), &self.options, &mut backoff, stop);
                    recovered.await?;
                }
            }
        }
    }

    fn suspects(&self) -> MutexGuard<'_, HashSet<String>> {
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stats_of(&self, queue: &str) -> Arc<LaneStats> {
        let mut all = self.stats.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(queue.to_owned()).or_default().clone()
    }

    /// The delay before registering on a queue. On every version of the broker the worker that
    /// registers first is the active one. So with different delays, workers that start together
    /// share the shards.
    fn registration_delay(&self, queue: &str, shard: Option<u32>) -> Duration {
        if shard.is_some_and(|shard| self.options.prefer.contains(&shard)) {
            return Duration::ZERO;
        }
        let mut hasher = DefaultHasher::new();
        (&self.options.worker, queue).hash(&mut hasher);
        let part = u32::try_from(hasher.finish() % 1024).unwrap_or_default();
        self.options.registration_spread * part / 1024
    }
}
