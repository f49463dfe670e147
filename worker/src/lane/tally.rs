//! What one pass counts before it is added to the lane's counters.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// What one pass counts: the lane's counters are touched once a group, not once a command.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Applied.
    pub completed: u64,
    /// Refused by the rules.
    pub refused: u64,
    /// Applied before.
    pub replayed_completed: u64,
    /// Refused before.
    pub replayed_refused: u64,
    /// Sent through the delay queue.
    pub delayed: u64,
    /// Why each dead letter is one.
    pub dead: Vec<Cow<'static, str>>,
}

impl Tally {
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

/// Counters of what happens seldom, by a name of a closed list.
#[derive(Debug, Default)]
pub struct ByName(Mutex<BTreeMap<Cow<'static, str>, u64>>);

impl ByName {
    /// Counters that are there from the beginning, at zero: whoever watches how one grows misses the first otherwise.
    pub(crate) fn of(names: impl IntoIterator<Item = Cow<'static, str>>) -> Self {
        Self(Mutex::new(names.into_iter().map(|name| (name, 0)).collect()))
    }

    /// Counts one.
    pub(crate) fn add(&self, name: Cow<'static, str>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(name).or_default() += 1;
    }

    /// The counters now.
    pub fn read(&self) -> BTreeMap<Cow<'static, str>, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All of them together.
    pub fn sum(&self) -> u64 {
        self.read().values().sum()
    }
}
