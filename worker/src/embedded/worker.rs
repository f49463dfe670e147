//! The embedded worker as the rest of the program sees it: start it, watch it, drain it.

use std::{sync::Arc, time::Duration};

use sea_orm::DatabaseConnection;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{EmbeddedError, EmbeddedWatch, lane::Lane, round_ledger::RoundLedger};
use crate::{
    catalog::Catalog,
    clock::Clock,
    lane::{LaneStats, Pipeline, Snapshot, StoreQuestions},
    store::{self, Purpose, Store, StoreOptions},
};

const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// What the embedded worker can be told.
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// The file, as an SQLite URL.
    pub url: String,
    /// This worker's name, unlike any other's.
    pub worker: String,
    /// At most this many commands are committed together.
    pub group_max: u16,
    /// What time it is.
    pub clock: Clock,
}

/// The running embedded worker.
#[derive(Debug)]
pub struct Embedded {
    stop: CancellationToken,
    lane: JoinHandle<()>,
    serving: watch::Receiver<bool>,
    stats: Arc<LaneStats>,
    store: Store,
    /// The lane's connection for watching the file.
    watching: DatabaseConnection,
}

impl Embedded {
    /// Starts serving the file that `store` is connected to.
    pub async fn start(
        options: EmbeddedOptions,
        store: Store,
        catalog: Arc<Catalog>,
    ) -> Result<Self, EmbeddedError> {
        let one = StoreOptions {
            max_connections: 1,
            ..StoreOptions::default()
        };
        let watch = store::connect(&options.url, Purpose::Read, &one).await?;
        let stop = CancellationToken::new();
        let stats = Arc::new(LaneStats::default());
        let (sender, serving) = watch::channel(false);
        let ledger = Arc::new(RoundLedger::new(store.clone(), catalog.rules.clone()));
        let lane = Lane {
            owner: options.worker,
            group_max: options.group_max,
            pipeline: Pipeline::new(ledger, Arc::default(), stats.clone()),
            questions: StoreQuestions::new(store.clone(), catalog, None),
            clock: options.clock,
            watch: watch.clone(),
            stop: stop.clone(),
            serving: sender,
        };
        Ok(Self {
            stop,
            lane: tokio::spawn(lane.run()),
            serving,
            stats,
            store,
            watching: watch,
        })
    }

    /// Returns when this worker serves the lane, which may be when another one ends.
    pub fn ready(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut serving = self.serving.clone();
        async move {
            // The sender lives as long as the lane.
            let _ = serving.wait_for(|serving| *serving).await;
        }
    }

    /// The lane's counters.
    pub fn stats(&self) -> Snapshot {
        self.stats.snapshot()
    }

    /// Sees all this from outside.
    pub fn watch(&self) -> EmbeddedWatch {
        EmbeddedWatch {
            store: self.store.clone(),
            stats: self.stats.clone(),
            lane: self.lane.abort_handle(),
            queues: Arc::default(),
        }
    }

    /// Finishes the running group, gives the lease back and ends; at most until `deadline` has passed. Tells whether
    /// it was in time.
    pub async fn drain(mut self, deadline: Duration) -> bool {
        self.stop.cancel();
        let in_time = tokio::time::timeout(deadline, &mut self.lane).await.is_ok();
        if !in_time {
            warn!(
                ?deadline,
                "draining took too long; the running group is rolled back"
            );
            self.lane.abort();
        }
        // The file's write-ahead log goes with the last connection. One that is still in use closes with its task.
        let _ = tokio::time::timeout(CLOSE_WITHIN, self.watching.close()).await;
        in_time
    }
}
