//! A user's batches, counters and records.

use super::{Answer, Subscription, decide::Refused};
use crate::{
    At,
    message::{Message, Request},
};

/// Credits that arrived together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The original number of credits.
    pub amount: i64,
    /// The number of credits that are left.
    pub left: i64,
    /// The instant of arrival.
    pub issued_at: At,
    /// The instant of expiry; `None` if the credits never expire.
    pub expires_at: Option<At>,
    /// `PURCHASE`, `SUBSCRIPTION` or `BONUS`.
    pub source: &'static str,
    /// The package or plan.
    pub from: Option<String>,
    /// The period of a plan as `YYYY-MM`.
    pub month: Option<String>,
    /// The amount paid in cents.
    pub cents: Option<i64>,
    /// Whether the expiry job took the credits that were left.
    pub expired: bool,
}

impl Batch {
    /// The status in the database.
    pub const fn status(&self) -> &'static str {
        match (self.left, self.expired) {
            (1.., _) => "ACTIVE",
            (_, true) => "EXPIRED",
            _ => "CONSUMED",
        }
    }

    fn is_spendable(&self, at: At) -> bool {
        self.left > 0 && self.expires_at.is_none_or(|expires_at| at < expires_at)
    }

    fn comes_before(&self, other: &Self) -> bool {
        if self.expires_at != other.expires_at {
            return match (self.expires_at, other.expires_at) {
                (Some(mine), Some(others)) => mine < others,
                (mine, _) => mine.is_some(),
            };
        }
        let (paid, others_paid) = (self.source == "PURCHASE", other.source == "PURCHASE");
        if paid != others_paid {
            return others_paid;
        }
        // Of two batches of the same age the one that is first in the list comes first.
        self.issued_at < other.issued_at
    }
}

/// The recorded transaction of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The type of the transaction.
    pub kind: String,
    /// The change of the balance.
    pub amount: i64,
    /// The reference. For every expiration it is `expire`.
    pub reference: String,
    /// The error code of a refusal.
    pub code: Option<String>,
    /// The balance after the transaction; `None` for the refusal of a user without a wallet.
    pub balance: Option<i64>,
    /// The effective time.
    pub at: At,
    /// Whether this is the grant of a period that a subscription's event brought.
    pub came_with_event: bool,
}

/// One user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Whether the user has a wallet.
    pub is_open: bool,
    /// Whether the wallet is frozen.
    pub is_frozen: bool,
    /// Whether the user got the registration bonus.
    pub is_registered: bool,
    /// The total of added credits.
    pub earned: i64,
    /// The total of spent credits.
    pub spent: i64,
    /// The number of completed transactions.
    pub count: i64,
    /// The instant from which a message grants the next period.
    pub next_due: Option<At>,
    /// The batches in the order of arrival.
    pub batches: Vec<Batch>,
    /// The subscriptions, including the free plan's. The model has them in another field.
    pub subscriptions: Vec<Subscription>,
    /// The recorded transactions in order.
    pub rows: Vec<Row>,
}

impl Account {
    /// The credits that are left in all batches.
    pub fn balance(&self) -> i64 {
        self.batches.iter().map(|batch| batch.left).sum()
    }

    /// The credits that can be spent at an instant.
    pub fn spendable(&self, at: At) -> i64 {
        let spendable = self.batches.iter().filter(|batch| batch.is_spendable(at));
        spendable.map(|batch| batch.left).sum()
    }

    /// Records a completed transaction and adds it to the answer.
    pub(super) fn record(
        &mut self,
        kind: &str,
        amount: i64,
        reference: String,
        at: At,
        answer: &mut Answer,
    ) {
        self.is_open = true;
        self.count += 1;
        answer.amount += amount;
        answer.balance = Some(self.balance());
        answer.posted.push((kind.to_owned(), amount));
        self.rows.push(Row {
            kind: kind.to_owned(),
            amount,
            reference,
            code: None,
            balance: Some(self.balance()),
            at,
            came_with_event: false,
        });
    }

    /// Adds a batch. An empty batch is not added.
    pub(super) fn add(&mut self, batch: Batch, answer: &mut Answer) {
        self.earned += batch.amount;
        if batch.amount > 0 {
            answer.moved.push((batch.amount, batch.amount));
            self.batches.push(batch);
        }
    }

    /// Spends credits; panics if there are not enough.
    pub(super) fn take(&mut self, amount: i64, at: At, answer: &mut Answer) {
        let mut missing = amount;
        while missing > 0 {
            let mut first: Option<usize> = None;
            for (index, batch) in self.batches.iter().enumerate() {
                if batch.is_spendable(at)
                    && first.is_none_or(|best| batch.comes_before(&self.batches[best]))
                {
                    first = Some(index);
                }
            }
            let batch = &mut self.batches[first.expect("enough credits")];
            let part = missing.min(batch.left);
            batch.left -= part;
            missing -= part;
            answer.moved.push((-part, batch.left));
        }
        self.spent += amount;
    }

    /// Sorts indices of batches by the order in which the batches are spent.
    pub(super) fn sort_in_spending_order(&self, indices: &mut [usize]) {
        for end in (1..indices.len()).rev() {
            for index in 0..end {
                if self.batches[indices[index + 1]].comes_before(&self.batches[indices[index]]) {
                    indices.swap(index, index + 1);
                }
            }
        }
    }

    /// Records a refusal.
    pub(super) fn refuse(&mut self, message: &Message, refused: &Refused, at: At) {
        let kind = match message.request {
            Request::Use { .. } => "consumption",
            Request::Register => "registration_bonus",
            Request::Promote(..) => "promotion",
            Request::Buy { .. } => "purchase",
            Request::Subscription { .. } => "subscription",
            Request::Freeze => "freeze",
            Request::Unfreeze => "unfreeze",
        };
        self.rows.push(Row {
            kind: kind.to_owned(),
            amount: 0,
            reference: message.reference.clone(),
            code: Some(refused.code.to_owned()),
            balance: self.is_open.then(|| self.balance()),
            at,
            came_with_event: false,
        });
    }
}
