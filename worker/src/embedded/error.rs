//! What can go wrong with the file.

use sea_orm::DbErr;

use crate::{
    clock::ClockError,
    lane::Trouble,
    store::{StoreError, code_of, kind_of},
};

/// An error of the embedded queue.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// SQLite did not do what it was asked to.
    #[error("cannot {doing}")]
    File {
        /// What was being done.
        doing: &'static str,
        /// Why not.
        #[source]
        source: DbErr,
    },
    /// The ledger cannot be used, or is sure that it is not the commands.
    #[error(transparent)]
    Ledger(#[from] Trouble),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// This machine's clock is wrong, or cannot be compared.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// Another worker took the lane, because ours was too slow to renew its lease.
    #[error("another worker took the lane")]
    LostLease,
}

impl EmbeddedError {
    /// What kind of trouble it is, for those who count it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::File { source, .. } => kind_of(source),
            Self::Ledger(trouble) => trouble.kind(),
            Self::Store(error) => error.kind(),
            Self::Clock(error) => error.kind(),
            Self::LostLease => "lost_lease",
        }
    }

    /// The database's code.
    pub(super) fn code(&self) -> Option<String> {
        match self {
            Self::File { source, .. } => code_of(source),
            Self::Ledger(trouble) => trouble.code(),
            Self::Store(error) => error.code(),
            Self::Clock(error) => error.code(),
            Self::LostLease => None,
        }
    }

    /// For `map_err`: what was being done.
    pub(super) const fn doing(doing: &'static str) -> impl FnOnce(DbErr) -> Self {
        move |source| Self::File { doing, source }
    }
}
