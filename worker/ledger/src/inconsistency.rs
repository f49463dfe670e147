//! Rows that contradict each other.

use std::fmt;

/// Rows that contradict each other. This is not a refusal: the ledger needs repair. The error names
/// the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inconsistency {
    /// The table of the inconsistent row.
    pub table: &'static str,
    /// The id of the inconsistent row.
    pub id: String,
    /// The contradiction that was found.
    pub message: String,
}

impl fmt::Display for Inconsistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} is inconsistent: {}",
            self.table, self.id, self.message
        )
    }
}

impl std::error::Error for Inconsistency {}
