//! A connection to Redis that reconnects by itself.

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

/// Timeout of a connection attempt and of a request.
const TIMEOUT: Duration = Duration::from_millis(250);
/// Time after a failure in which no request is sent.
const PAUSE: Duration = Duration::from_secs(1);

/// A connection to Redis, which may be unavailable at any time.
#[derive(Clone)]
pub struct Redis {
    manager: ConnectionManager,
    namespace: Arc<str>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    unavailable: AtomicBool,
    /// Whether the cause of the outage has been logged.
    explained: AtomicBool,
    retry_at: Mutex<Option<Instant>>,
}

/// The URL of Redis is invalid.
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
    /// Prepares a connection, which is opened by the first request. Fails only if the URL is
    /// invalid.
    pub fn new(url: &str, namespace: &str) -> Result<Self, RedisUrlError> {
        let client = Client::open(url).map_err(RedisUrlError)?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT));
        Ok(Self {
            manager: ConnectionManager::new_lazy_with_config(client, config)
                .map_err(RedisUrlError)?,
            namespace: namespace.into(),
            state: Arc::default(),
        })
    }

    /// The name of a key, prefixed with the namespace.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.namespace)
    }

    /// Sends a request and waits for the answer, at most for [`TIMEOUT`]. `None`: Redis did not
    /// answer, or it failed less than [`PAUSE`] ago. An outage is logged.
    pub(super) async fn request<T, F>(&self, send: impl FnOnce(ConnectionManager) -> F) -> Option<T>
    where
        F: Future<Output = Result<T, RedisError>>,
    {
        if !self.may_request() {
            return None;
        }
        match timeout(TIMEOUT, send(self.manager.clone())).await {
            Ok(Ok(answer)) => {
                self.note_success();
                Some(answer)
            }
            Ok(Err(error)) => self.note_failure(&error.to_string(), !error.is_timeout()),
            Err(_) => self.note_failure("no answer in time", false),
        }
    }

    /// Whether Redis answers.
    pub async fn ping(&self) -> bool {
        let ping = |mut connection| async move {
            redis::cmd("PING").query_async::<()>(&mut connection).await
        };
        self.request(ping).await.is_some()
    }

    fn may_request(&self) -> bool {
        let retry_at = self.retry_at();
        retry_at.is_none_or(|instant| instant <= Instant::now())
    }

    fn retry_at(&self) -> Option<Instant> {
        *self
            .state
            .retry_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn set_retry_at(&self, instant: Option<Instant>) {
        *self
            .state
            .retry_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = instant;
    }

    fn note_success(&self) {
        if self.state.unavailable.swap(false, Relaxed) {
            self.set_retry_at(None);
            self.state.explained.store(false, Relaxed);
            info!("redis is available again");
        }
    }

    /// Logs an outage once. Logs it a second time if its cause becomes known only later: the first
    /// failure may show only that there was no answer.
    fn note_failure<T>(&self, error: &str, explains: bool) -> Option<T> {
        self.set_retry_at(Some(Instant::now() + PAUSE));
        let is_new = !self.state.unavailable.swap(true, Relaxed);
        let explained = explains && !self.state.explained.swap(true, Relaxed);
        if is_new || explained {
            warn!(error, "redis is unavailable, continuing without it");
        }
        None
    }
}
