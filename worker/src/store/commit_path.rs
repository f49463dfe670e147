//! Counters of the groups committed on each commit path.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tracing::debug;

/// The path on which a group was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitPath {
    /// Decided without a lock and written by one statement.
    Optimistic,
    /// Decided after the wallets were locked.
    Pessimistic,
    /// Committed on the pessimistic path after a conflict on the optimistic path.
    Conflict,
}

impl CommitPath {
    const ALL: [Self; 3] = [Self::Optimistic, Self::Pessimistic, Self::Conflict];

    const fn name(self) -> &'static str {
        match self {
            Self::Optimistic => "optimistic",
            Self::Pessimistic => "pessimistic",
            Self::Conflict => "conflict",
        }
    }
}

/// Numbers of the groups that this process has committed, by path. Each group counts once.
#[derive(Debug, Default)]
pub struct CommitPathCounters([AtomicU64; CommitPath::ALL.len()]);

impl CommitPathCounters {
    /// Counts a committed group of `commands` commands.
    pub(super) fn record(&self, path: CommitPath, commands: usize) {
        self.0[path as usize].fetch_add(1, Relaxed);
        debug!(path = path.name(), commands, "group committed");
    }

    /// The current counts, by name of the path.
    pub fn read(&self) -> [(&'static str, u64); CommitPath::ALL.len()] {
        CommitPath::ALL.map(|path| (path.name(), self.0[path as usize].load(Relaxed)))
    }
}
