//! The time limit of a wait for the database.
//!
//! The server itself cancels a statement that runs too long. If no response arrives for a while
//! after that limit, the connection is dead without notice: a firewall dropped it, a proxy hangs,
//! or the machine is gone. Without a limit the worker would wait for ever. It is unknown whether
//! the statement was executed, as after any lost connection.
//!
//! A wait ends earlier if another server has become the primary. A wait that fails, or that takes
//! longer than usual, starts a search for the primary.

use std::{future::Future, pin::pin, time::Duration};

use sea_orm::DbErr;
use tokio::time::{Instant, sleep};

use super::{StoreError, StoreOptions, guard::ServerGuard};

/// Time added to the server's own limit before a response counts as missing.
const GRACE: Duration = Duration::from_secs(5);
/// A statement that takes longer may wait for a server that is gone.
const SLOW: Duration = Duration::from_millis(500);

/// Maximum wait for a response. Unlimited on SQLite, which has no connection to lose.
#[derive(Clone, Debug)]
pub(crate) struct Timeout(Option<Limit>);

#[derive(Clone, Debug)]
struct Limit {
    longest: Duration,
    guard: ServerGuard,
}

impl Timeout {
    /// No limit, for SQLite.
    pub(super) const fn none() -> Self {
        Self(None)
    }

    /// The limit for statements on PostgreSQL.
    pub(super) fn new(options: &StoreOptions, guard: &ServerGuard) -> Self {
        Self(Some(Limit {
            longest: options.statement_timeout.saturating_add(GRACE),
            guard: guard.clone(),
        }))
    }

    pub(crate) async fn wait<T>(
        &self,
        doing: &'static str,
        answer: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, StoreError> {
        let Some(Limit { longest, guard }) = &self.0 else {
            return answer.await.map_err(StoreError::database(doing));
        };
        let mut moves = guard.moves();
        let (began, mut answer) = (Instant::now(), pin!(answer));
        let mut timer = pin!(sleep(SLOW.min(*longest)));
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => {
                    let answer = answer.map_err(StoreError::database(doing));
                    match &answer {
                        Ok(_) => guard.answered(),
                        Err(error) if error.is_of_server() => guard.report_trouble(),
                        Err(_) => {}
                    }
                    return answer;
                }
                Ok(()) = moves.changed() => return Err(StoreError::Moved { doing }),
                () = &mut timer => {
                    guard.report_trouble();
                    if began.elapsed() >= *longest {
                        return Err(StoreError::NoAnswer {
                            doing,
                            waited: *longest,
                        });
                    }
                    timer.as_mut().reset(began + *longest);
                }
            }
        }
    }
}
