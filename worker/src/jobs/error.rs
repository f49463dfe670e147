//! Why a run cannot be claimed, and why it does not finish.

use crate::{clock::ClockError, db::StoreError, read::ReadError};

/// Why a run cannot be claimed now.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// The database refused the claim or is unavailable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no confirmed time.
    #[error(transparent)]
    Clock(#[from] ClockError),
}

/// Why ended holds cannot be closed now.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// The holds cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is no confirmed time.
    #[error(transparent)]
    Clock(#[from] ClockError),
}

/// Why a run did not finish.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// It was stopped. The next claim of the run resumes it.
    #[error("the run was stopped before it finished; the next claim resumes it")]
    Stopped,
    /// Its lease ran out, and another worker resumed it.
    #[error("another worker has taken over the run")]
    TakenOver,
    /// It failed repeatedly although the database answers, so another attempt would not help.
    #[error("the run fails repeatedly although the database answers: {0}")]
    Impossible(String),
}

/// Why processing stopped before the end.
pub(super) enum Interrupted {
    /// The run ends without a result.
    Ended(JobError),
    /// The database cannot be used now.
    Database(String),
    /// The time is not confirmed.
    Clock(String),
}
