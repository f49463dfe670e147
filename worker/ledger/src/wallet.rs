//! Wallets and their batches. A wallet's batches are kept in the order in which they are spent.

use std::{cmp::Ordering, fmt};

use chrono::{DateTime, Utc};
use strum::{EnumString, IntoStaticStr};
use uuid::Uuid;

use crate::posting::Allocation;

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
    /// The sum of all purchases, bonuses, grants and promotions, in credits.
    pub total_earned: i64,
    /// The sum of all consumptions minus refunds, in credits.
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
    /// ACTIVE batches in spending order: all expired ones, and enough of the others for the current
    /// commands.
    batches: Vec<Batch>,
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

/// Credits that were added together and expire together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The id of the row.
    pub id: Uuid,
    /// The credits that were added.
    pub amount: i64,
    /// The credits that are left.
    pub remaining: i64,
    /// The credits that are left and reserved by a hold.
    pub held: i64,
    /// The time at which they were added.
    pub issued_at: DateTime<Utc>,
    /// The first instant at which they cannot be spent any more. `None` means never.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether credits are left, and if not, why.
    pub status: BatchStatus,
    /// The kind of its source.
    pub source: Source,
    /// The plan or package it came from.
    pub source_plan: Option<String>,
    /// The month of the period it was granted for, as `YYYY-MM`.
    pub grant_period: Option<String>,
    /// The price that was paid for it, in millionths of the currency's unit.
    pub paid_micros: Option<i64>,
    /// ISO 4217 code.
    pub currency: Option<String>,
    /// The transaction that added it.
    pub transaction_id: Uuid,
    /// The number of times that credits of it expired. It numbers the references of these
    /// expirations.
    pub expirations: i32,
}

/// The state of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum BatchStatus {
    /// Credits are left.
    Active,
    /// It is empty, because its credits were spent.
    Consumed,
    /// It is empty, because its last credits expired.
    Expired,
    /// It is empty, because its last credits were taken back. Reserved.
    Revoked,
}

impl BatchStatus {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The kind of a batch's source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Source {
    /// A purchase.
    Purchase,
    /// A monthly grant of a plan.
    Subscription,
    /// Free credits: a bonus or a promotion.
    Bonus,
}

impl Source {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Rows that contradict each other. This is not a refusal: the ledger needs repair. The error names
/// the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inconsistency {
    /// The table of the inconsistent row.
    pub table: &'static str,
    /// The id of the inconsistent row.
    pub id: String,
    /// The contradiction that was found.
    pub message: String,
}

impl fmt::Display for Inconsistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} is inconsistent: {}",
            self.table, self.id, self.message
        )
    }
}

impl std::error::Error for Inconsistency {}

impl Batch {
    /// The credits that can be taken from it, regardless of its expiry.
    pub const fn free(&self) -> i64 {
        self.remaining - self.held
    }

    /// Whether its credits can be spent at `at`.
    pub fn spendable_at(&self, at: DateTime<Utc>) -> bool {
        self.expires_at.is_none_or(|expires_at| at < expires_at)
    }

    /// The spending order: earlier expiry first and never-expiring batches last, then bonus and
    /// subscription credits before purchased ones, then the older batch, then the smaller id.
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
    /// An empty wallet.
    pub const fn new(id: Uuid, user_id: String) -> Self {
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
            batches: Vec::new(),
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

    /// Takes the free credits of every batch with `expires_at ≤ cutoff`. Returns each change with
    /// the number of expirations of that batch.
    pub(crate) fn take_expired(&mut self, cutoff: DateTime<Utc>) -> Vec<(Allocation, i32)> {
        self.batches
            .iter_mut()
            .take_while(|batch| {
                batch
                    .expires_at
                    .is_some_and(|expires_at| expires_at <= cutoff)
            })
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

impl Batch {
    fn reduce(&mut self, taken: i64, when_empty: BatchStatus) -> Allocation {
        self.remaining -= taken;
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
