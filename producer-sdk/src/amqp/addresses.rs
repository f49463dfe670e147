//! Connects to one of several addresses.
//!
//! The addresses are tried in a random order. One that failed lately comes last. An address that
//! does not answer soon does not hold up the others: the next one is tried as well, and the first
//! that answers is used. So each address has the whole time limit of its own attempt.
//!
//! Failures are remembered for the whole process, because each of its connections would otherwise
//! find out anew that an address does not answer.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::timeout;
use tracing::warn;

/// The next address is tried when the last one has not answered for this long.
const NEXT_AFTER: Duration = Duration::from_millis(300);
/// After this time a failed address is as good as any other.
const REMEMBERED_FOR: Duration = Duration::from_mins(1);

/// The failures of this process.
static FAILURES: Failures = Failures(Mutex::new(BTreeMap::new()));

/// When addresses failed last.
struct Failures(Mutex<BTreeMap<String, Instant>>);

impl Failures {
    /// Remembers a failure. Returns whether the address had not failed lately.
    fn note(&self, address: &str) -> bool {
        let mut failures = self.lock();
        failures.retain(|_, at| at.elapsed() < REMEMBERED_FOR);
        failures
            .insert(address.to_owned(), Instant::now())
            .is_none()
    }

    fn forget(&self, address: &str) {
        self.lock().remove(address);
    }

    /// Sorts addresses at random, and those that failed lately behind the others, the latest
    /// failure last.
    fn sort<C>(&self, addresses: &mut [Numbered<C>]) {
        let failures = self.lock();
        let random = RandomState::new();
        addresses.sort_by_cached_key(|address| {
            let failed = failures.get(&address.name);
            let failed = failed.filter(|at| at.elapsed() < REMEMBERED_FOR);
            (failed.copied(), random.hash_one(address.number))
        });
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An address and its place in the list.
struct Numbered<C> {
    number: usize,
    name: String,
    address: C,
}

/// Tries addresses, each with its name, until one answers. Fails with the error of each, in the
/// order of the list.
pub(super) async fn first_answer<C, T, E, A>(
    addresses: Vec<(String, C)>,
    attempt: impl Fn(C) -> A,
) -> Result<T, Vec<E>>
where
    E: Display,
    A: Future<Output = Result<T, E>>,
{
    let mut addresses: Vec<_> = (0..)
        .zip(addresses)
        .map(|(number, (name, address))| Numbered {
            number,
            name,
            address,
        })
        .collect();
    let has_others = addresses.len() > 1;
    FAILURES.sort(&mut addresses);
    let mut waiting = addresses.into_iter();
    let mut running = FuturesUnordered::new();
    // The names of those that are running, in the order in which they began.
    let mut unanswered = Vec::new();
    let mut errors = Vec::new();
    loop {
        if let Some(Numbered {
            number,
            name,
            address,
        }) = waiting.next()
        {
            unanswered.push(name.clone());
            let attempt = attempt(address);
            running.push(async move { (number, name, attempt.await) });
        }
        let ended = if waiting.len() == 0 {
            running.next().await
        } else {
            match timeout(NEXT_AFTER, running.next()).await {
                Ok(ended) => ended,
                Err(_) => continue,
            }
        };
        let Some((number, name, result)) = ended else {
            errors.sort_by_key(|(number, _)| *number);
            return Err(errors.into_iter().map(|(_, error)| error).collect());
        };
        match result {
            Ok(answer) => {
                FAILURES.forget(&name);
                for silent in unanswered.iter().take_while(|other| **other != name) {
                    if FAILURES.note(silent) {
                        warn!(
                            address = silent,
                            instead = name,
                            "broker address does not answer, using another"
                        );
                    }
                }
                return Ok(answer);
            }
            Err(error) => {
                unanswered.retain(|other| *other != name);
                if FAILURES.note(&name) && has_others {
                    warn!(address = name, %error, "broker address cannot be used, trying another");
                }
                errors.push((number, error));
            }
        }
    }
}

#[cfg(test)]
#[path = "addresses_tests.rs"]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests;
