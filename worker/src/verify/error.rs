//! What can go wrong when verifying, apart from what verifying is for.

use sea_orm::DbErr;
use thiserror::Error;

/// A check that could not be carried out.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The database did not answer.
    #[error("cannot check {what}")]
    Database {
        /// The rule, or what else was asked.
        what: &'static str,
        /// What the database said.
        source: DbErr,
    },
    /// The sums are beyond what can be added up.
    #[error("the sums of {what} are too large to be added up")]
    Overflow {
        /// What was added up.
        what: &'static str,
    },
}

impl VerifyError {
    /// For `map_err`.
    pub(super) fn of(what: &'static str) -> impl FnOnce(DbErr) -> Self {
        move |source| Self::Database { what, source }
    }
}
