//! The tokens of recent requests, so that a request needs no round trip for its token.
//!
//! A token is read again after [`FRESH`], so that a revocation takes effect everywhere within that
//! time. While the database does not answer, a token that was read in the last [`STALE`] is still
//! accepted: publishing does not depend on the database. Then only the first request waits, for
//! [`STALE_WAIT`]; the token is read again in the background.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use tokio::time::{Instant, timeout};
use tracing::{info, warn};
use uuid::Uuid;

use super::{Token, TokenText, table};
use crate::{db::Database, pipeline::chain};

/// Time for which a token is not read again.
const FRESH: Duration = Duration::from_secs(5);
/// Time for which a token is accepted while it cannot be read again.
const STALE: Duration = Duration::from_mins(5);
/// Maximum time to read a token.
const READ_WITHIN: Duration = Duration::from_secs(5);
/// Maximum time that a request waits for a token of which an older row is known.
const STALE_WAIT: Duration = Duration::from_secs(1);
/// Maximum of tokens in memory.
const MAX_ENTRIES: usize = 10_000;

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// There is no such token, its secret is wrong, or it is expired or revoked.
    Invalid,
    /// The token cannot be read now.
    Unavailable,
}

/// The tokens of recent requests. Clones share them.
#[derive(Clone, Debug)]
pub struct TokenCache {
    database: Database,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    entries: HashMap<Uuid, Entry>,
    /// The reads in progress, at most one for each id.
    reads: HashMap<Uuid, Read>,
    /// Whether the last read failed. Each outage is logged once.
    is_away: bool,
}

type Found = Result<Option<Arc<Token>>, TokenError>;
type Read = Shared<BoxFuture<'static, Found>>;

#[derive(Clone, Debug)]
struct Entry {
    /// `None`: there is no token with this id.
    token: Option<Arc<Token>>,
    read_at: Instant,
    /// After a read that failed or is late: when to read again, in the background.
    retry_at: Option<Instant>,
}

impl TokenCache {
    /// A cache of the tokens in `database`.
    pub fn new(database: Database) -> Self {
        Self {
            database,
            known: Arc::default(),
        }
    }

    /// The token of a request, if it is valid at `now`.
    pub async fn check(
        &self,
        text: &TokenText,
        now: DateTime<Utc>,
    ) -> Result<Arc<Token>, TokenError> {
        let token = self.find(text.id).await?.ok_or(TokenError::Invalid)?;
        let is_equal = token.secret_hash == text.hash();
        if is_equal && token.is_valid_at(now) {
            Ok(token)
        } else {
            Err(TokenError::Invalid)
        }
    }

    async fn find(&self, id: Uuid) -> Found {
        let (stale, read) = {
            let mut known = self.lock();
            let cached = known.entries.get(&id);
            if let Some(entry) = cached.filter(|entry| entry.read_at.elapsed() < FRESH) {
                return Ok(entry.token.clone());
            }
            let cached = cached.filter(|entry| entry.read_at.elapsed() < STALE);
            let stale = cached.and_then(|entry| Some((entry.token.clone()?, entry.retry_at)));
            let retry_at = stale.as_ref().and_then(|(_, retry_at)| *retry_at);
            let read = if retry_at.is_some_and(|at| Instant::now() < at) {
                None
            } else {
                let read = known.reads.entry(id).or_insert_with(|| self.read(id));
                Some(read.clone()).filter(|_| retry_at.is_none())
            };
            (stale.map(|(token, _)| token), read)
        };
        match (stale, read) {
            (None, Some(read)) => read.await,
            (Some(token), Some(read)) => match timeout(STALE_WAIT, read).await {
                Ok(Ok(token)) => Ok(token),
                Ok(Err(_)) => Ok(Some(token)),
                Err(_) => {
                    self.lock().retry_later(id);
                    Ok(Some(token))
                }
            },
            (Some(token), None) => Ok(Some(token)),
            (None, None) => Err(TokenError::Unavailable),
        }
    }

    /// Starts to read a token. The read goes on if no request waits for it.
    fn read(&self, id: Uuid) -> Read {
        let cache = self.clone();
        let reading = tokio::spawn(async move {
            let found = timeout(READ_WITHIN, table::find(&cache.database, id)).await;
            let found = match found {
                Ok(Ok(token)) => Ok(token.map(Arc::new)),
                Ok(Err(error)) => Err(chain(&error)),
                Err(_) => Err(format!("no answer within {READ_WITHIN:?}")),
            };
            cache.lock().end_read(id, found)
        });
        let ended = reading.map(|ended| ended.unwrap_or(Err(TokenError::Unavailable)));
        ended.boxed().shared()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn end_read(&mut self, id: Uuid, found: Result<Option<Arc<Token>>, String>) -> Found {
        self.reads.remove(&id);
        let was_away = std::mem::replace(&mut self.is_away, found.is_err());
        match found {
            Ok(token) => {
                if was_away {
                    info!("tokens can be read again");
                }
                self.keep(id, token.clone());
                Ok(token)
            }
            Err(error) => {
                if !was_away {
                    warn!(error, "tokens cannot be read, known ones are accepted");
                }
                self.retry_later(id);
                Err(TokenError::Unavailable)
            }
        }
    }

    /// Uses a known token without a wait until the database answers again.
    fn retry_later(&mut self, id: Uuid) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.retry_at = Some(Instant::now() + FRESH);
        }
    }

    fn keep(&mut self, id: Uuid, token: Option<Arc<Token>>) {
        let entries = &mut self.entries;
        if entries.len() >= MAX_ENTRIES {
            entries.retain(|_, entry| entry.token.is_some() && entry.read_at.elapsed() < STALE);
        }
        if entries.len() < MAX_ENTRIES || entries.contains_key(&id) {
            let entry = Entry {
                token,
                read_at: Instant::now(),
                retry_at: None,
            };
            entries.insert(id, entry);
        }
    }
}
