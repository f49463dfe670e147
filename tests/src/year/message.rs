//! What is published.

use producer_sdk::contract::{Command, SubscriptionStatus};

use super::At;

/// What a payment provider says of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// It runs.
    Active,
    /// It is tried out.
    Trialing,
    /// A payment is late.
    PastDue,
    /// It rests.
    Paused,
    /// It was ended.
    Canceled,
    /// It came to its end.
    Expired,
}

/// What was bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A package by its id.
    Package(String),
    /// A package by its price id.
    Price(String),
    /// So many credits, for so many days.
    Credits(i64, Option<i64>),
}

/// What a message asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A service was used.
    Use {
        /// Which.
        service: &'static str,
        /// Credits, whatever it costs.
        amount: Option<i64>,
        /// Units.
        quantity: Option<i64>,
    },
    /// A user signed up.
    Register,
    /// A gift, for so many days.
    Promote(i64, Option<i64>),
    /// Something was paid for.
    Buy {
        /// What.
        item: Item,
        /// The payment.
        payment: String,
        /// How many cents, if that is known.
        cents: Option<i64>,
    },
    /// News of a subscription.
    Subscription {
        /// Which.
        id: String,
        /// The plan.
        plan: &'static str,
        /// What it is.
        says: Says,
        /// From where months are counted.
        anchor: Option<At>,
        /// Up to where it is paid.
        paid_through: Option<At>,
    },
    /// The wallet may not spend.
    Freeze,
    /// It may again.
    Unfreeze,
}

/// What is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The caller's name for it.
    pub reference: String,
    /// Whose wallet.
    pub user: String,
    /// When it happened.
    pub occurred_at: Option<At>,
    /// What it asks for.
    pub what: What,
}

impl Message {
    /// Whether it comes through the door for usage, and not through that for funding.
    pub const fn is_usage(&self) -> bool {
        matches!(self.what, What::Use { .. })
    }

    /// Whether money was paid for it.
    pub const fn is_paid(&self) -> bool {
        matches!(self.what, What::Buy { .. } | What::Subscription { .. })
    }

    /// What two messages must agree in to be the same.
    pub fn content(&self) -> String {
        let what = match &self.what {
            What::Buy { item, payment, .. } => format!("buy {item:?} {payment}"),
            other => format!("{other:?}"),
        };
        format!("{} {what}", self.user)
    }

    /// The same for the wire.
    pub fn command(&self) -> Command {
        let (reference, user) = (self.reference.as_str(), self.user.as_str());
        let command = match &self.what {
            What::Use {
                service,
                amount,
                quantity,
            } => {
                let mut command = Command::consume(reference, user, *service);
                if let Some(amount) = amount {
                    command = command.amount(*amount);
                }
                if let Some(quantity) = quantity {
                    command = command.quantity(*quantity);
                }
                command
            }
            What::Register => Command::registration_bonus(reference, user),
            What::Promote(amount, days) => valid(Command::promotion(reference, user, *amount), *days),
            What::Buy { item, payment, cents } => buy(reference, user, item, payment, *cents),
            What::Subscription {
                id,
                plan,
                says,
                anchor,
                paid_through,
            } => {
                let mut command = Command::subscription(reference, user, id, *plan, status(*says));
                if let Some(at) = anchor {
                    command = command.anchor(*at);
                }
                if let Some(at) = paid_through {
                    command = command.paid_through(*at);
                }
                command
            }
            What::Freeze => Command::freeze(reference, user, "chargeback", "ops:maria"),
            What::Unfreeze => Command::unfreeze(reference, user, "dispute won", "ops:maria"),
        };
        match self.occurred_at {
            Some(at) => command.occurred_at(at),
            None => command,
        }
    }
}

fn buy(reference: &str, user: &str, item: &Item, payment: &str, cents: Option<i64>) -> Command {
    let command = match item {
        Item::Package(id) => Command::purchase_package(reference, user, id, payment),
        Item::Price(id) => Command::purchase_price(reference, user, id, payment),
        Item::Credits(credits, days) => valid(
            Command::purchase_credits(reference, user, *credits, payment),
            *days,
        ),
    };
    match cents {
        Some(cents) => command
            .paid(&format!("{}.{:02}", cents / 100, cents % 100), "USD")
            .expect("a price"),
        None => command,
    }
}

fn valid(command: Command, days: Option<i64>) -> Command {
    match days {
        Some(days) => command.validity_days(days),
        None => command,
    }
}

fn status(says: Says) -> SubscriptionStatus {
    match says {
        Says::Active => SubscriptionStatus::Active,
        Says::Trialing => SubscriptionStatus::Trialing,
        Says::PastDue => SubscriptionStatus::PastDue,
        Says::Paused => SubscriptionStatus::Paused,
        Says::Canceled => SubscriptionStatus::Canceled,
        Says::Expired => SubscriptionStatus::Expired,
    }
}
