//! Counts which way groups were committed.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tracing::debug;

/// The way that a group was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Decided without a lock, written by one statement.
    Quick,
    /// Wallets locked first.
    Careful,
    /// The same, after the quick way was tried in vain.
    InVain,
}

impl Way {
    const ALL: [Self; 3] = [Self::Quick, Self::Careful, Self::InVain];

    const fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Careful => "careful",
            Self::InVain => "quick_in_vain",
        }
    }
}

/// How many groups a process has committed which way; each counts once.
#[derive(Debug, Default)]
pub struct Ways([AtomicU64; Way::ALL.len()]);

impl Ways {
    /// A group of so many commands was committed.
    pub(super) fn took(&self, way: Way, commands: usize) {
        self.0[way as usize].fetch_add(1, Relaxed);
        debug!(way = way.name(), commands, "committed a group");
    }

    /// The numbers so far, by name.
    pub fn read(&self) -> [(&'static str, u64); Way::ALL.len()] {
        Way::ALL.map(|way| (way.name(), self.0[way as usize].load(Relaxed)))
    }
}
