//! Errors of reading the ledger.

use ledger::Inconsistency;
use sea_orm::DbErr;
use thiserror::Error;

use crate::db::StoreError;

/// A read that failed.
#[derive(Debug, Error)]
#[error("cannot read the {what}")]
pub struct ReadError {
    what: &'static str,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl ReadError {
    /// For `map_err`.
    pub(crate) fn reading(what: &'static str) -> impl FnOnce(DbErr) -> Self {
        move |source| Self {
            what,
            source: source.into(),
        }
    }

    /// For `map_err`, if the store read the rows.
    pub(crate) fn store(what: &'static str) -> impl FnOnce(StoreError) -> Self {
        move |source| Self {
            what,
            source: source.into(),
        }
    }

    /// For `map_err`, if rows contradict each other.
    pub(crate) fn inconsistent(what: &'static str) -> impl FnOnce(Inconsistency) -> Self {
        move |source| Self {
            what,
            source: source.into(),
        }
    }
}
