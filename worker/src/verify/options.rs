//! Options of a verification.

/// Limits of [`verify`](super::verify).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Number of wallets in one snapshot. 0 counts as 1.
    pub users_per_range: u32,
    /// Maximum of violations in the report. Further violations are only counted.
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
