//! The interface between a lane and the store of the ledger.

use std::{
    error::Error,
    future::{Future, pending},
};

use chrono::{DateTime, Utc};
use ledger::{Command, Decision};

/// The store of the ledger as a lane uses it.
pub trait Ledger: Send + Sync {
    /// Decides and writes `commands`, in order, in one database transaction. Returns one decision
    /// per command. If it fails, nothing is written.
    fn commit_group(
        &self,
        commands: &[Command],
        now: DateTime<Utc>,
    ) -> impl Future<Output = Result<Vec<Decision>, CommitError>> + Send;

    /// Decides like [`Self::commit_group`] and rolls back: nothing is written.
    fn dry_run(
        &self,
        commands: &[Command],
        now: DateTime<Utc>,
    ) -> impl Future<Output = Result<Vec<Decision>, CommitError>> + Send;

    /// Adds one to the crash counter of `message` in `queue` and returns it: how many attempts in a
    /// row took this message. A store without a crash counter always returns 1.
    fn record_attempt(
        &self,
        queue: &str,
        message: &str,
    ) -> impl Future<Output = Result<u32, CommitError>> + Send {
        let _ = (queue, message);
        async { Ok(1) }
    }

    /// Resets the crash counter of `queue`.
    fn clear_attempts(&self, queue: &str) -> impl Future<Output = Result<(), CommitError>> + Send {
        let _ = queue;
        async { Ok(()) }
    }

    /// Checks that the store answers.
    fn probe(&self) -> impl Future<Output = Result<(), CommitError>> + Send;

    /// Completes when the store can be used again after an outage, so that a lane need not wait
    /// any longer. A store that does not know when an outage ends never completes.
    fn available(&self) -> impl Future<Output = ()> + Send {
        pending()
    }
}

/// Why a group could not be committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The cause is the database or the connection to it. The same group may succeed later.
    #[error("the database cannot be used now")]
    Infrastructure(#[source] Cause),
    /// The cause is one of the commands. The group fails as long as it contains that command.
    #[error("the database refuses the changes of the command")]
    Poison(#[source] Cause),
}

/// The error of the store, as logs, metrics and dead letters need it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Cause {
    /// The kind of the error, as a metric label.
    pub kind: &'static str,
    /// The error code of the database: SQLSTATE on PostgreSQL, the extended result code on SQLite;
    /// `None` if the error is not from the database.
    pub code: Option<String>,
    /// The error and its causes in one line.
    pub message: String,
}

impl Cause {
    /// A cause that has no kind of its own and no code.
    pub fn other(error: &dyn Error) -> Self {
        Self {
            kind: "other",
            code: None,
            message: chain(error),
        }
    }
}

impl CommitError {
    /// The kind of the error, as a metric label.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Poison(_) => "refused",
            Self::Infrastructure(cause) => cause.kind,
        }
    }

    /// The error code of the database, for logs.
    pub fn code(&self) -> Option<&str> {
        let (Self::Poison(cause) | Self::Infrastructure(cause)) = self;
        cause.code.as_deref()
    }

    /// The error and its causes in one line, for dead letters and logs.
    pub fn chain(&self) -> String {
        chain(self)
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
