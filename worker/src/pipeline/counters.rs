//! The counters of one group, and counters by label.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// The counters of one group. They are added to the lane's counters once per group, not once per
/// command.
#[derive(Debug, Default)]
pub(crate) struct PassCounters {
    /// Commands that were applied.
    pub completed: u64,
    /// Commands that the rules refused.
    pub refused: u64,
    /// Commands that were applied before.
    pub replayed_completed: u64,
    /// Commands that were refused before.
    pub replayed_refused: u64,
    /// Deliveries that were sent to the delay queue.
    pub delayed: u64,
    /// The reason of each dead letter.
    pub dead: Vec<Cow<'static, str>>,
}

impl PassCounters {
    /// Counts a decision.
    pub fn decided(&mut self, completed: bool, replayed: bool) {
        *match (completed, replayed) {
            (true, false) => &mut self.completed,
            (false, false) => &mut self.refused,
            (true, true) => &mut self.replayed_completed,
            (false, true) => &mut self.replayed_refused,
        } += 1;
    }
}

/// Counters of rare events, by a label from a closed list.
#[derive(Debug, Default)]
pub struct LabeledCounter(Mutex<BTreeMap<Cow<'static, str>, u64>>);

impl LabeledCounter {
    /// Creates the counters at zero. If a counter appeared only with its first event, a monitor
    /// that watches for increases would miss that event.
    pub(crate) fn new(names: impl IntoIterator<Item = Cow<'static, str>>) -> Self {
        Self(Mutex::new(
            names.into_iter().map(|name| (name, 0)).collect(),
        ))
    }

    /// Counts one.
    pub(crate) fn add(&self, name: Cow<'static, str>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(name).or_default() += 1;
    }

    /// The current counters.
    pub fn read(&self) -> BTreeMap<Cow<'static, str>, u64> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The sum of all counters.
    pub fn sum(&self) -> u64 {
        self.read().values().sum()
    }
}
