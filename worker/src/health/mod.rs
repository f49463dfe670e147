//! Health and metrics over HTTP, for whoever runs the worker.
//!
//! Answering asks nobody: everything is told from memory, so it takes as long when database and broker hang. What is
//! known is kept fresh by the lanes, which show what they do, by the AMQP side, which looks at its queues, and by the
//! prober, which asks database and Redis.
//!
//! | file | what |
//! |---|---|
//! | `prober` | asks database and Redis again and again, and notes what they say |
//! | `checks` | `/livez` and `/readyz`: what is looked at, and when it is bad |
//! | `metrics`, `text` | `/metrics`: what is counted, in the text format of Prometheus |
//! | `server` | HTTP, bounded in every way; the only part of the worker that names `hyper` |
//! | `ask` | the same from the other end, for `scrip health` |

pub mod ask;
mod checks;
mod metrics;
mod prober;
mod server;
mod text;

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
    amqp::InboundWatch, cache::Redis, clock::Clock, config, embedded::EmbeddedWatch, lane::Seen, store::Store,
};
use prober::Probed;

/// How often the AMQP side looks what waits in its queues.
pub const LOOK_EVERY: Duration = Duration::from_secs(3);
/// An answer that is older than this is none.
const STALE: Duration = Duration::from_secs(15);

/// What is known of the worker's health.
#[derive(Clone, Debug)]
pub struct Health(Arc<State>);

#[derive(Debug)]
struct State {
    settings: config::Health,
    watched: OnceLock<Watched>,
    draining: AtomicBool,
    probed: Mutex<Probed>,
}

/// What is watched, once it is there.
#[derive(Debug)]
pub struct Watched {
    /// The lanes.
    pub lanes: Lanes,
    /// The ledger.
    pub store: Store,
    /// The time, and whether it is confirmed.
    pub clock: Clock,
    /// Redis, where there is one.
    pub redis: Option<Redis>,
    /// Tasks beside the lanes, which go on until the worker stops.
    pub tasks: Vec<(&'static str, AbortHandle)>,
    /// Longer than this nothing takes while database and broker answer.
    pub patience: Duration,
}

/// The lanes of either transport.
#[derive(Debug)]
pub enum Lanes {
    /// Over a broker.
    Amqp(InboundWatch),
    /// Over the embedded queue.
    Embedded(EmbeddedWatch),
}

impl Health {
    /// Listens where the settings say, and answers from now on; `None` where they say nothing.
    pub async fn listen(settings: &config::Health) -> io::Result<Option<Self>> {
        let Some(address) = settings.listen else {
            return Ok(None);
        };
        let listener = TcpListener::bind(address).await?;
        let health = Self(Arc::new(State {
            settings: settings.clone(),
            watched: OnceLock::new(),
            draining: AtomicBool::new(false),
            probed: Mutex::default(),
        }));
        tokio::spawn(server::serve(listener, health.clone()));
        Ok(Some(health))
    }

    /// From now on the worker is there to be watched.
    pub fn watch(&self, watched: Watched) {
        if self.0.watched.set(watched).is_ok() {
            tokio::spawn(prober::probe(self.clone()));
        }
    }

    /// From now on the worker takes nothing more.
    pub fn drain(&self) {
        self.0.draining.store(true, Relaxed);
    }

    fn is_draining(&self) -> bool {
        self.0.draining.load(Relaxed)
    }
}

impl Watched {
    /// How long anything may take at most that is not stuck: a group is a dozen of statements, of which each may take as
    /// long as a statement may.
    pub fn patience(statement_timeout: Duration) -> Duration {
        Duration::from_mins(10).max(statement_timeout * 20)
    }

    fn see(&self) -> Seen {
        match &self.lanes {
            Lanes::Amqp(watch) => watch.see(),
            Lanes::Embedded(watch) => watch.see(),
        }
    }
}
