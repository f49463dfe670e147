//! The remembered ids of one worker, in the order in which their groups were acknowledged.
//!
//! The last id is always there. Of the others more are kept of the last seconds than of the last
//! hours, so that the beginning of a loss is known to a quarter of its age. An id that the database
//! lacks is pinned with its neighbours: it is kept until the loss is settled.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Smallest distance of two remembered ids, apart from the last one.
const RESOLUTION: TimeDelta = TimeDelta::seconds(1);
/// Largest distance of two remembered ids, as a part of their age.
const PART: i32 = 4;
/// Number of ids that are not pinned at which they are thinned. A day needs at most 90.
const MAX: usize = 128;
/// Older ids are forgotten.
const MAX_AGE: TimeDelta = TimeDelta::days(1);

/// Remembered commits, in the order of their acknowledgement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct History(Vec<Position>);

/// A remembered commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The last transaction of a group. It has the time of the decision in it.
    pub id: Uuid,
    /// When a worker first received the oldest command of the groups since the position before.
    /// `None`: not known.
    pub received: Option<DateTime<Utc>>,
    /// Whether the position belongs to a loss that is not settled.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
}

impl History {
    /// Remembers the id of a transaction whose group is committed. `received` is the time at which
    /// the oldest command since the last call was received. An id without a time is ignored.
    pub fn push(&mut self, id: Uuid, mut received: Option<DateTime<Utc>>) {
        let Some(at) = time_of(id) else {
            return;
        };
        if let [.., before, last] = self.0[..]
            && !last.pinned
            && is_near(before.id, last.id)
            // After a pause the database may be another one, without the last commit.
            && is_near(last.id, id)
        {
            received = earlier(received, last.received);
            self.0.pop();
        }
        self.0.push(Position {
            id,
            received,
            pinned: false,
        });
        self.limit(at);
    }

    /// The ids, in the order of their acknowledgement.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = &Uuid> {
        self.0.iter().map(|position| &position.id)
    }

    /// The positions, in the order of their acknowledgement.
    pub fn positions(&self) -> &[Position] {
        &self.0
    }

    /// Pins the ids that the database lacks, and the neighbours of each, and no others. Returns
    /// whether there are any.
    pub fn pin(&mut self, missing: &BTreeSet<Uuid>) -> bool {
        let is_missing: Vec<bool> = self.ids().map(|id| missing.contains(id)).collect();
        for (index, position) in self.0.iter_mut().enumerate() {
            let neighbours = index.saturating_sub(1)..=index + 1;
            position.pinned = neighbours
                .into_iter()
                .any(|index| is_missing.get(index) == Some(&true));
        }
        is_missing.contains(&true)
    }

    /// The pinned positions alone.
    #[must_use]
    pub fn pinned(&self) -> Self {
        let pinned = self.0.iter().filter(|position| position.pinned);
        Self(pinned.copied().collect())
    }

    /// Adds the positions of another copy of the same history, which was thinned in another way.
    pub fn merge(&mut self, other: Self) {
        let known: BTreeSet<Uuid> = self.ids().copied().collect();
        let before = self.0.len();
        for position in other.0 {
            if !known.contains(&position.id) {
                self.0.push(position);
            }
        }
        if self.0.len() > before {
            self.0.sort_by_key(|position| position.id);
        }
        let last = self.ids().next_back().copied();
        if let Some(now) = last.and_then(time_of) {
            self.limit(now);
        }
    }

    /// Forgets what is too old, unless it is pinned. Returns whether something is left.
    pub fn forget(&mut self, now: DateTime<Utc>) -> bool {
        self.0.retain(|position| {
            position.pinned || time_of(position.id).is_some_and(|at| now - at <= MAX_AGE)
        });
        !self.0.is_empty()
    }

    fn limit(&mut self, now: DateTime<Utc>) {
        if self.0.len() > MAX && self.0.iter().filter(|one| !one.pinned).count() > MAX {
            self.thin(now);
        }
    }

    fn thin(&mut self, now: DateTime<Utc>) {
        let mut kept: Vec<Position> = Vec::with_capacity(self.0.len());
        let mut received = None;
        for (index, position) in self.0.iter().enumerate() {
            let age = time_of(position.id).map_or(TimeDelta::MAX, |at| now - at);
            let next = self.0.get(index + 1);
            // Without this id the distance between its neighbours would still be small enough.
            let is_spare = kept.last().zip(next).is_some_and(|(before, next)| {
                distance(before.id, next.id).is_some_and(|distance| distance < age / PART)
            });
            received = earlier(received, position.received);
            if position.pinned || age <= MAX_AGE && (next.is_none() || !is_spare) {
                let received = received.take();
                kept.push(Position {
                    received,
                    ..*position
                });
            } else if age > MAX_AGE {
                received = None;
            }
        }
        self.0 = kept;
    }
}

/// The earlier one of two instants that may be unknown.
pub fn earlier(one: Option<DateTime<Utc>>, other: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    one.into_iter().chain(other).min()
}

/// The time in the id of a transaction, which is when its group was decided.
pub fn time_of(id: Uuid) -> Option<DateTime<Utc>> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}

fn distance(earlier: Uuid, later: Uuid) -> Option<TimeDelta> {
    Some(time_of(later)? - time_of(earlier)?)
}

fn is_near(earlier: Uuid, later: Uuid) -> bool {
    distance(earlier, later).is_none_or(|distance| distance < RESOLUTION)
}

#[cfg(test)]
mod tests {
    use uuid::{NoContext, Timestamp};

    use super::*;

    fn id_at(millis: u64) -> Uuid {
        let nanos = u32::try_from(millis % 1000).unwrap() * 1_000_000;
        Uuid::new_v7(Timestamp::from_unix(NoContext, millis / 1000, nanos))
    }

    #[test]
    fn the_last_id_is_always_remembered() {
        let mut history = History::default();
        for millis in 0..5_000 {
            let id = id_at(1_800_000_000_000 + millis);
            history.push(id, None);
            assert_eq!(history.ids().next_back(), Some(&id));
        }
        assert!(history.positions().len() <= 7, "{history:?}");
    }

    #[test]
    fn a_day_is_remembered_to_a_quarter_of_its_age_in_few_ids() {
        const DAY: u64 = 86_400;
        let mut history = History::default();
        for second in 0..2 * DAY {
            history.push(id_at((1_800_000_000 + second) * 1000), None);
        }
        let times: Vec<_> = history.ids().map(|id| time_of(*id).unwrap()).collect();
        assert!(times.len() <= MAX);
        let now = *times.last().unwrap();
        assert!(now - times[0] > TimeDelta::hours(20), "{}", now - times[0]);
        for pair in times.windows(2) {
            let (distance, age) = (pair[1] - pair[0], now - pair[0]);
            let allowed = RESOLUTION.max(age / PART + RESOLUTION);
            assert!(distance <= allowed, "{distance} at {age}");
        }
    }

    #[test]
    fn an_id_of_a_clock_that_went_back_is_remembered_in_its_order() {
        let mut history = History::default();
        let ids = [5_000, 9_000, 3_000, 4_500].map(|millis| id_at(1_800_000_000_000 + millis));
        for id in ids {
            history.push(id, None);
        }
        assert_eq!(history.ids().next_back(), Some(&ids[3]));
        assert!(history.ids().any(|id| *id == ids[0]));
    }

    #[test]
    fn a_pinned_loss_and_its_neighbours_survive_a_day_of_commits() {
        let mut history = History::default();
        let ids: Vec<Uuid> = (0..40)
            .map(|second| id_at((1_800_000_000 + second) * 1000))
            .collect();
        for id in &ids {
            history.push(*id, None);
        }
        let missing: BTreeSet<Uuid> = ids[20..30].iter().copied().collect();
        assert!(history.pin(&missing));
        for tick in 0..500_000 {
            history.push(id_at((1_800_000_040 + tick) * 1000), None);
        }
        let kept: BTreeSet<Uuid> = history.ids().copied().collect();
        assert!(ids[19..=30].iter().all(|id| kept.contains(id)));
        assert!(!kept.contains(&ids[18]));
        assert_eq!(history.pinned().positions().len(), 12);
        assert!(history.positions().len() <= MAX + 12);
        let now = time_of(*history.ids().next_back().unwrap()).unwrap();
        assert!(!history.pin(&BTreeSet::new()));
        history.forget(now);
        assert!(!history.ids().any(|id| missing.contains(id)));
    }

    #[test]
    fn a_pinned_last_id_is_not_replaced_by_the_next_one() {
        let mut history = History::default();
        let ids = [0, 100, 200, 300].map(|millis| id_at(1_800_000_000_000 + millis));
        history.push(ids[0], None);
        history.push(ids[1], None);
        history.pin(&BTreeSet::from([ids[1]]));
        history.push(ids[2], None);
        history.push(ids[3], None);
        let kept: Vec<Uuid> = history.ids().copied().collect();
        assert_eq!(kept, [ids[0], ids[1], ids[3]]);
    }

    #[test]
    fn the_last_id_before_a_pause_stays_remembered() {
        let mut history = History::default();
        let ids = [0, 500, 5_500, 5_600].map(|millis| id_at(1_800_000_000_000 + millis));
        for id in ids {
            history.push(id, None);
        }
        assert_eq!(history.ids().copied().collect::<Vec<_>>(), ids);
    }

    #[test]
    fn the_oldest_receipt_moves_to_the_next_id_that_is_kept() {
        let at = |second| DateTime::from_timestamp(second, 0);
        let mut history = History::default();
        for (millis, second) in [(0, 7), (100, 3), (200, 5)] {
            history.push(id_at(1_800_000_000_000 + millis), at(second));
        }
        let received: Vec<_> = history.positions().iter().map(|one| one.received).collect();
        assert_eq!(received, [at(7), at(3)]);
    }

    #[test]
    fn merged_copies_of_a_history_have_the_ids_of_both_in_order() {
        let ids = [0, 2, 4, 6].map(|second| id_at((1_800_000_000 + second) * 1000));
        let (mut one, mut other) = (History::default(), History::default());
        for id in [ids[0], ids[2]] {
            one.push(id, None);
        }
        for id in [ids[1], ids[2], ids[3]] {
            other.push(id, None);
        }
        other.pin(&BTreeSet::from([ids[3]]));
        one.merge(other);
        assert_eq!(one.ids().copied().collect::<Vec<_>>(), ids);
        assert_eq!(one.pinned().positions().len(), 1);
    }
}
