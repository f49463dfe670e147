//! Wallets and their batches. A wallet's batches are kept in the order in which they are spent.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use strum::{EnumString, IntoStaticStr};
use uuid::Uuid;

use crate::{
    batch::{Batch, BatchStatus},
    hold_record::TrackedHold,
    inconsistency::Inconsistency,
    posting::Allocation,
    refusal::Refusal,
    rules::{DebtPolicy, Rules},
};

/// One user's account, with the batches that the current commands may need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wallet {
    /// The id of the row.
    pub id: Uuid,
    /// The user it belongs to.
    pub user_id: String,
    /// The credits in ACTIVE batches. Expired credits count until the expiry job removes them.
    pub balance: i64,
    /// The credits that holds reserve.
    pub held: i64,
    /// The credits that the user owes: what is open of its debts.
    pub debt: i64,
    /// The sum of all purchases, bonuses, grants and promotions, without what revocations and
    /// repayments took, in credits.
    pub total_earned: i64,
    /// The sum of all consumptions and captures minus refunds, in credits.
    pub total_spent: i64,
    /// The number of COMPLETED transactions.
    pub transaction_count: i64,
    /// Whether it may spend.
    pub status: WalletStatus,
    /// The earliest instant at which a period of the user's subscriptions can be granted if no
    /// event follows. It is in the past if a period is due.
    pub next_due_at: Option<DateTime<Utc>>,
    /// The number of writes of the row.
    pub version: i64,
    /// The earliest expiry of its open holds. It is in the past if a hold has expired and was not
    /// closed yet.
    pub holds_end_at: Option<DateTime<Utc>>,
    /// Batches in spending order: all expired ACTIVE ones, those of its open holds, enough of the
    /// other ACTIVE ones for the current commands, and those that a transaction to refund took
    /// from.
    pub(crate) batches: Vec<Batch>,
    pub(crate) holds: Vec<TrackedHold>,
    /// Batches that credits of closed holds were returned to, until their expiry was checked.
    pub(crate) returned: BTreeSet<Uuid>,
}

/// Whether a wallet may spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum WalletStatus {
    /// It may spend.
    Active,
    /// It may not spend. Credits can still be added, refunded and expired.
    Frozen,
}

impl WalletStatus {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Wallet {
    /// An empty wallet.
    pub const fn new(id: Uuid, user_id: String) -> Self {
        Self {
            id,
            user_id,
            balance: 0,
            held: 0,
            debt: 0,
            total_earned: 0,
            total_spent: 0,
            transaction_count: 0,
            status: WalletStatus::Active,
            next_due_at: None,
            version: 0,
            holds_end_at: None,
            batches: Vec::new(),
            holds: Vec::new(),
            returned: BTreeSet::new(),
        }
    }

    /// Its batches in spending order, including those that commands of this group emptied.
    pub fn batches(&self) -> &[Batch] {
        &self.batches
    }

    /// Adds a batch at its position in the spending order.
    pub fn add_batch(&mut self, batch: Batch) {
        let position = self
            .batches
            .partition_point(|other| other.fifo_cmp(&batch).is_lt());
        self.batches.insert(position, batch);
    }

    /// Adds a batch, unless the wallet has it already.
    pub fn add_batch_once(&mut self, batch: Batch) {
        if self.batches.iter().all(|other| other.id != batch.id) {
            self.add_batch(batch);
        }
    }

    /// Removes the empty batches.
    pub(crate) fn drop_empty_batches(&mut self) {
        self.batches
            .retain(|batch| batch.status == BatchStatus::Active);
    }

    /// The version that the next write gives to the row.
    pub const fn next_version(&self) -> i64 {
        self.version.saturating_add(1)
    }

    /// Whether a period of the user's subscriptions is due.
    pub fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.next_due_at.is_some_and(|due_at| due_at <= now)
    }

    /// The credits that can be spent at `at`: the balance without held and expired credits.
    pub fn spendable_at(&self, at: DateTime<Utc>) -> i64 {
        let expired: i64 = self
            .batches
            .iter()
            .take_while(|batch| !batch.spendable_at(at))
            .map(Batch::free)
            .fold(0, i64::saturating_add);
        self.balance
            .saturating_sub(self.held)
            .saturating_sub(expired)
    }

    /// Takes `amount` credits from the batches that are spendable at `at`, earliest expiry first.
    ///
    /// The caller has checked [`Self::spendable_at`].
    pub(crate) fn take(
        &mut self,
        amount: i64,
        at: DateTime<Utc>,
    ) -> Result<Vec<Allocation>, Inconsistency> {
        let mut missing = amount;
        let mut allocations = Vec::new();
        for batch in &mut self.batches {
            if missing == 0 {
                break;
            }
            let taken = batch.free().min(missing);
            if taken <= 0 || !batch.spendable_at(at) {
                continue;
            }
            missing -= taken;
            allocations.push(batch.reduce(taken, BatchStatus::Consumed));
        }
        if missing > 0 {
            return Err(self.inconsistent(format!(
                "its balance of {} is {missing} credits more than its batches hold",
                self.balance
            )));
        }
        Ok(allocations)
    }

    /// Takes the free credits of every batch with `expires_at ≤ cutoff` that `is_included` names.
    /// Returns each change with the number of expirations of that batch.
    pub(crate) fn take_expired(
        &mut self,
        cutoff: DateTime<Utc>,
        is_included: impl Fn(Uuid) -> bool,
    ) -> Vec<(Allocation, i32)> {
        self.batches
            .iter_mut()
            .take_while(|batch| {
                batch
                    .expires_at
                    .is_some_and(|expires_at| expires_at <= cutoff)
            })
            .filter(|batch| batch.free() > 0 && is_included(batch.id))
            .map(|batch| {
                batch.expirations += 1;
                (
                    batch.reduce(batch.free(), BatchStatus::Expired),
                    batch.expirations,
                )
            })
            .collect()
    }

    /// Returns credits to the batch that they were taken from, and makes it ACTIVE again. Returns
    /// `None` if the batch has expired at `at`: its credits cannot be spent any more.
    pub(crate) fn give_back(
        &mut self,
        batch_id: Uuid,
        credits: i64,
        at: DateTime<Utc>,
    ) -> Result<Option<Allocation>, Inconsistency> {
        let mut batches = self.batches.iter_mut();
        let batch = batches.find(|batch| batch.id == batch_id);
        match batch.filter(|batch| !batch.is_expired(at)) {
            Some(batch) => batch.restore(credits).map(Some),
            None => Ok(None),
        }
    }

    /// Subtracts the amount of a consumption or capture from the balance and counts one
    /// transaction.
    pub(crate) fn spend(&mut self, amount: i64) -> Result<(), Inconsistency> {
        self.post(-amount)?;
        self.total_spent = self.total_spent.checked_add(amount).ok_or_else(|| {
            self.inconsistent(format!("adding {amount} overflows its total_spent"))
        })?;
        Ok(())
    }

    /// Adds a signed amount to the balance and to `total_earned`, and counts one transaction.
    pub(crate) fn earn(&mut self, amount: i64) -> Result<(), Inconsistency> {
        self.post(amount)?;
        self.total_earned = self
            .total_earned
            .checked_add(amount)
            .filter(|earned| *earned >= 0)
            .ok_or_else(|| {
                self.inconsistent(format!(
                    "adding {amount} to its total_earned is out of range"
                ))
            })?;
        Ok(())
    }

    /// Adds a signed amount to the debt.
    pub(crate) fn owe(&mut self, amount: i64) -> Result<(), Inconsistency> {
        self.debt = self
            .debt
            .checked_add(amount)
            .filter(|debt| *debt >= 0)
            .ok_or_else(|| {
                self.inconsistent(format!("adding {amount} to its debt is out of range"))
            })?;
        Ok(())
    }

    /// Whether it may spend.
    pub(crate) fn check_spending(&self, rules: &Rules) -> Result<(), Refusal> {
        if self.status == WalletStatus::Frozen {
            return Err(Refusal::WalletFrozen);
        }
        if self.debt > 0 && rules.debt_policy == DebtPolicy::Block {
            return Err(Refusal::DebtOutstanding);
        }
        Ok(())
    }

    /// Takes free credits of one batch.
    pub(crate) fn take_from(
        &mut self,
        batch_id: Uuid,
        credits: i64,
        when_empty: BatchStatus,
    ) -> Result<Allocation, Inconsistency> {
        let mut batches = self.batches.iter_mut();
        let batch = batches.find(|batch| batch.id == batch_id && batch.free() >= credits);
        match batch {
            Some(batch) => Ok(batch.reduce(credits, when_empty)),
            None => Err(self.inconsistent(format!(
                "its batch {batch_id} has no {credits} free credits"
            ))),
        }
    }

    /// Puts allocations in the order of the batches, in which a replay reads them.
    pub(crate) fn sort_allocations(&self, allocations: &mut [Allocation]) {
        let place = |id| self.batches.iter().position(|batch| batch.id == id);
        allocations.sort_by_key(|allocation| place(allocation.batch_id));
    }

    /// Adds a signed amount to the balance and counts one transaction.
    pub(crate) fn post(&mut self, amount: i64) -> Result<(), Inconsistency> {
        self.balance = self
            .balance
            .checked_add(amount)
            .filter(|balance| *balance >= 0)
            .ok_or_else(|| {
                self.inconsistent(format!(
                    "adding {amount} to its balance of {} is out of range",
                    self.balance
                ))
            })?;
        self.transaction_count += 1;
        Ok(())
    }

    pub(crate) fn inconsistent(&self, message: String) -> Inconsistency {
        Inconsistency {
            table: "credits_balance",
            id: self.id.to_string(),
            message,
        }
    }
}
