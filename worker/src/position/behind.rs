//! Compares remembered ids with those that the database has.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::history::{History, earlier, time_of};

/// What a worker remembers, as it is kept on the broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The id of the ledger that the worker commits to.
    pub ledger: Uuid,
    /// The name of the worker.
    pub worker: String,
    /// Transactions that it committed, in the order of their acknowledgement.
    pub transactions: History,
    /// Losses of other workers, which may be gone and whose own messages the broker may have
    /// dropped. They have only pinned positions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses_of_others: Vec<Self>,
}

impl Remembered {
    /// Merges what several messages have of the same workers into one for each worker.
    pub fn merge(messages: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut all: BTreeMap<(Uuid, String), History> = BTreeMap::new();
        for mut message in messages {
            let losses = std::mem::take(&mut message.losses_of_others);
            for one in std::iter::once(message).chain(losses) {
                let known = all.entry((one.ledger, one.worker)).or_default();
                known.merge(one.transactions);
            }
        }
        let all = all.into_iter();
        all.map(|((ledger, worker), transactions)| Self {
            ledger,
            worker,
            transactions,
            losses_of_others: Vec::new(),
        })
        .collect()
    }
}

/// A range of time that an operator has recovered or accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

/// The book lacks commits that were acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Behind {
    /// The last remembered commit that the book has, before those that it lacks. `None` if the book
    /// has none of the remembered ones.
    pub from: Option<DateTime<Utc>>,
    /// The first remembered commit that the book lacks.
    pub first_missing: DateTime<Utc>,
    /// The last remembered commit that the book lacks.
    pub last_missing: DateTime<Utc>,
    /// The first remembered commit after the lost ones that the book has. `None` if there is none
    /// yet: then the range reaches until now.
    pub to: Option<DateTime<Utc>>,
    /// When a worker first received the oldest command of the commits in the range, as far as it is
    /// remembered.
    pub oldest_received: Option<DateTime<Utc>>,
    /// Number of remembered commits that the book lacks. They are a sample: each stands for all
    /// commits since the one before it.
    pub missing: usize,
    /// The workers that made them.
    pub workers: BTreeSet<String>,
    /// The remembered ids that the book lacks.
    #[serde(skip)]
    pub ids: BTreeSet<Uuid>,
}

impl Behind {
    /// The result of a lookup: `existing` are the ids that the database has. Commits in a range of
    /// `settled` are no longer reported, because an operator has recovered them.
    pub fn find(
        all: &[Remembered],
        existing: &BTreeSet<Uuid>,
        settled: &[Settled],
    ) -> Option<Self> {
        let mut losses = Losses::default();
        for remembered in all {
            losses.add(remembered, existing, settled);
        }
        losses.into_behind()
    }

    /// The length of the range in seconds, as far as it is known.
    pub fn seconds(&self) -> f64 {
        let from = self.from.unwrap_or(self.first_missing);
        let to = self.to.unwrap_or_else(Utc::now);
        (to - from).as_seconds_f64().max(0.001)
    }
}

/// What the book lacks of the commits of all workers.
#[derive(Default)]
struct Losses {
    /// For each worker with a loss the last commit before it that the book has.
    before: Vec<Option<DateTime<Utc>>>,
    existing: Vec<DateTime<Utc>>,
    missing: Vec<DateTime<Utc>>,
    oldest_received: Option<DateTime<Utc>>,
    workers: BTreeSet<String>,
    ids: BTreeSet<Uuid>,
}

impl Losses {
    fn add(&mut self, remembered: &Remembered, existing: &BTreeSet<Uuid>, settled: &[Settled]) {
        let mut last = None;
        let mut has_loss = false;
        let mut is_after_missing = false;
        for position in remembered.transactions.positions() {
            let Some(at) = time_of(position.id) else {
                continue;
            };
            let is_missing = !existing.contains(&position.id);
            let mut is_settled = settled.iter();
            if !is_missing {
                self.existing.push(at);
                last = Some(at);
            } else if is_settled.any(|range| range.from <= at && at <= range.until) {
                continue;
            } else {
                if !has_loss {
                    self.before.push(last);
                    self.workers.insert(remembered.worker.clone());
                }
                has_loss = true;
                self.missing.push(at);
                self.ids.insert(position.id);
            }
            // The first existing position after a loss also stands for lost groups before it.
            if is_missing || is_after_missing {
                self.oldest_received = earlier(self.oldest_received, position.received);
            }
            is_after_missing = is_missing;
        }
    }

    fn into_behind(self) -> Option<Behind> {
        let first_missing = *self.missing.iter().min()?;
        let last_missing = *self.missing.iter().max()?;
        // A worker that remembers nothing from before its loss is as far as the others then were.
        let known = self.existing.iter().filter(|at| **at < first_missing);
        let of_others = known.max().copied();
        let from = self.before.iter().map(|before| before.or(of_others));
        let after = self.existing.iter().filter(|at| **at > last_missing);
        Some(Behind {
            from: from.min().flatten().map(|from| from.min(first_missing)),
            first_missing,
            last_missing,
            to: after.min().copied(),
            oldest_received: self.oldest_received,
            missing: self.missing.len(),
            workers: self.workers,
            ids: self.ids,
        })
    }
}

#[cfg(test)]
mod tests {
    use uuid::{NoContext, Timestamp};

    use super::*;

    fn id(second: u64) -> Uuid {
        Uuid::new_v7(Timestamp::from_unix(NoContext, 1_800_000_000 + second, 0))
    }

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    fn remembered(worker: &str, ids: &[Uuid]) -> Remembered {
        let mut transactions = History::default();
        for id in ids {
            transactions.push(*id, None);
        }
        Remembered {
            ledger: Uuid::nil(),
            worker: worker.to_owned(),
            transactions,
            losses_of_others: Vec::new(),
        }
    }

    #[test]
    fn a_book_with_every_remembered_commit_is_not_behind() {
        let ids = [id(0), id(2), id(4)];
        let all = [remembered("w", &ids)];
        assert_eq!(Behind::find(&all, &BTreeSet::from(ids), &[]), None);
        assert_eq!(Behind::find(&[], &BTreeSet::new(), &[]), None);
    }

    #[test]
    fn without_a_later_commit_the_range_has_no_end() {
        let (one, two) = ([id(0), id(10), id(20), id(30)], [id(12), id(22), id(34)]);
        let all = [remembered("one", &one), remembered("two", &two)];
        let existing = BTreeSet::from([one[0], one[1], two[0]]);
        let behind = Behind::find(&all, &existing, &[]).unwrap();
        assert_eq!(behind.from, Some(at(10)));
        assert_eq!(behind.first_missing, at(20));
        assert_eq!((behind.last_missing, behind.to), (at(34), None));
        assert_eq!(behind.missing, 4);
        assert_eq!(behind.workers.len(), 2);
    }

    #[test]
    fn commits_after_the_loss_do_not_hide_it() {
        let ids = [id(0), id(10), id(20), id(30)];
        let existing = BTreeSet::from([ids[0], ids[3]]);
        let behind = Behind::find(&[remembered("w", &ids)], &existing, &[]).unwrap();
        assert_eq!((behind.from, behind.to), (Some(at(0)), Some(at(30))));
    }

    #[test]
    fn a_worker_without_an_earlier_commit_begins_where_the_others_were() {
        let (one, two) = ([id(0), id(40)], [id(20), id(24)]);
        let all = [remembered("one", &one), remembered("two", &two)];
        let behind = Behind::find(&all, &BTreeSet::from([one[0], one[1]]), &[]).unwrap();
        assert_eq!(behind.from, Some(at(0)));
        let behind = Behind::find(&all[1..], &BTreeSet::new(), &[]).unwrap();
        assert_eq!(behind.from, None);
    }

    #[test]
    fn a_recovered_range_is_not_reported_again() {
        let ids = [id(0), id(10), id(20), id(30)];
        let all = [remembered("w", &ids)];
        let existing = BTreeSet::from([ids[0]]);
        let settled = |from, until| {
            [Settled {
                from: at(from),
                until: at(until),
            }]
        };
        assert_eq!(Behind::find(&all, &existing, &settled(0, 30)), None);
        let behind = Behind::find(&all, &existing, &settled(0, 20)).unwrap();
        assert_eq!((behind.from, behind.first_missing), (Some(at(0)), at(30)));
        // A later recovery does not settle an earlier loss.
        let behind = Behind::find(&all, &existing, &settled(15, 40)).unwrap();
        assert_eq!((behind.first_missing, behind.missing), (at(10), 1));
    }

    #[test]
    fn the_range_is_the_same_after_thousands_of_later_commits() {
        let ids: Vec<Uuid> = (0..40).map(id).collect();
        let mut worker = remembered("w", &ids);
        let missing: BTreeSet<Uuid> = ids[20..30].iter().copied().collect();
        let existing = |worker: &Remembered| -> BTreeSet<Uuid> {
            let ids = worker.transactions.ids();
            ids.filter(|id| !missing.contains(id)).copied().collect()
        };
        let first = Behind::find(std::slice::from_ref(&worker), &existing(&worker), &[]).unwrap();
        assert_eq!((first.from, first.to), (Some(at(19)), Some(at(30))));
        worker.transactions.pin(&first.ids);
        for second in 40..200_000 {
            worker.transactions.push(id(second), None);
        }
        let later = Behind::find(std::slice::from_ref(&worker), &existing(&worker), &[]).unwrap();
        assert_eq!(first, later);
    }

    #[test]
    fn the_oldest_receipt_of_the_range_is_known() {
        let mut worker = remembered("w", &[]);
        for (second, received) in [(0, -90), (10, -5), (20, 3), (30, 11)] {
            worker.transactions.push(id(second), Some(at(received)));
        }
        let ids: Vec<Uuid> = worker.transactions.ids().copied().collect();
        let existing = BTreeSet::from([ids[0], ids[3]]);
        let behind = Behind::find(&[worker], &existing, &[]).unwrap();
        assert_eq!(behind.oldest_received, Some(at(-5)));
    }

    #[test]
    fn messages_of_several_workers_are_merged_with_the_losses_that_they_carry() {
        let lost = remembered("gone", &[id(2), id(4)]);
        let mut one = remembered("one", &[id(0), id(6)]);
        one.losses_of_others.push(lost);
        let messages = [
            one,
            remembered("one", &[id(8)]),
            remembered("two", &[id(1)]),
        ];
        let merged = Remembered::merge(messages);
        let found: Vec<_> = merged
            .iter()
            .map(|one| (one.worker.as_str(), one.transactions.positions().len()))
            .collect();
        assert_eq!(found, [("gone", 2), ("one", 3), ("two", 1)]);
    }
}
