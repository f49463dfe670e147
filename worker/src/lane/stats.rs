//! What a lane did and does, for whoever watches it.

use std::{
    borrow::Cow,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use ledger::Refusal;

use super::{
    condition::{Pulse, Shown},
    histogram::Histogram,
    pipeline::{POISON, unapplied},
    tally::{ByName, Tally},
};

/// Microseconds.
const COMMITS: [u64; 14] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000, 30_000_000,
];
const SIZES: [u64; 13] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

/// The kinds of trouble for which a group is tried again.
const RETRIES: [&str; 11] = [
    "connection",
    "timeout",
    "conflict",
    "read_only",
    "full",
    "resources",
    "rights",
    "refused",
    "lost_lease",
    "clock",
    "other",
];

/// The reasons of dead letters that need a person at once.
fn grave() -> impl Iterator<Item = Cow<'static, str>> {
    let unapplied = Refusal::ALL.map(unapplied).into_iter().map(Cow::from);
    unapplied.chain([POISON.into()])
}

/// Counters of one lane, and what it is doing.
#[derive(Debug)]
pub struct LaneStats {
    /// Commands of each group that was committed.
    pub sizes: Histogram,
    /// Microseconds that committing each took.
    pub commits: Histogram,
    /// Dead letters, by reason.
    pub dead: ByName,
    /// Groups tried again, by the kind of trouble.
    pub retries: ByName,
    /// What it is doing.
    pub condition: Shown,
    /// When it last made a turn.
    pub pulse: Pulse,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    completed: AtomicU64,
    refused: AtomicU64,
    replayed_completed: AtomicU64,
    replayed_refused: AtomicU64,
    delayed: AtomicU64,
    subscriptions: AtomicU64,
    given_back: AtomicU64,
    last_commit_micros: AtomicU64,
    waited_millis: AtomicU64,
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
    /// Times that everything was given back to the queue until the database answers.
    pub given_back: u64,
    /// How long the last commit took.
    pub last_commit: Duration,
    /// How old the first command of the last group was when it was taken, as far as its message says.
    pub waited: Duration,
}

impl Default for LaneStats {
    fn default() -> Self {
        Self {
            sizes: Histogram::new(&SIZES),
            commits: Histogram::new(&COMMITS),
            dead: ByName::of(grave()),
            retries: ByName::of(RETRIES.map(Into::into)),
            condition: Shown::default(),
            pulse: Pulse::default(),
            counts: Counts::default(),
        }
    }
}

impl LaneStats {
    /// The counters now.
    pub fn snapshot(&self) -> Snapshot {
        let counts = &self.counts;
        let replayed_completed = counts.replayed_completed.load(Relaxed);
        let replayed_refused = counts.replayed_refused.load(Relaxed);
        Snapshot {
            groups: self.sizes.count(),
            commands: self.sizes.sum(),
            completed: counts.completed.load(Relaxed) + replayed_completed,
            failed: counts.refused.load(Relaxed) + replayed_refused,
            replayed: replayed_completed + replayed_refused,
            dead: self.dead.sum(),
            delayed: counts.delayed.load(Relaxed),
            retries: self.retries.sum(),
            subscriptions: counts.subscriptions.load(Relaxed),
            given_back: counts.given_back.load(Relaxed),
            last_commit: Duration::from_micros(counts.last_commit_micros.load(Relaxed)),
            waited: Duration::from_millis(counts.waited_millis.load(Relaxed)),
        }
    }

    /// Commands by result, each counted once: applied, refused, known before.
    pub fn results(&self) -> [(&'static str, u64); 3] {
        let counts = &self.counts;
        let replayed = counts.replayed_completed.load(Relaxed) + counts.replayed_refused.load(Relaxed);
        [
            ("completed", counts.completed.load(Relaxed)),
            ("refused", counts.refused.load(Relaxed)),
            ("replayed", replayed),
        ]
    }

    /// A group was committed.
    pub(crate) fn committed(&self, commands: usize, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.sizes.observe(commands as u64);
        self.commits.observe(micros);
        self.counts.last_commit_micros.store(micros, Relaxed);
    }

    /// Adds what a pass counted.
    pub(crate) fn add(&self, tally: Tally) {
        let counts = &self.counts;
        for (counter, count) in [
            (&counts.completed, tally.completed),
            (&counts.refused, tally.refused),
            (&counts.replayed_completed, tally.replayed_completed),
            (&counts.replayed_refused, tally.replayed_refused),
            (&counts.delayed, tally.delayed),
        ] {
            if count > 0 {
                counter.fetch_add(count, Relaxed);
            }
        }
        tally.dead.into_iter().for_each(|reason| self.dead.add(reason));
    }

    /// A group has to be tried again.
    pub(crate) fn retried(&self, kind: &'static str) {
        self.retries.add(kind.into());
    }

    /// A subscription was opened.
    pub(crate) fn subscribed(&self) {
        self.counts.subscriptions.fetch_add(1, Relaxed);
    }

    /// Everything went back to the queue until the database answers.
    pub(crate) fn gave_back(&self) {
        self.counts.given_back.fetch_add(1, Relaxed);
    }

    /// The first command of a group was that old.
    pub(crate) fn waited(&self, age: Duration) {
        let millis = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        self.counts.waited_millis.store(millis, Relaxed);
    }
}
