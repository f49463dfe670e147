//! A connection to Redis that reconnects by itself, to one of the addresses in the URL.
//!
//! A URL may list several addresses (`redis://a:6379,b:6379`): a primary and its replicas. After a
//! failed request the next one goes to the next address. So the connection stays with the address
//! that accepts writes, because a replica refuses them.

use std::{
    fmt,
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
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
    /// One for each address of the URL.
    managers: Arc<[ConnectionManager]>,
    namespace: Arc<str>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// The number of requests that failed. It selects the address of the next request.
    failures: AtomicUsize,
    /// The failures since the last success.
    failures_in_a_row: AtomicUsize,
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
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT));
        let open = |url: String| {
            let client = Client::open(url).map_err(RedisUrlError)?;
            ConnectionManager::new_lazy_with_config(client, config.clone()).map_err(RedisUrlError)
        };
        let managers: Vec<_> = each_address(url).map(open).collect::<Result<_, _>>()?;
        Ok(Self {
            managers: managers.into(),
            namespace: namespace.into(),
            state: Arc::default(),
        })
    }

    /// The connection for the next request.
    fn manager(&self) -> Option<ConnectionManager> {
        let failures = self.state.failures.load(Relaxed);
        let turn = failures.checked_rem(self.managers.len())?;
        self.managers.get(turn).cloned()
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
        match timeout(TIMEOUT, send(self.manager()?)).await {
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
        self.state.failures_in_a_row.store(0, Relaxed);
        if self.state.unavailable.swap(false, Relaxed) {
            self.set_retry_at(None);
            self.state.explained.store(false, Relaxed);
            info!("redis is available again");
        }
    }

    /// Goes on to the next address. If all have failed, logs the outage once. Logs it a second time
    /// if its cause becomes known only later: the first failure may show only that there was no
    /// answer.
    fn note_failure<T>(&self, error: &str, explains: bool) -> Option<T> {
        self.state.failures.fetch_add(1, Relaxed);
        let in_a_row = self.state.failures_in_a_row.fetch_add(1, Relaxed) + 1;
        if in_a_row < self.managers.len() {
            return None;
        }
        self.set_retry_at(Some(Instant::now() + PAUSE));
        let is_new = !self.state.unavailable.swap(true, Relaxed);
        let explained = explains && !self.state.explained.swap(true, Relaxed);
        if is_new || explained {
            warn!(error, "redis is unavailable, continuing without it");
        }
        None
    }
}

/// One URL for each address in the list of a URL. A URL of a socket has no list.
fn each_address(url: &str) -> impl Iterator<Item = String> {
    let is_socket = url.starts_with("unix:") || url.starts_with("redis+unix:");
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, hosts) = authority
        .rfind('@')
        .map_or(("", authority), |at| authority.split_at(at + 1));
    let hosts: Vec<&str> = hosts.split(',').collect();
    let urls: Vec<String> = if is_socket || hosts.len() < 2 {
        vec![url.to_owned()]
    } else {
        let each = hosts.iter();
        each.map(|host| format!("{scheme}://{user}{host}{path}"))
            .collect()
    };
    urls.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_lists_its_addresses_with_commas() {
        for (url, each) in [
            ("redis://h:1/2", &["redis://h:1/2"][..]),
            (
                "rediss://u:a,b@h1:1,[::1]:2,h3/2#insecure",
                &[
                    "rediss://u:a,b@h1:1/2#insecure",
                    "rediss://u:a,b@[::1]:2/2#insecure",
                    "rediss://u:a,b@h3/2#insecure",
                ],
            ),
            (
                "redis+unix:///run/a,b.sock",
                &["redis+unix:///run/a,b.sock"],
            ),
        ] {
            assert_eq!(each_address(url).collect::<Vec<_>>(), each);
        }
    }
}
