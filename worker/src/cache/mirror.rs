//! Writes the balances of changed and of queried wallets to Redis, after the commit and outside its
//! path.
//!
//! Lanes and queries only add user ids. One task reads the balances of many users at a time and
//! writes them. A user that is added again while waiting is read once. If the task falls behind,
//! further users are dropped so that no commit is delayed: their old value expires within a minute.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use ledger::Rules;
use tokio::{sync::Notify, task::JoinHandle};
use tracing::debug;

use super::Balances;
use crate::{clock::Clock, read, store::Store};

/// Largest number of users that wait.
const MAX_WAITING: usize = 50_000;
/// Users whose balances are read and written together.
const READ_TOGETHER: usize = 500;

/// A handle to the task, through which lanes and queries add user ids.
#[derive(Clone, Debug)]
pub struct Mirror(Arc<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    users: Mutex<HashSet<String>>,
    added: Notify,
}

impl Mirror {
    /// Starts the task. It runs until it is aborted.
    pub fn start(
        store: Store,
        balances: Balances,
        rules: Arc<Rules>,
        clock: Clock,
    ) -> (Self, JoinHandle<()>) {
        let mirror = Self(Arc::default());
        let waiting = mirror.0.clone();
        let task = tokio::spawn(async move {
            loop {
                let users = waiting.take().await;
                let users: Vec<&str> = users.iter().map(String::as_str).collect();
                // A balance that is computed with a wrong time must not be cached.
                let Ok(now) = clock.confirmed().await else {
                    continue;
                };
                match read::balances(store.read_connection(), &users, &rules, now).await {
                    Ok(found) => balances.put(&found, now).await,
                    Err(error) => debug!(%error, "balances not read for redis"),
                }
            }
        });
        (mirror, task)
    }

    /// Adds users whose balances have changed, or were queried and may be missing in Redis.
    pub fn touch<'a>(&self, users: impl IntoIterator<Item = &'a str>) {
        let mut waiting = self.0.lock();
        for user in users {
            if !waiting.contains(user) && waiting.len() < MAX_WAITING {
                waiting.insert(user.to_owned());
            }
        }
        drop(waiting);
        self.0.added.notify_one();
    }
}

impl Waiting {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take(&self) -> Vec<String> {
        loop {
            let added = self.added.notified();
            {
                let mut waiting = self.lock();
                if !waiting.is_empty() {
                    let taken: Vec<String> = waiting.iter().take(READ_TOGETHER).cloned().collect();
                    for user in &taken {
                        waiting.remove(user);
                    }
                    return taken;
                }
            }
            added.await;
        }
    }
}
