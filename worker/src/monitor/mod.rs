//! Health and metrics over HTTP.
//!
//! A response is made from memory alone, so it takes the same time when database and broker hang.
//! The lanes publish their state, the AMQP transport reads the lengths of its queues, and the
//! prober queries database and Redis.
//!
//! | file | content |
//! |---|---|
//! | `prober` | queries database and Redis at regular intervals and stores the results |
//! | `capabilities` | commands, queries, jobs and publishing: which of them the worker serves |
//! | `checks` | the checks of `/livez` and `/readyz` |
//! | `metrics`, `database_metrics`, `http_metrics` | the metrics of `/metrics` |
//! | `family` | all samples of one name |
//! | `server` | the HTTP server with all its limits |
//! | `client` | the HTTP client of `scrip health` |

mod capabilities;
mod checks;
pub mod client;
mod database_metrics;
mod family;
mod http_metrics;
mod metrics;
mod prober;
mod server;

use std::{
    io,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{net::TcpListener, task::AbortHandle};

use crate::{
    cache::Redis, clock::Clock, config, http::counters::HttpCounters, pipeline::WorkerSnapshot,
    position::Positions, store::Store, transport::amqp::InboundWatch,
    transport::embedded::EmbeddedWatch,
};
use prober::Probed;

/// Interval at which the AMQP transport reads the lengths of its queues.
pub const LOOK_EVERY: Duration = Duration::from_secs(3);
/// Age from which a result counts as unknown.
const STALE: Duration = Duration::from_secs(15);

/// The state of the worker that health and metrics report.
#[derive(Clone, Debug)]
pub struct Health(Arc<State>);

#[derive(Debug)]
struct State {
    settings: config::Health,
    watched: OnceLock<Watched>,
    http: OnceLock<WatchedHttp>,
    draining: AtomicBool,
    probed: Mutex<Probed>,
}

/// The parts of a running worker that are monitored.
#[derive(Debug)]
pub struct Watched {
    pub lanes: Lanes,
    /// The ledger.
    pub store: Store,
    /// What was committed, and whether the ledger has it; `None` on a file.
    pub positions: Option<Positions>,
    /// The time, and whether it is confirmed.
    pub clock: Clock,
    /// `None` if no Redis is configured.
    pub redis: Option<Redis>,
    /// Tasks other than lanes, which must run until the worker stops.
    pub tasks: Vec<(&'static str, AbortHandle)>,
    /// Maximum time without progress while database and broker respond.
    pub stall_timeout: Duration,
    /// Maximum time that a lane may be at work on one group while it counts as serving.
    pub slow_after: Duration,
}

/// An HTTP server that is monitored.
#[derive(Debug)]
pub struct WatchedHttp {
    pub counters: HttpCounters,
    /// Whether the process has no worker.
    pub is_alone: bool,
}

/// The lanes of one of the transports.
#[derive(Debug)]
pub enum Lanes {
    /// A broker.
    Amqp(InboundWatch),
    /// The embedded queue.
    Embedded(EmbeddedWatch),
}

impl Health {
    /// Starts the HTTP server at the configured address. `None` if no address is configured.
    pub async fn listen(settings: &config::Health) -> io::Result<Option<Self>> {
        let Some(address) = settings.listen else {
            return Ok(None);
        };
        let listener = TcpListener::bind(address).await?;
        let health = Self(Arc::new(State {
            settings: settings.clone(),
            watched: OnceLock::new(),
            http: OnceLock::new(),
            draining: AtomicBool::new(false),
            probed: Mutex::default(),
        }));
        tokio::spawn(server::serve(listener, health.clone()));
        Ok(Some(health))
    }

    /// Starts to monitor the worker.
    pub fn watch(&self, watched: Watched) {
        if self.0.watched.set(watched).is_ok() {
            tokio::spawn(prober::probe(self.clone()));
        }
    }

    /// Starts to report on an HTTP server.
    pub fn watch_http(&self, watched: WatchedHttp) {
        let _ = self.0.http.set(watched);
    }

    /// Reports from now on that the worker takes no more commands.
    pub fn drain(&self) {
        self.0.draining.store(true, Relaxed);
    }

    fn is_draining(&self) -> bool {
        self.0.draining.load(Relaxed)
    }
}

impl Watched {
    /// Maximum time without progress before a task counts as stuck. A group needs about a dozen
    /// statements, and each may take `statement_timeout`.
    pub fn stall_timeout(statement_timeout: Duration) -> Duration {
        Duration::from_mins(10).max(statement_timeout * 20)
    }

    /// Time after which a lane that is still at work on one group does not count as serving. A
    /// commit usually takes milliseconds, and its statements are cancelled after
    /// `statement_timeout`. A third of that shows a commit that hangs before it fails.
    pub fn slow_after(statement_timeout: Duration) -> Duration {
        Duration::from_secs(5).max(statement_timeout / 3)
    }

    fn snapshot(&self) -> WorkerSnapshot {
        match &self.lanes {
            Lanes::Amqp(watch) => watch.snapshot(),
            Lanes::Embedded(watch) => watch.snapshot(),
        }
    }
}
