//! What a worker remembers of its commits, and the result of the last check.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use ledger::{Command, Decision};
use uuid::Uuid;

use super::{Behind, History, Remembered, history::earlier};

/// The positions of a worker. Clones share them.
#[derive(Clone, Debug)]
pub struct Positions {
    ledger: Uuid,
    worker: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    history: History,
    /// When the oldest command since the last position was received.
    received: Option<DateTime<Utc>>,
    /// What the broker keeps of this worker.
    published: Option<Remembered>,
    /// What other workers remember, as read from the broker. The broker keeps it for a short time
    /// only.
    others: Vec<Remembered>,
    /// Counts the readings that had a worker which was not known.
    readings: u64,
    /// `None` before the first check.
    checked: Option<Checked>,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// What the book lacks; `None` if it has every remembered commit.
    pub behind: Option<Behind>,
}

impl Checked {
    /// The length of the range of lost commits in seconds; 0 if none is lost.
    pub fn behind_seconds(&self) -> f64 {
        self.behind.as_ref().map_or(0.0, Behind::seconds)
    }
}

impl Positions {
    /// The positions of this worker, which commits to the ledger with this id.
    pub fn new(ledger: Uuid, worker: impl Into<String>) -> Self {
        Self {
            ledger,
            worker: worker.into(),
            state: Arc::default(),
        }
    }

    /// The id of the ledger.
    pub const fn ledger(&self) -> Uuid {
        self.ledger
    }

    /// Remembers a committed group. Replays and refusals are no commits.
    pub fn record(&self, commands: &[Command], decisions: &[Decision]) {
        let last = decisions.iter().rev().find_map(|decision| match decision {
            Decision::Settled(outcome) if !outcome.replayed => outcome.transactions.last(),
            Decision::Settled(_) | Decision::Unapplied(_) => None,
        });
        let received = commands.iter().filter_map(|command| command.received_at);
        let received = received.min();
        let mut state = self.state();
        state.received = earlier(state.received, received);
        if let Some((id, ..)) = last {
            let received = state.received.take();
            state.history.push(*id, received);
        }
    }

    /// What the worker remembers, with the losses of others that its last check has found.
    pub fn remembered(&self) -> Remembered {
        let state = self.state();
        let checked = state.checked.as_ref();
        let behind = checked.and_then(|checked| checked.behind.as_ref());
        let is_lost = |id: &Uuid| behind.is_some_and(|behind| behind.ids.contains(id));
        let others = state.others.iter().map(|other| Remembered {
            transactions: other.transactions.pinned(),
            ..other.clone()
        });
        Remembered {
            ledger: self.ledger,
            worker: self.worker.clone(),
            transactions: state.history.clone(),
            losses_of_others: others
                .filter(|other| other.transactions.ids().any(is_lost))
                .collect(),
        }
    }

    /// What the worker remembers, if there is something new since the last [`Self::set_published`].
    pub fn unpublished(&self) -> Option<Remembered> {
        let remembered = self.remembered();
        let is_empty =
            remembered.transactions == History::default() && remembered.losses_of_others.is_empty();
        let is_known = self.state().published.as_ref() == Some(&remembered);
        (!is_empty && !is_known).then_some(remembered)
    }

    /// The broker has taken what the worker remembers.
    pub fn set_published(&self, remembered: Remembered) {
        self.state().published = Some(remembered);
    }

    /// Adds what was read from the broker at `now` to what is known of other workers. A reading may
    /// lack some of them: the broker drops old messages, and another reader may hold some.
    pub fn add_from_broker(&self, all: Vec<Remembered>, now: DateTime<Utc>) {
        let mut state = self.state();
        let before = state.others.len();
        let known = std::mem::take(&mut state.others);
        let mut others = Remembered::merge(known.into_iter().chain(all));
        others.retain(|other| other.worker != self.worker && other.ledger == self.ledger);
        others.retain_mut(|other| other.transactions.forget(now));
        let has_new = others.len() > before;
        state.others = others;
        state.readings += u64::from(has_new);
    }

    /// Number of readings that had a worker which was not known.
    pub fn readings(&self) -> u64 {
        self.state().readings
    }

    /// What this worker remembers and what was read from the broker.
    pub fn all(&self) -> Vec<Remembered> {
        let mut all = self.state().others.clone();
        all.push(self.remembered());
        all
    }

    /// Stores the result of a check, and returns the one before. What is lost is pinned until it is
    /// settled.
    pub fn set_checked(&self, behind: Option<Behind>) -> Option<Behind> {
        let missing = behind.as_ref().map(|behind| behind.ids.clone());
        let missing = missing.unwrap_or_default();
        let mut state = self.state();
        state.history.pin(&missing);
        for other in &mut state.others {
            other.transactions.pin(&missing);
        }
        let checked = state.checked.replace(Checked { behind });
        checked.and_then(|checked| checked.behind)
    }

    /// The result of the last check; `None` before the first one.
    pub fn checked(&self) -> Option<Checked> {
        self.state().checked.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ledger::{Outcome, Refusal, TransactionType};

    use super::*;

    fn completed(id: Uuid) -> Outcome {
        Outcome {
            transactions: vec![(id, TransactionType::Consumption, -1)],
            refused: None,
            ..Outcome::refused(Refusal::WalletNotFound.into(), None, None)
        }
    }

    #[test]
    fn the_last_commit_of_a_group_is_remembered_and_no_replay_or_refusal() {
        let positions = Positions::new(Uuid::nil(), "w");
        let refused = Outcome::refused(Refusal::WalletNotFound.into(), None, None);
        let replay = Outcome {
            replayed: true,
            ..completed(Uuid::now_v7())
        };
        let last = Uuid::now_v7();
        let without = [refused, replay].map(Decision::Settled);
        positions.record(&[], &without);
        assert!(positions.unpublished().is_none());
        let [refused, replay] = without;
        let first = Decision::Settled(completed(Uuid::now_v7()));
        let decisions = [first, Decision::Settled(completed(last)), replay, refused];
        positions.record(&[], &decisions);
        let remembered = positions.unpublished().unwrap();
        let ids: Vec<Uuid> = remembered.transactions.ids().copied().collect();
        assert_eq!(ids, [last]);
        positions.set_published(remembered);
        assert!(positions.unpublished().is_none());
    }
    fn of_worker(worker: &str, ids: &[Uuid]) -> Remembered {
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
    fn a_worker_that_a_later_reading_lacks_is_still_known() {
        let positions = Positions::new(Uuid::nil(), "w");
        let (one, two) = (Uuid::now_v7(), Uuid::now_v7());
        positions.add_from_broker(vec![of_worker("gone", &[one])], Utc::now());
        positions.add_from_broker(vec![of_worker("other", &[two])], Utc::now());
        positions.add_from_broker(Vec::new(), Utc::now());
        assert_eq!(positions.readings(), 2);
        let workers: Vec<String> = positions.all().into_iter().map(|one| one.worker).collect();
        assert_eq!(workers, ["gone", "other", "w"]);
        let later = Utc::now() + chrono::TimeDelta::days(2);
        positions.add_from_broker(Vec::new(), later);
        assert_eq!(positions.all().len(), 1);
    }

    #[test]
    fn an_unsettled_loss_of_another_worker_is_published_until_it_is_settled() {
        let positions = Positions::new(Uuid::nil(), "w");
        let lost = Uuid::now_v7();
        positions.add_from_broker(vec![of_worker("gone", &[lost])], Utc::now());
        assert!(positions.unpublished().is_none());
        let all = positions.all();
        positions.set_checked(Behind::find(&all, &BTreeSet::new(), &[]));
        let published = positions.unpublished().unwrap();
        assert_eq!(published.losses_of_others[0].worker, "gone");
        positions.set_published(published.clone());
        assert!(positions.unpublished().is_none());
        let body = serde_json::to_string(&published).unwrap();
        assert_eq!(
            serde_json::from_str::<Remembered>(&body).unwrap(),
            published
        );
        positions.set_checked(None);
        assert!(positions.remembered().losses_of_others.is_empty());
    }
}
