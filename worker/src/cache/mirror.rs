//! Writes the balances of changed wallets to Redis, after the commit and off its path.
//!
//! Lanes only name the users. One task reads their balances, many at a time, and writes them. Who is named again before
//! his turn is read once. When the task cannot follow, users are dropped rather than a commit delayed: their old value
//! expires within a minute.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use ledger::Rules;
use tokio::{sync::Notify, task::JoinHandle};
use tracing::debug;

use super::Balances;
use crate::{clock::Clock, read, store::Store};

/// Users that wait at most.
const MOST_WAITING: usize = 50_000;
/// Users that are read and written together.
const AT_ONCE: usize = 500;

/// Names the users whose balances are to be written.
#[derive(Clone, Debug)]
pub struct Mirror(Arc<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    users: Mutex<HashSet<String>>,
    some: Notify,
}

impl Mirror {
    /// Starts the task. It ends when it is aborted.
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
                // What is read by a wrong time must not stay.
                let Ok(now) = clock.confirmed().await else {
                    continue;
                };
                match read::balances(store.read_connection(), &users, &rules, now).await {
                    Ok(found) => balances.put(&found, now).await,
                    Err(error) => debug!(%error, "balances were not read for Redis"),
                }
            }
        });
        (mirror, task)
    }

    /// Has the balances of these users written.
    pub fn touch<'a>(&self, users: impl IntoIterator<Item = &'a str>) {
        let mut waiting = self.0.lock();
        for user in users {
            if !waiting.contains(user) && waiting.len() < MOST_WAITING {
                waiting.insert(user.to_owned());
            }
        }
        drop(waiting);
        self.0.some.notify_one();
    }
}

impl Waiting {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take(&self) -> Vec<String> {
        loop {
            let some = self.some.notified();
            {
                let mut waiting = self.lock();
                if !waiting.is_empty() {
                    let taken: Vec<String> = waiting.iter().take(AT_ONCE).cloned().collect();
                    for user in &taken {
                        waiting.remove(user);
                    }
                    return taken;
                }
            }
            some.await;
        }
    }
}
