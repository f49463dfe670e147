//! What can go wrong when reading.

use sea_orm::DbErr;
use thiserror::Error;

/// A read that failed.
#[derive(Debug, Error)]
#[error("cannot read the {what}")]
pub struct ReadError {
    what: &'static str,
    source: DbErr,
}

impl ReadError {
    /// For `map_err`.
    pub(crate) fn of(what: &'static str) -> impl FnOnce(DbErr) -> Self {
        move |source| Self { what, source }
    }
}
