//! A user's batches and what is counted of them.

use super::{Answer, Subscription, decide::Refused};
use crate::year::{
    At,
    message::{Message, What},
};

/// Credits that arrived together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// How many arrived.
    pub amount: i64,
    /// How many are left.
    pub left: i64,
    /// When they arrived.
    pub issued_at: At,
    /// When they lapse.
    pub expires_at: Option<At>,
    /// `PURCHASE`, `SUBSCRIPTION` or `BONUS`.
    pub source: &'static str,
    /// Package or plan.
    pub from: Option<String>,
    /// `YYYY-MM` of a plan's month.
    pub month: Option<String>,
    /// What was paid, in cents.
    pub cents: Option<i64>,
    /// Whether what was left lapsed.
    pub swept: bool,
}

impl Batch {
    /// What became of it.
    pub const fn status(&self) -> &'static str {
        match (self.left, self.swept) {
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
        // Of equally old ones the one that was there first.
        self.issued_at < other.issued_at
    }
}

/// What was recorded of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its type.
    pub kind: String,
    /// Net change.
    pub amount: i64,
    /// Its reference; of an expiration only `expire`.
    pub reference: String,
    /// Why it was refused.
    pub code: Option<String>,
    /// Balance afterwards.
    pub balance: Option<i64>,
    /// When it happened.
    pub at: At,
    /// Whether it is a month that an event brought.
    pub came_with_event: bool,
}

/// One user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Whether there is a wallet.
    pub is_open: bool,
    /// Whether it may not spend.
    pub is_frozen: bool,
    /// Whether the user had the bonus for signing up.
    pub is_registered: bool,
    /// Credits ever added.
    pub earned: i64,
    /// Credits ever spent.
    pub spent: i64,
    /// Transactions that were not refused.
    pub count: i64,
    /// When a message is expected to grant the next month.
    pub next_due: Option<At>,
    /// Batches in the order in which they came.
    pub batches: Vec<Batch>,
    /// Subscriptions, the free one among them; the model keeps them elsewhere.
    pub subscriptions: Vec<Subscription>,
    /// What was recorded, in order.
    pub rows: Vec<Row>,
}

impl Account {
    /// What is left in all batches.
    pub fn balance(&self) -> i64 {
        self.batches.iter().map(|batch| batch.left).sum()
    }

    /// What can be spent at an instant.
    pub fn spendable(&self, at: At) -> i64 {
        let spendable = self.batches.iter().filter(|batch| batch.is_spendable(at));
        spendable.map(|batch| batch.left).sum()
    }

    /// Records what was done, and tells it.
    pub(super) fn record(&mut self, kind: &str, amount: i64, reference: String, at: At, answer: &mut Answer) {
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

    /// Adds a batch; nothing if it is empty.
    pub(super) fn add(&mut self, batch: Batch, answer: &mut Answer) {
        self.earned += batch.amount;
        if batch.amount > 0 {
            answer.moved.push((batch.amount, batch.amount));
            self.batches.push(batch);
        }
    }

    /// Spends credits, of which there are enough.
    pub(super) fn take(&mut self, amount: i64, at: At, answer: &mut Answer) {
        let mut missing = amount;
        while missing > 0 {
            let mut first: Option<usize> = None;
            for (place, batch) in self.batches.iter().enumerate() {
                if batch.is_spendable(at) && first.is_none_or(|best| batch.comes_before(&self.batches[best]))
                {
                    first = Some(place);
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

    /// Puts places of batches into the order in which they are spent.
    pub(super) fn sort_as_spent(&self, places: &mut [usize]) {
        for end in (1..places.len()).rev() {
            for place in 0..end {
                if self.batches[places[place + 1]].comes_before(&self.batches[places[place]]) {
                    places.swap(place, place + 1);
                }
            }
        }
    }

    /// Records a refusal.
    pub(super) fn refuse(&mut self, message: &Message, refused: &Refused, at: At) {
        let kind = match message.what {
            What::Use { .. } => "consumption",
            What::Register => "registration_bonus",
            What::Promote(..) => "promotion",
            What::Buy { .. } => "purchase",
            What::Subscription { .. } => "subscription",
            What::Freeze => "freeze",
            What::Unfreeze => "unfreeze",
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
