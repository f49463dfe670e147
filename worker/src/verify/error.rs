//! Errors that prevent a check, as opposed to violations that a check finds.

use sea_orm::DbErr;
use thiserror::Error;

/// Why a check could not be executed.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The database returned an error.
    #[error("cannot check {what}")]
    Database {
        /// The rule or the rows of the check.
        what: &'static str,
        source: DbErr,
    },
    /// A sum does not fit into 128 bits.
    #[error("{what} are too large: a sum must fit into 128 bits")]
    Overflow {
        /// The sums.
        what: &'static str,
    },
}

impl VerifyError {
    /// For `map_err`.
    pub(super) fn reading(what: &'static str) -> impl FnOnce(DbErr) -> Self {
        move |source| Self::Database { what, source }
    }
}
