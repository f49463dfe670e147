//! One connection that heals by itself.

use std::{
    fmt,
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use redis::{
    Client, RedisError,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

/// Longer than this nobody waits for Redis.
const PATIENCE: Duration = Duration::from_millis(250);
/// After a failure nobody asks Redis for so long.
const PAUSE: Duration = Duration::from_secs(1);

/// A connection to Redis that may be away at any time.
#[derive(Clone)]
pub struct Redis {
    manager: ConnectionManager,
    namespace: Arc<str>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    away: AtomicBool,
    /// Why is known, and has been said.
    explained: AtomicBool,
    ask_again: Mutex<Option<Instant>>,
}

/// The URL of Redis cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the URL of Redis cannot be used")]
pub struct RedisUrlError(#[source] RedisError);

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

impl Redis {
    /// Prepares a connection; it is made when it is first needed. Fails only if the URL cannot be used.
    pub fn new(url: &str, namespace: &str) -> Result<Self, RedisUrlError> {
        let client = Client::open(url).map_err(RedisUrlError)?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        Ok(Self {
            manager: ConnectionManager::new_lazy_with_config(client, config).map_err(RedisUrlError)?,
            namespace: namespace.into(),
            state: Arc::default(),
        })
    }

    /// The name of a key in the namespace.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.namespace)
    }

    /// Asks Redis for something, at most for `patience`. `None`: it did not answer, which is noted.
    pub(super) async fn ask<T, F>(
        &self,
        patience: Duration,
        ask: impl FnOnce(ConnectionManager) -> F,
    ) -> Option<T>
    where
        F: Future<Output = Result<T, RedisError>>,
    {
        if !self.is_worth_asking() {
            return None;
        }
        match timeout(patience, ask(self.manager.clone())).await {
            Ok(Ok(answer)) => {
                self.is_back();
                Some(answer)
            }
            Ok(Err(error)) => self.is_away(&error.to_string(), !error.is_timeout()),
            Err(_) => self.is_away("no answer in time", false),
        }
    }

    /// Whether Redis answers.
    pub async fn ping(&self) -> bool {
        let ping =
            |mut connection| async move { redis::cmd("PING").query_async::<()>(&mut connection).await };
        self.ask(PATIENCE, ping).await.is_some()
    }

    /// The longest time that anybody waits.
    pub(super) const fn patience() -> Duration {
        PATIENCE
    }

    fn is_worth_asking(&self) -> bool {
        let ask_again = self.ask_again();
        ask_again.is_none_or(|instant| instant <= Instant::now())
    }

    fn ask_again(&self) -> Option<Instant> {
        *self
            .state
            .ask_again
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn set_ask_again(&self, instant: Option<Instant>) {
        *self
            .state
            .ask_again
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = instant;
    }

    fn is_back(&self) {
        if self.state.away.swap(false, Relaxed) {
            self.set_ask_again(None);
            self.state.explained.store(false, Relaxed);
            info!("Redis is back");
        }
    }

    /// Said once; and once more when the first time only told that there was no answer, and later it is known why.
    fn is_away<T>(&self, error: &str, explains: bool) -> Option<T> {
        self.set_ask_again(Some(Instant::now() + PAUSE));
        let news = !self.state.away.swap(true, Relaxed);
        let explained = explains && !self.state.explained.swap(true, Relaxed);
        if news || explained {
            warn!(error, "Redis is away; going on without it");
        }
        None
    }
}
