//! Batches: credits that were added together and expire together.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use strum::{EnumString, IntoStaticStr};
use uuid::Uuid;

use crate::{inconsistency::Inconsistency, posting::Allocation};

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
    /// The deposit that brought its credits. It differs from `transaction_id` if a refund or a
    /// reinstatement added the batch in place of another one.
    pub deposit_id: Uuid,
    /// The number of times that credits of it expired. It numbers the references of these
    /// expirations.
    pub expirations: i32,
}

/// The state of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum BatchStatus {
    /// Credits are left.
    Active,
    /// It is empty, because its credits were spent.
    Consumed,
    /// It is empty, because its last credits expired.
    Expired,
    /// It is empty, because a revocation took its last credits.
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

impl Batch {
    /// The credits that can be taken from it, regardless of its expiry.
    pub const fn free(&self) -> i64 {
        self.remaining - self.held
    }

    /// Whether its credits can be spent at `at`.
    pub fn spendable_at(&self, at: DateTime<Utc>) -> bool {
        self.expires_at.is_none_or(|expires_at| at < expires_at)
    }

    /// Whether its credits cannot be spent any more, by its expiry or because the expiry job has
    /// taken some already. A command that was delayed may have an effective time before that.
    pub fn is_expired(&self, at: DateTime<Utc>) -> bool {
        !self.spendable_at(at) || self.expirations > 0
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

    pub(crate) fn restore(&mut self, credits: i64) -> Result<Allocation, Inconsistency> {
        let remaining = self.remaining.checked_add(credits);
        self.remaining = remaining
            .filter(|remaining| *remaining <= self.amount)
            .ok_or_else(|| Inconsistency {
                table: "credits_batch",
                id: self.id.to_string(),
                message: format!(
                    "returning {credits} credits to its remaining {} exceeds its amount of {}",
                    self.remaining, self.amount
                ),
            })?;
        self.status = BatchStatus::Active;
        Ok(Allocation {
            batch_id: self.id,
            amount: credits,
            batch_remaining: self.remaining,
        })
    }

    pub(crate) fn reduce(&mut self, taken: i64, when_empty: BatchStatus) -> Allocation {
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
