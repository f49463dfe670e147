//! A user's batches, counters and records.

use std::collections::BTreeMap;

use super::{Answer, Subscription, decide::Refused, holds::Hold};
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
    /// The amount paid in millionths of the currency's unit.
    pub micros: Option<i64>,
    /// Whether the expiry job took the credits that were left.
    pub expired: bool,
    /// Whether a revocation took the credits that were left.
    pub revoked: bool,
    /// The index of the batch that the deposit of its credits brought: its own, unless it was added
    /// in place of another one.
    pub root: usize,
}

impl Batch {
    /// The status in the database.
    pub const fn status(&self) -> &'static str {
        match (self.left, self.expired) {
            (1.., _) => "ACTIVE",
            (_, true) => "EXPIRED",
            _ if self.revoked => "REVOKED",
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
    /// The change of the debt.
    pub debt_change: i64,
    /// The reference. For every expiration it is `expire`, and for the transactions that a
    /// revocation, a reinstatement or a repayment derives it is `derived`.
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
    /// The credits that the user owes.
    pub debt: i64,
    /// The total of added credits, without those that were revoked or repaid a debt.
    pub earned: i64,
    /// The total of spent credits.
    pub spent: i64,
    /// The number of completed transactions.
    pub count: i64,
    /// The instant from which a message grants the next period.
    pub next_due: Option<At>,
    /// The batches in the order of arrival.
    pub batches: Vec<Batch>,
    /// The holds in the order of arrival.
    pub holds: Vec<Hold>,
    /// The batches that got credits of a hold back while a message is decided.
    pub(super) returned: Vec<usize>,
    /// The credits of each batch, by index, that expired. The database does not have it.
    pub(super) lapsed: BTreeMap<usize, i64>,
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
        let batches = self.batches.iter().enumerate();
        let spendable = batches.filter(|(_, batch)| batch.is_spendable(at));
        spendable.map(|(index, _)| self.free(index)).sum()
    }

    /// The account as the database has it.
    #[must_use]
    pub fn stored(&self) -> Self {
        Self {
            lapsed: BTreeMap::new(),
            ..self.clone()
        }
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
        self.record_moved(kind, (amount, 0), reference, at, answer);
    }

    /// Records a completed transaction that changes the debt: the changes of balance and debt.
    pub(super) fn record_debt(
        &mut self,
        kind: &str,
        changes: (i64, i64),
        reference: String,
        at: At,
        answer: &mut Answer,
    ) {
        self.debt += changes.1;
        answer.debt = Some(self.debt);
        self.record_moved(kind, changes, reference, at, answer);
    }

    fn record_moved(
        &mut self,
        kind: &str,
        (amount, debt_change): (i64, i64),
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
            debt_change,
            reference,
            code: None,
            balance: Some(self.balance()),
            at,
            came_with_event: false,
        });
    }

    /// Adds the batch of a deposit, and returns its index. An empty batch is not added.
    pub(super) fn add(&mut self, batch: Batch, answer: &mut Answer) -> Option<usize> {
        self.earned += batch.amount;
        if batch.amount == 0 {
            return None;
        }
        let root = self.batches.len();
        answer.moved.push((batch.amount, batch.amount));
        self.batches.push(Batch { root, ..batch });
        Some(root)
    }

    /// The batches from which an amount is taken or reserved, by index, each with its part, in the
    /// order of taking; panics if there are not enough credits.
    pub(super) fn shares(&self, amount: i64, at: At) -> Vec<(usize, i64)> {
        let mut shares: Vec<(usize, i64)> = Vec::new();
        let mut missing = amount;
        while missing > 0 {
            let mut first: Option<usize> = None;
            for (index, batch) in self.batches.iter().enumerate() {
                let is_used = shares.iter().any(|(used, _)| *used == index);
                if batch.is_spendable(at)
                    && self.free(index) > 0
                    && !is_used
                    && first.is_none_or(|best| batch.comes_before(&self.batches[best]))
                {
                    first = Some(index);
                }
            }
            let batch = first.expect("enough credits");
            let part = missing.min(self.free(batch));
            missing -= part;
            shares.push((batch, part));
        }
        shares
    }

    /// Spends credits; panics if there are not enough. Returns the batches that they came from, by
    /// index, and the credits of each, in the order of taking.
    pub(super) fn take(&mut self, amount: i64, at: At, answer: &mut Answer) -> Vec<(usize, i64)> {
        let shares = self.shares(amount, at);
        for (batch, part) in &shares {
            self.batches[*batch].left -= part;
            answer.moved.push((-part, self.batches[*batch].left));
        }
        self.spent += amount;
        shares
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
            Request::Hold { .. } => "hold",
            Request::Capture { .. } => "capture",
            Request::Release { .. } => "release",
            Request::Refund { .. } => "refund",
            Request::Register => "registration_bonus",
            Request::Promote(..) => "promotion",
            Request::Buy { .. } => "purchase",
            Request::Subscription { .. } => "subscription",
            Request::Revoke { .. } => "revocation",
            Request::Reinstate { .. } => "reinstatement",
            Request::Forgive(_) => "forgiveness",
            Request::Freeze => "freeze",
            Request::Unfreeze => "unfreeze",
        };
        self.rows.push(Row {
            kind: kind.to_owned(),
            amount: 0,
            debt_change: 0,
            reference: message.reference.clone(),
            code: Some(refused.code.to_owned()),
            balance: self.is_open.then(|| self.balance()),
            at,
            came_with_event: false,
        });
    }
}
