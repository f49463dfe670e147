//! A wallet and its batches, in the order in which they are spent.

use std::{cmp::Ordering, fmt};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::posting::Allocation;

/// One user's account, with the batches that the commands at hand may need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wallet {
    /// Row id.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: String,
    /// Credits in ACTIVE batches, lapsed ones included until they are swept.
    pub balance: i64,
    /// Credits reserved by holds.
    pub held: i64,
    /// Credits ever added by purchases, bonuses, grants and promotions.
    pub total_earned: i64,
    /// Credits ever consumed, less those refunded.
    pub total_spent: i64,
    /// Number of COMPLETED transactions.
    pub transaction_count: i64,
    /// Whether it may spend.
    pub status: WalletStatus,
    /// When the next period of the user's subscriptions can be granted if nothing changes; in the past where one is due.
    pub next_due_at: Option<DateTime<Utc>>,
    /// Counts the writes of the row.
    pub version: i64,
    /// Whether a user has it: a row may have been prepared for a command that is still to open it.
    pub open: bool,
    /// Whether it differs from its row.
    pub dirty: bool,
    /// ACTIVE batches in spending order: every lapsed one, and enough of the others for the commands at hand.
    batches: Vec<Batch>,
}

/// Whether a wallet may spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalletStatus {
    /// It may.
    Active,
    /// It may not; what adds, gives back or expires goes on.
    Frozen,
}

impl WalletStatus {
    /// The name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Frozen => "FROZEN",
        }
    }
}

/// Credits that arrived together and expire together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Row id.
    pub id: Uuid,
    /// Credits that arrived.
    pub amount: i64,
    /// Credits left.
    pub remaining: i64,
    /// Credits left that a hold reserves.
    pub held: i64,
    /// When they arrived.
    pub issued_at: DateTime<Utc>,
    /// First instant at which they cannot be spent any more; never if absent.
    pub expires_at: Option<DateTime<Utc>>,
    /// What became of it.
    pub status: BatchStatus,
    /// Where it came from.
    pub source: Source,
    /// Plan or package it came from.
    pub source_plan: Option<String>,
    /// `YYYY-MM` of the period it was granted for.
    pub grant_period: Option<String>,
    /// What was paid for it, in millionths of the currency's unit.
    pub paid_micros: Option<i64>,
    /// ISO 4217 code.
    pub currency: Option<String>,
    /// The transaction that brought it.
    pub transaction_id: Uuid,
    /// How often credits of it expired.
    pub expirations: i32,
    /// Whether its row has still to be inserted.
    pub new: bool,
    /// Whether it differs from its row.
    pub dirty: bool,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchStatus {
    /// Something is left.
    Active,
    /// It was spent.
    Consumed,
    /// What was left of it expired.
    Expired,
    /// What was left of it was taken back.
    Revoked,
}

impl BatchStatus {
    /// The name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Consumed => "CONSUMED",
            Self::Expired => "EXPIRED",
            Self::Revoked => "REVOKED",
        }
    }
}

/// Where a batch came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// It was paid for.
    Purchase,
    /// A plan granted it.
    Subscription,
    /// It was free: bonus or promotion.
    Bonus,
}

impl Source {
    /// The name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Purchase => "PURCHASE",
            Self::Subscription => "SUBSCRIPTION",
            Self::Bonus => "BONUS",
        }
    }
}

/// Rows that contradict each other: not a refusal but a ledger in need of repair. Names the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inconsistency {
    /// Table of the offending row.
    pub table: &'static str,
    /// Id of the offending row.
    pub id: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Inconsistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} is inconsistent: {}", self.table, self.id, self.message)
    }
}

impl std::error::Error for Inconsistency {}

impl Batch {
    /// Credits that can be taken from it, whatever the time.
    pub const fn free(&self) -> i64 {
        self.remaining - self.held
    }

    /// Whether its credits can be spent at `at`.
    pub fn spendable_at(&self, at: DateTime<Utc>) -> bool {
        self.expires_at.is_none_or(|expires_at| at < expires_at)
    }

    /// The spending order: what expires first; never-expiring last; bonus and subscription credits before
    /// purchased ones; the older; the smaller id.
    pub fn fifo_cmp(&self, other: &Self) -> Ordering {
        fn key(batch: &Batch) -> impl Ord {
            (
                batch.expires_at.is_none(),
                batch.expires_at,
                batch.source == Source::Purchase,
                batch.issued_at,
                batch.id,
            )
        }
        key(self).cmp(&key(other))
    }
}

impl Wallet {
    /// An empty wallet that nobody has yet.
    pub const fn prepared(id: Uuid, user_id: String) -> Self {
        Self {
            id,
            user_id,
            balance: 0,
            held: 0,
            total_earned: 0,
            total_spent: 0,
            transaction_count: 0,
            status: WalletStatus::Active,
            next_due_at: None,
            version: 0,
            open: false,
            dirty: false,
            batches: Vec::new(),
        }
    }

    /// Its batches in spending order, those emptied by this group's commands included.
    pub fn batches(&self) -> &[Batch] {
        &self.batches
    }

    /// Puts a batch into its place.
    pub fn add_batch(&mut self, batch: Batch) {
        let place = self
            .batches
            .partition_point(|other| other.fifo_cmp(&batch).is_lt());
        self.batches.insert(place, batch);
    }

    /// Notes that its row and those of its batches were written as it is now, and forgets the batches with nothing left.
    pub fn written(&mut self) {
        self.dirty = false;
        self.batches.retain(|batch| batch.status == BatchStatus::Active);
        for batch in &mut self.batches {
            batch.new = false;
            batch.dirty = false;
        }
    }

    /// Whether a period of the user's subscriptions is due.
    pub fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.next_due_at.is_some_and(|due_at| due_at <= now)
    }

    /// Notes when the next period can be granted.
    pub(crate) fn set_next_due_at(&mut self, next: Option<DateTime<Utc>>) {
        self.dirty |= self.next_due_at != next;
        self.next_due_at = next;
    }

    /// Credits that can be spent at `at`: the balance without what is held and what lapsed.
    pub fn spendable_at(&self, at: DateTime<Utc>) -> i64 {
        let lapsed: i64 = self
            .batches
            .iter()
            .take_while(|batch| !batch.spendable_at(at))
            .map(Batch::free)
            .fold(0, i64::saturating_add);
        self.balance.saturating_sub(self.held).saturating_sub(lapsed)
    }

    /// Takes `amount` credits from the batches that are spendable at `at`, first expiring first.
    /// The caller has checked [`Self::spendable_at`].
    pub(crate) fn take(&mut self, amount: i64, at: DateTime<Utc>) -> Result<Vec<Allocation>, Inconsistency> {
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
                "its balance of {} promises {missing} credits more than its batches hold",
                self.balance
            )));
        }
        Ok(allocations)
    }

    /// Takes what is free in every batch with `expires_at ≤ cutoff`.
    pub(crate) fn take_lapsed(&mut self, cutoff: DateTime<Utc>) -> Vec<(Allocation, i32)> {
        self.batches
            .iter_mut()
            .take_while(|batch| batch.expires_at.is_some_and(|expires_at| expires_at <= cutoff))
            .filter(|batch| batch.free() > 0)
            .map(|batch| {
                batch.expirations += 1;
                (
                    batch.reduce(batch.free(), BatchStatus::Expired),
                    batch.expirations,
                )
            })
            .collect()
    }

    /// Adds a signed amount to the balance and counts one transaction.
    pub(crate) fn post(&mut self, amount: i64) -> Result<(), Inconsistency> {
        self.balance = self
            .balance
            .checked_add(amount)
            .filter(|balance| *balance >= 0)
            .ok_or_else(|| {
                self.inconsistent(format!("{amount} does not fit its balance of {}", self.balance))
            })?;
        self.transaction_count += 1;
        self.dirty = true;
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

impl Batch {
    fn reduce(&mut self, taken: i64, when_empty: BatchStatus) -> Allocation {
        self.remaining -= taken;
        self.dirty = true;
        if self.remaining == 0 {
            self.status = when_empty;
        }
        Allocation {
            batch_id: self.id,
            amount: -taken,
            batch_remaining: self.remaining,
        }
    }
}
