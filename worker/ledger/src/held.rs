//! The holds of a wallet: reserving credits, returning them, and taking them.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    batch::{Batch, BatchStatus},
    command::Command,
    hold_record::{HoldRecord, HoldSlice, HoldStatus, TrackedHold},
    inconsistency::Inconsistency,
    posting::Allocation,
    rules::References,
    wallet::Wallet,
};

impl Wallet {
    /// Its open holds, and the closed ones that the commands of this group name or have closed. In
    /// the order of their ids.
    pub fn holds(&self) -> impl Iterator<Item = &HoldRecord> {
        self.holds.iter().map(|hold| &hold.record)
    }

    /// Adds a stored hold.
    pub fn add_hold(&mut self, hold: HoldRecord) {
        self.insert_hold(TrackedHold::from_row(hold));
    }

    fn insert_hold(&mut self, hold: TrackedHold) {
        let position = self
            .holds
            .partition_point(|other| other.record.id < hold.record.id);
        self.holds.insert(position, hold);
        self.update_holds_end();
    }

    /// Removes the closed holds, and records that the others are stored.
    pub(crate) fn commit_holds(&mut self) {
        self.holds.retain(|hold| hold.record.is_open());
        for hold in &mut self.holds {
            if hold.is_changed() {
                hold.stored = Some(hold.record.clone());
            }
        }
    }

    /// Whether an open hold has expired.
    pub fn has_ended_hold(&self, now: DateTime<Utc>) -> bool {
        self.holds_end_at.is_some_and(|end| end <= now)
    }

    /// Whether credits were returned to a batch whose expiry was not checked since.
    pub(crate) fn has_returned(&self) -> bool {
        !self.returned.is_empty()
    }

    fn update_holds_end(&mut self) {
        let open = self.holds().filter(|hold| hold.is_open());
        self.holds_end_at = open.map(|hold| hold.expires_at).min();
    }

    /// Whether a command names a known hold of its own origin and sender.
    pub fn has_own_hold(&self, reference: &str, command: &Command, references: References) -> bool {
        self.holds()
            .any(|hold| hold.is_own(reference, command, references))
    }

    /// The position of the hold that a command names by `reference`: the one of its own origin and
    /// sender, or else, for support staff, the one of an app.
    pub(crate) fn find_hold(
        &self,
        reference: &str,
        command: &Command,
        references: References,
    ) -> Option<usize> {
        let own = self
            .holds()
            .position(|hold| hold.is_own(reference, command, references));
        own.or_else(|| {
            // Apps may have used the reference more than once, if references are unique per sender.
            let of_apps = self.holds().enumerate();
            let of_apps = of_apps.filter(|(_, hold)| hold.is_of_an_app(reference, command));
            let last = of_apps.max_by_key(|(_, hold)| (hold.is_open(), hold.id));
            last.map(|(position, _)| position)
        })
    }

    /// The hold at a position that [`Self::find_hold`] returned.
    pub(crate) fn hold_at(&mut self, position: usize) -> &mut HoldRecord {
        &mut self.holds[position].record
    }

    /// Adds a new hold and reserves its amount from the batches that are spendable at `at`,
    /// earliest expiry first.
    ///
    /// The caller has checked [`Self::spendable_at`].
    pub(crate) fn reserve(
        &mut self,
        mut hold: HoldRecord,
        at: DateTime<Utc>,
    ) -> Result<(), Inconsistency> {
        let mut missing = hold.amount;
        for batch in &mut self.batches {
            let taken = batch.free().min(missing);
            if taken <= 0 || !batch.spendable_at(at) {
                continue;
            }
            missing -= taken;
            batch.held += taken;
            hold.slices.push(HoldSlice {
                batch_id: batch.id,
                amount: taken,
                captured: 0,
            });
        }
        if missing > 0 {
            return Err(self.inconsistent(format!(
                "its balance of {} is {missing} credits more than its batches hold",
                self.balance
            )));
        }
        self.held += hold.amount;
        self.insert_hold(TrackedHold::new(hold));
        Ok(())
    }

    /// The credits that can be captured from each slice of a hold, in their order: what an open
    /// hold reserves, or what the batches of an expired hold still have free.
    pub(crate) fn capturable(&self, position: usize) -> Vec<i64> {
        let hold = &self.holds[position].record;
        let slices = hold.slices.iter();
        slices
            .map(|slice| {
                if hold.is_open() {
                    return slice.rest();
                }
                let batch = self.batches.iter().find(|batch| batch.id == slice.batch_id);
                batch.map_or(0, |batch| batch.free().max(0).min(slice.rest()))
            })
            .collect()
    }

    /// Takes credits from the slices of a hold, as many from each as `amounts` says.
    pub(crate) fn take_held(
        &mut self,
        position: usize,
        amounts: &[i64],
    ) -> Result<Vec<Allocation>, Inconsistency> {
        let mut allocations = Vec::new();
        let is_open = self.holds[position].record.is_open();
        for (nth, amount) in amounts
            .iter()
            .enumerate()
            .filter(|(_, amount)| **amount > 0)
        {
            let batch_id = self.holds[position].record.slices[nth].batch_id;
            let batch = self.batch_of_hold(position, batch_id)?;
            if is_open {
                batch.held -= amount;
            }
            allocations.push(batch.reduce(*amount, BatchStatus::Consumed));
            if is_open {
                self.held -= amount;
            }
            self.holds[position].record.slices[nth].captured += amount;
        }
        Ok(allocations)
    }

    /// Closes a hold and returns the rest to its batches.
    pub(crate) fn close_hold(
        &mut self,
        position: usize,
        status: HoldStatus,
        now: DateTime<Utc>,
    ) -> Result<(), Inconsistency> {
        let hold = &mut self.holds[position].record;
        let was_open = hold.is_open();
        hold.status = status;
        // A late capture closes it once more, perhaps by another clock.
        hold.closed_at = Some(hold.closed_at.map_or(now, |before| before.max(now)));
        let slices = hold
            .slices
            .iter()
            .filter(|slice| was_open && slice.rest() > 0);
        let slices: Vec<_> = slices.map(|slice| (slice.batch_id, slice.rest())).collect();
        for (batch_id, rest) in slices {
            self.batch_of_hold(position, batch_id)?.held -= rest;
            self.held -= rest;
            self.returned.insert(batch_id);
        }
        self.update_holds_end();
        Ok(())
    }

    /// The credits that can be spent at `at` besides those that a capture takes from the slices of
    /// a hold.
    pub(crate) fn spendable_without(
        &self,
        position: usize,
        slices: &[i64],
        at: DateTime<Utc>,
    ) -> i64 {
        let hold = &self.holds[position].record;
        let available = self.spendable_at(at);
        if hold.is_open() {
            return available;
        }
        let taken = hold.slices.iter().zip(slices).filter(|(slice, _)| {
            let mut batches = self.batches.iter();
            batches.any(|batch| batch.id == slice.batch_id && batch.spendable_at(at))
        });
        available - taken.map(|(_, amount)| amount).sum::<i64>()
    }

    fn batch_of_hold(
        &mut self,
        position: usize,
        batch_id: Uuid,
    ) -> Result<&mut Batch, Inconsistency> {
        let hold_id = self.holds[position].record.id;
        let mut batches = self.batches.iter_mut();
        batches
            .find(|batch| batch.id == batch_id)
            .ok_or_else(|| Inconsistency {
                table: "credits_hold",
                id: hold_id.to_string(),
                message: format!("its batch {batch_id} is not an ACTIVE batch of the wallet"),
            })
    }

    /// The position of an open hold that has expired, other than the one at `spared`.
    pub(crate) fn ended_hold(&self, now: DateTime<Utc>, spared: Option<usize>) -> Option<usize> {
        let mut holds = self.holds().enumerate();
        let ended = holds.find(|(position, hold)| {
            hold.is_open() && hold.expires_at <= now && Some(*position) != spared
        });
        ended.map(|(position, _)| position)
    }
}
