//! The embedded worker as the rest of the program uses it: start, watch and drain.

use std::{sync::Arc, time::Duration};

use sea_orm::DatabaseConnection;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{EmbeddedError, EmbeddedWatch, lane::Lane, round::Rounds};
use crate::{
    catalog::Catalog,
    clock::Clock,
    db::{self, Purpose, StoreOptions},
    pipeline::{LaneStats, Pipeline, Snapshot},
    queries::StoreQueryHandler,
    store::Store,
};

const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// The options of the embedded worker.
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// The file, as an SQLite URL.
    pub url: String,
    /// The name of this worker, which no other worker has.
    pub worker: String,
    /// Largest number of commands that are committed together.
    pub group_max: u16,
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
    /// The connection with which the lane watches the file.
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
        let watch = db::connect(&options.url, Purpose::Read, &one).await?;
        let stop = CancellationToken::new();
        let stats = Arc::new(LaneStats::default());
        let (sender, serving) = watch::channel(false);
        let lane = Lane {
            rounds: Rounds {
                store: store.clone(),
                rules: catalog.rules.clone(),
                pipeline: Pipeline::new(Arc::default(), stats.clone()),
                owner: options.worker,
                clock: options.clock,
            },
            group_max: options.group_max,
            query_handler: StoreQueryHandler::new(store.clone(), catalog, None),
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

    /// Completes when this worker serves the lane. That may be only after another worker has ended.
    pub fn ready(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut serving = self.serving.clone();
        async move {
            // The sender lives as long as the lane.
            let _ = serving.wait_for(|serving| *serving).await;
        }
    }

    /// The counters of the lane.
    pub fn stats(&self) -> Snapshot {
        self.stats.snapshot()
    }

    /// A handle that reads the state of the worker.
    pub fn watch(&self) -> EmbeddedWatch {
        EmbeddedWatch {
            store: self.store.clone(),
            stats: self.stats.clone(),
            lane: self.lane.abort_handle(),
            queues: Arc::default(),
        }
    }

    /// Finishes the running group, releases the lease and ends, at most until `deadline` has
    /// passed. Returns whether it ended in time.
    pub async fn drain(mut self, deadline: Duration) -> bool {
        self.stop.cancel();
        let in_time = tokio::time::timeout(deadline, &mut self.lane).await.is_ok();
        if !in_time {
            warn!(
                ?deadline,
                "drain deadline exceeded, rolling back the running group"
            );
            self.lane.abort();
        }
        // The last connection removes the write-ahead log of the file. A connection in use closes
        // with its task.
        let _ = tokio::time::timeout(CLOSE_WITHIN, self.watching.close()).await;
        in_time
    }
}
