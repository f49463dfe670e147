//! What a lane did, for whoever watches it.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Counters of one lane. They only ever grow, except for the last latency.
#[derive(Debug, Default)]
pub struct LaneStats {
    groups: AtomicU64,
    commands: AtomicU64,
    completed: AtomicU64,
    failed: AtomicU64,
    replayed: AtomicU64,
    dead: AtomicU64,
    delayed: AtomicU64,
    retries: AtomicU64,
    subscriptions: AtomicU64,
    unreadable: AtomicU64,
    last_commit_micros: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Groups committed.
    pub groups: u64,
    /// Commands committed.
    pub commands: u64,
    /// Of these: applied.
    pub completed: u64,
    /// Of these: refused.
    pub failed: u64,
    /// Of these: known before.
    pub replayed: u64,
    /// Deliveries set aside.
    pub dead: u64,
    /// Deliveries sent through the delay queue.
    pub delayed: u64,
    /// Groups tried again because the database could not be used.
    pub retries: u64,
    /// Subscriptions opened.
    pub subscriptions: u64,
    /// How long the last commit took.
    pub last_commit: Duration,
}

impl LaneStats {
    /// The counters now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            groups: self.groups.load(Relaxed),
            commands: self.commands.load(Relaxed),
            completed: self.completed.load(Relaxed),
            failed: self.failed.load(Relaxed),
            replayed: self.replayed.load(Relaxed),
            dead: self.dead.load(Relaxed),
            delayed: self.delayed.load(Relaxed),
            retries: self.retries.load(Relaxed),
            subscriptions: self.subscriptions.load(Relaxed),
            last_commit: Duration::from_micros(self.last_commit_micros.load(Relaxed)),
        }
    }

    /// A group was committed.
    pub(crate) fn committed(&self, commands: usize, took: Duration) {
        self.groups.fetch_add(1, Relaxed);
        self.commands.fetch_add(commands as u64, Relaxed);
        self.last_commit_micros
            .store(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    /// A command was decided.
    pub(crate) fn decided(&self, completed: bool, replayed: bool) {
        if completed { &self.completed } else { &self.failed }.fetch_add(1, Relaxed);
        if replayed {
            self.replayed.fetch_add(1, Relaxed);
        }
    }

    /// A delivery was set aside.
    pub(crate) fn set_aside(&self) {
        self.dead.fetch_add(1, Relaxed);
    }

    /// A delivery was delayed.
    pub(crate) fn delayed(&self) {
        self.delayed.fetch_add(1, Relaxed);
    }

    /// A group has to be tried again.
    pub(crate) fn retried(&self) {
        self.retries.fetch_add(1, Relaxed);
    }

    /// A subscription was opened.
    pub(crate) fn subscribed(&self) {
        self.subscriptions.fetch_add(1, Relaxed);
    }

    /// Something was settled for good.
    pub(crate) fn settled(&self) {
        self.unreadable.store(0, Relaxed);
    }

    /// The connection ended because of something that cannot be read, maybe one of this lane's messages.
    pub(crate) fn unreadable(&self) {
        self.unreadable.fetch_add(1, Relaxed);
    }

    /// How often in a row the connection ended so before anything was settled.
    pub(crate) fn times_unreadable(&self) -> u64 {
        self.unreadable.load(Relaxed)
    }
}
