//! Errors of the embedded queue.

use sea_orm::DbErr;

use crate::{
    clock::ClockError,
    db::{StoreError, code_of, kind_of},
    pipeline::CommitError,
};

/// An error of the embedded queue.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// A statement failed.
    #[error("cannot {doing}")]
    File {
        /// The attempted action, in the form that follows "cannot".
        doing: &'static str,
        /// The cause.
        #[source]
        source: DbErr,
    },
    /// The ledger cannot be used, or refuses several commands in a row.
    #[error(transparent)]
    Ledger(#[from] CommitError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// This machine's clock is wrong, or the clocks cannot be compared.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// Another worker took the lane because this worker renewed its lease too late.
    #[error("another worker took the lane")]
    LostLease,
}

impl EmbeddedError {
    /// The kind of the error, as a metric label.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::File { source, .. } => kind_of(source),
            Self::Ledger(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Clock(error) => error.kind(),
            Self::LostLease => "lost_lease",
        }
    }

    /// The error code of the database.
    pub(super) fn code(&self) -> Option<String> {
        match self {
            Self::File { source, .. } => code_of(source),
            Self::Ledger(error) => error.code().map(str::to_owned),
            Self::Store(error) => error.code(),
            Self::Clock(error) => error.code(),
            Self::LostLease => None,
        }
    }

    /// For `map_err`: adds the attempted action.
    pub(super) const fn doing(doing: &'static str) -> impl FnOnce(DbErr) -> Self {
        move |source| Self::File { doing, source }
    }
}
