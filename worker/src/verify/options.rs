//! How much of the ledger is looked at, and remembered, at a time.

/// How [`verify`](super::verify) goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many wallets one snapshot covers; at least 1.
    pub users_per_range: u32,
    /// How many violations are kept; more are only counted.
    pub max_violations: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            users_per_range: 1_000,
            max_violations: 1_000,
        }
    }
}
