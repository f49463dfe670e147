//! Rebuilds connection, topology and lanes whatever happens, until asked to stop.
//!
//! Trouble with one queue is its lane's: the lane subscribes again, on the same connection, and the others do
//! not notice. When the connection is gone all lanes end and everything is built anew.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError, atomic::Ordering::Relaxed},
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
    AmqpError, InboundOptions, OtherLedger, connection,
    lane::{Interruption, Lane},
    lane_connection::LaneConnection,
    ledger_id, lengths,
    links::Links,
    place::Place,
    publisher::Publisher,
    topology,
};
use crate::lane::{Backoff, Condition, LaneStats, Ledger, Pipeline, chain};

const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// A connection that held this long was a good one.
const GOOD: Duration = Duration::from_secs(30);

/// The counters of every lane that there ever was, by queue.
pub type AllStats = Arc<Mutex<BTreeMap<String, Arc<LaneStats>>>>;

/// Keeps connection, topology and lanes.
pub struct Supervisor<L> {
    pub options: Arc<InboundOptions>,
    pub ledger: Arc<L>,
    pub publisher: Publisher,
    pub stop: CancellationToken,
    pub stats: AllStats,
    pub links: Arc<Links>,
    /// How many lanes are registered on the broker.
    pub registered: watch::Sender<usize>,
    /// Set when the namespace turns out to belong to another ledger; then nothing is served any more.
    pub refused: watch::Sender<Option<OtherLedger>>,
}

/// What a lane serves.
#[derive(Clone, Debug)]
enum Served {
    Commands {
        queue: String,
        shard: Option<u32>,
    },
    /// Nothing; looks what waits in the queues.
    Lengths {
        queues: Vec<(String, bool)>,
        every: Duration,
    },
}

impl<L: Ledger> Supervisor<L> {
    /// Goes on until asked to stop.
    pub async fn run(self) {
        let this = Arc::new(self);
        let mut backoff = Backoff::new(LONGEST_WAIT);
        while !this.stop.is_cancelled() {
            let (started, committed) = (Instant::now(), this.committed());
            let session = this.clone().session().await;
            let Err(error) = session else {
                this.links.receiving.down();
                continue;
            };
            this.links.receiving.lost();
            if let AmqpError::OtherLedger(other) = error {
                error!(error = %other, alarm = true, "the namespace belongs to another ledger; serving nothing");
                this.refused.send_replace(Some(other));
                return this.stop.cancelled().await;
            }
            // A connection over which something was done was a good one, however short its life.
            if started.elapsed() > GOOD || this.committed() > committed {
                backoff.reset();
            }
            let wait = backoff.wait();
            warn!(error = chain(&error), wait = ?wait, "the broker was lost; connecting again");
            tokio::select! {
                () = this.stop.cancelled() => return,
                () = sleep(wait) => {}
            }
        }
    }

    /// One connection's life.
    async fn session(self: Arc<Self>) -> Result<(), AmqpError> {
        let (connection, retired) = tokio::select! {
            prepared = self.prepare() => prepared?,
            // From here on the lanes stop by themselves, and are waited for.
            () = self.stop.cancelled() => return Ok(()),
        };
        let connection = Arc::new(connection);
        self.links.receiving.up();
        let mut lanes = JoinSet::new();
        let mut served = HashMap::new();
        // Stops the lanes of this connection: when the worker stops, or when one of them lost the connection.
        let stop = self.stop.child_token();
        for what in self.to_serve(&retired) {
            self.spawn(&mut lanes, &mut served, what, &connection, &stop);
        }
        let mut lost = None;
        while let Some(ended) = lanes.join_next_with_id().await {
            match ended {
                Ok((_, Ok(()))) => {}
                Ok((_, Err(error))) => {
                    stop.cancel();
                    lost.get_or_insert(error);
                }
                Err(panicked) => {
                    error!(error = %panicked, alarm = true, "a lane broke; starting it again");
                    if let Some(what) = served.remove(&panicked.id()) {
                        self.spawn(&mut lanes, &mut served, what, &connection, &stop);
                    }
                }
            }
        }
        connection::close(&connection).await;
        lost.map_or(Ok(()), Err)
    }

    /// Commands that the lanes have committed so far.
    fn committed(&self) -> u64 {
        let all = self.stats.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().map(|stats| stats.snapshot().commands).sum()
    }

    /// Connects, and finds out what there is to serve.
    async fn prepare(&self) -> Result<(Connection, Vec<u32>), AmqpError> {
        let name = format!("scrip {} receiving", self.options.worker);
        let connection = connection::open(&self.options.url, name).await?;
        // First of all, and again after each reconnect: this broker may be another one.
        if let Some(id) = self.options.ledger_id {
            ledger_id::compare(&connection, &self.options.topology, id).await?;
        }
        topology::declare(&connection, &self.options.topology).await?;
        topology::unbind_moved(&connection, &self.options.topology).await?;
        let retired = topology::retired_shards(&connection, &self.options.topology).await?;
        Ok((connection, retired))
    }

    fn to_serve(&self, retired: &[u32]) -> Vec<Served> {
        let topology = &self.options.topology;
        if !retired.is_empty() {
            info!(?retired, "serving the queues of former shards as well");
        }
        let shards = (0..topology.shards()).chain(retired.iter().copied());
        let mut all: Vec<Served> = shards
            .map(|shard| Served::Commands {
                queue: topology.commands(shard),
                shard: Some(shard),
            })
            .collect();
        all.push(Served::Commands {
            queue: topology.unrouted(),
            shard: None,
        });
        // The query lane is served over a connection of its own.
        self.links.expected.store(all.len() + 1, Relaxed);
        if let Some(every) = self.options.look_every {
            let served = all.iter().filter_map(|served| match served {
                Served::Commands { queue, .. } => Some(queue.clone()),
                Served::Lengths { .. } => None,
            });
            let queues = lengths::queues(topology, served.collect());
            all.push(Served::Lengths { queues, every });
        }
        all
    }

    fn spawn(
        self: &Arc<Self>,
        lanes: &mut JoinSet<Result<(), AmqpError>>,
        served: &mut HashMap<Id, Served>,
        what: Served,
        connection: &Arc<Connection>,
        stop: &CancellationToken,
    ) {
        let (this, connection, stop) = (self.clone(), connection.clone(), stop.clone());
        let task = match what.clone() {
            Served::Commands { queue, shard } => {
                let span = info_span!("lane", queue);
                lanes.spawn(
                    async move { this.commands(queue, shard, &connection, stop).await }.instrument(span),
                )
            }
            Served::Lengths { queues, every } => lanes.spawn(async move {
                let dead = this.options.topology.dead();
                lengths::watch(&connection, &queues, &dead, every, &this.links, stop).await;
                Ok(())
            }),
        };
        served.insert(task.id(), what);
    }

    /// Serves one command queue for as long as there is a connection.
    async fn commands(
        &self,
        queue: String,
        shard: Option<u32>,
        connection: &Connection,
        stop: CancellationToken,
    ) -> Result<(), AmqpError> {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = sleep(self.registration_delay(&queue, shard)) => {}
        }
        let stats = self.stats_of(&queue);
        let pipeline = Pipeline::new(self.ledger.clone(), self.options.senders.clone(), stats.clone());
        let mut lane = Lane::new(
            queue,
            self.options.clone(),
            self.publisher.clone(),
            pipeline,
            stop.clone(),
        );
        let mut connection = LaneConnection::shared(connection);
        let served = self.serve_over(&mut connection, &mut lane, &stats, &stop).await;
        connection.close_own().await;
        served
    }

    async fn serve_over(
        &self,
        connection: &mut LaneConnection<'_>,
        lane: &mut Lane<L>,
        stats: &LaneStats,
        stop: &CancellationToken,
    ) -> Result<(), AmqpError> {
        let mut backoff = Backoff::new(LONGEST_WAIT);
        let mut waiting = Vec::new();
        loop {
            lane.wait_for_database(&waiting).await;
            lane.wait_for_clock().await;
            waiting.clear();
            if stop.is_cancelled() {
                return Ok(());
            }
            let (started, committed) = (Instant::now(), stats.snapshot().commands);
            let mut place = Place::none(&self.registered);
            let interruption = lane.serve(connection.get(), || place.take()).await;
            drop(place);
            stats.condition.set(Condition::Starting);
            stats.pulse.rest();
            match interruption {
                Interruption::Drained => return Ok(()),
                Interruption::Database(commands) => {
                    waiting = commands;
                    warn!("gave everything back to the queue until the database answers");
                }
                Interruption::Clock => {
                    warn!("gave everything back to the queue until the clocks agree");
                }
                Interruption::Broker(error) => {
                    if started.elapsed() > GOOD || stats.snapshot().commands > committed {
                        backoff.reset();
                    }
                    let recovered =
                        connection.recover(error, lane.queue(), &self.options, &mut backoff, stop);
                    recovered.await?;
                }
            }
        }
    }

    fn stats_of(&self, queue: &str) -> Arc<LaneStats> {
        let mut all = self.stats.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(queue.to_owned()).or_default().clone()
    }

    /// The worker that registers first is the active one on every version of the broker, so that several
    /// workers which start together share the shards.
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
