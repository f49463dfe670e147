//! The counters and the state of a lane, for health checks and metrics.

use std::{
    borrow::Cow,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use ledger::Refusal;
use prometheus_client::metrics::histogram::Histogram;
use strum::VariantArray;

use super::{
    counters::{LabeledCounter, PassCounters},
    lane_state::{AtomicLaneState, Heartbeat},
    settlement::{POISON, unapplied},
};

/// Bounds of commit durations, in seconds.
const COMMITS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// Bounds of group sizes, in commands.
const SIZES: [u32; 13] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000,
];

/// The kinds of errors after which a group is retried.
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

/// The reasons of dead letters that need an operator at once.
fn urgent_reasons() -> impl Iterator<Item = Cow<'static, str>> {
    let unapplied = Refusal::VARIANTS
        .iter()
        .map(|refusal| unapplied(*refusal).into());
    unapplied.chain([POISON.into()])
}

/// The counters and the state of one lane.
#[derive(Debug)]
pub struct LaneStats {
    /// Sizes of the committed groups, in commands.
    pub sizes: Histogram,
    /// Durations of the commits, in seconds.
    pub commits: Histogram,
    /// Dead letters, by reason.
    pub dead: LabeledCounter,
    /// Retries of groups, by the kind of error.
    pub retries: LabeledCounter,
    /// The state of the lane.
    pub state: AtomicLaneState,
    /// The heartbeat of the lane.
    pub heartbeat: Heartbeat,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    groups: AtomicU64,
    commands: AtomicU64,
    completed: AtomicU64,
    refused: AtomicU64,
    replayed_completed: AtomicU64,
    replayed_refused: AtomicU64,
    delayed: AtomicU64,
    subscriptions: AtomicU64,
    requeued: AtomicU64,
    last_commit_micros: AtomicU64,
    waited_millis: AtomicU64,
}

/// The counters of a lane at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Committed groups.
    pub groups: u64,
    /// Committed commands.
    pub commands: u64,
    /// Committed commands that were applied, including replays.
    pub completed: u64,
    /// Committed commands that were refused, including replays.
    pub failed: u64,
    /// Committed commands that were decided before.
    pub replayed: u64,
    /// Deliveries that were dead-lettered.
    pub dead: u64,
    /// Deliveries that were sent to the delay queue.
    pub delayed: u64,
    /// Retries of groups.
    pub retries: u64,
    /// Subscriptions that were opened.
    pub subscriptions: u64,
    /// Number of times that all deliveries in hand were requeued until the database answers.
    pub requeued: u64,
    /// Duration of the last commit.
    pub last_commit: Duration,
    /// Age of the first command of the last group when it was taken, by the timestamp of its
    /// message.
    pub waited: Duration,
}

impl Default for LaneStats {
    fn default() -> Self {
        Self {
            sizes: Histogram::new(SIZES.map(f64::from)),
            commits: Histogram::new(COMMITS),
            dead: LabeledCounter::new(urgent_reasons()),
            retries: LabeledCounter::new(RETRIES.map(Into::into)),
            state: AtomicLaneState::default(),
            heartbeat: Heartbeat::default(),
            counts: Counts::default(),
        }
    }
}

impl LaneStats {
    /// The current counters.
    pub fn snapshot(&self) -> Snapshot {
        let counts = &self.counts;
        let replayed_completed = counts.replayed_completed.load(Relaxed);
        let replayed_refused = counts.replayed_refused.load(Relaxed);
        Snapshot {
            groups: counts.groups.load(Relaxed),
            commands: counts.commands.load(Relaxed),
            completed: counts.completed.load(Relaxed) + replayed_completed,
            failed: counts.refused.load(Relaxed) + replayed_refused,
            replayed: replayed_completed + replayed_refused,
            dead: self.dead.sum(),
            delayed: counts.delayed.load(Relaxed),
            retries: self.retries.sum(),
            subscriptions: counts.subscriptions.load(Relaxed),
            requeued: counts.requeued.load(Relaxed),
            last_commit: Duration::from_micros(counts.last_commit_micros.load(Relaxed)),
            waited: Duration::from_millis(counts.waited_millis.load(Relaxed)),
        }
    }

    /// Commands by result, each counted once: applied, refused, decided before.
    pub fn results(&self) -> [(&'static str, u64); 3] {
        let counts = &self.counts;
        let replayed =
            counts.replayed_completed.load(Relaxed) + counts.replayed_refused.load(Relaxed);
        [
            ("completed", counts.completed.load(Relaxed)),
            ("refused", counts.refused.load(Relaxed)),
            ("replayed", replayed),
        ]
    }

    /// Records a commit.
    pub(crate) fn committed(&self, commands: usize, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.sizes
            .observe(f64::from(u32::try_from(commands).unwrap_or(u32::MAX)));
        self.commits.observe(took.as_secs_f64());
        self.counts.groups.fetch_add(1, Relaxed);
        self.counts.commands.fetch_add(commands as u64, Relaxed);
        self.counts.last_commit_micros.store(micros, Relaxed);
    }

    /// Adds the counters of a group.
    pub(crate) fn add(&self, counters: PassCounters) {
        let counts = &self.counts;
        for (counter, count) in [
            (&counts.completed, counters.completed),
            (&counts.refused, counters.refused),
            (&counts.replayed_completed, counters.replayed_completed),
            (&counts.replayed_refused, counters.replayed_refused),
            (&counts.delayed, counters.delayed),
        ] {
            if count > 0 {
                counter.fetch_add(count, Relaxed);
            }
        }
        counters
            .dead
            .into_iter()
            .for_each(|reason| self.dead.add(reason));
    }

    /// Counts a retry of a group.
    pub(crate) fn retried(&self, kind: &'static str) {
        self.retries.add(kind.into());
    }

    /// Counts a subscription.
    pub(crate) fn subscribed(&self) {
        self.counts.subscriptions.fetch_add(1, Relaxed);
    }

    /// Counts that all deliveries in hand were requeued.
    pub(crate) fn requeued(&self) {
        self.counts.requeued.fetch_add(1, Relaxed);
    }

    /// Records the age of the first command of a group.
    pub(crate) fn waited(&self, age: Duration) {
        let millis = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        self.counts.waited_millis.store(millis, Relaxed);
    }
}
