//! What a lane needs of the ledger's store.

use std::{error::Error, future::Future};

use chrono::{DateTime, Utc};
use ledger::{Command, Decision};

use crate::store::StoreError;

/// What a lane needs of the ledger's store.
pub trait Ledger: Send + Sync + 'static {
    /// Decides and writes `commands`, in order, in one database transaction: one decision for each command, or
    /// nothing happened.
    fn commit_group(
        &self,
        commands: &[Command],
        now: DateTime<Utc>,
    ) -> impl Future<Output = Result<Vec<Decision>, Trouble>> + Send;

    /// What [`Self::commit_group`] would decide and write now. Nothing is kept.
    fn rehearse(
        &self,
        commands: &[Command],
        now: DateTime<Utc>,
    ) -> impl Future<Output = Result<Vec<Decision>, Trouble>> + Send;

    /// Notes that `message` of `queue` is taken alone, and tells how often in a row it was. Where nobody keeps
    /// count it is always the first time.
    fn take_alone(&self, queue: &str, message: &str) -> impl Future<Output = Result<u32, Trouble>> + Send {
        let _ = (queue, message);
        async { Ok(1) }
    }

    /// Forgets what was taken alone of `queue`.
    fn forget_alone(&self, queue: &str) -> impl Future<Output = Result<(), Trouble>> + Send {
        let _ = queue;
        async { Ok(()) }
    }

    /// Whether the store would answer.
    fn probe(&self) -> impl Future<Output = Result<(), Trouble>> + Send;
}

/// Why a group could not be committed.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// It lies with the database or the way to it: the same group may succeed later.
    #[error("the database cannot be used now")]
    Infrastructure(#[source] Box<dyn Error + Send + Sync>),
    /// It lies with what one of the commands asks for: the group will fail as long as that one is in it.
    #[error("the database refuses what the command leads to")]
    Poison(#[source] Box<dyn Error + Send + Sync>),
}

impl Trouble {
    /// What kind of trouble it is, for those who count it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Poison(_) => "refused",
            Self::Infrastructure(error) => error.downcast_ref().map_or("other", StoreError::kind),
        }
    }

    /// The database's code, for logs: SQLSTATE on PostgreSQL, the extended result code on SQLite.
    pub fn code(&self) -> Option<String> {
        let (Self::Poison(error) | Self::Infrastructure(error)) = self;
        error.downcast_ref().and_then(StoreError::code)
    }

    /// The whole chain of causes in one line, for dead letters and logs.
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
