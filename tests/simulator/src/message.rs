//! The published messages.

use producer_sdk::contract::{Command, Late, Origin, Overrun, SubscriptionStatus};

use super::At;

/// The status of a subscription as a payment provider reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Active,
    Trialing,
    /// A payment is late.
    PastDue,
    Paused,
    Canceled,
    Expired,
}

/// The item of a purchase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A package by its id.
    Package(String),
    /// A package by its price id.
    Price(String),
    /// A number of credits, and their validity in days; `None` means that they never expire.
    Credits(i64, Option<i64>),
}

/// The deposit that a revocation names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Its reference.
    Reference(String),
    /// Its payment.
    Payment(String),
}

/// How much of a deposit is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All that is left.
    All,
    Credits(i64),
    /// A share of the deposit.
    Percent(i64),
    /// The cents of the price that were refunded so far.
    Refunded(i64),
}

/// The request of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Pay for the use of a service.
    Use {
        service: &'static str,
        /// The price in credits. If present, the service's own price does not apply.
        amount: Option<i64>,
        /// The number of units.
        quantity: Option<i64>,
    },
    /// Reserve credits for the use of a service.
    Hold {
        service: &'static str,
        /// The credits. If present, the service's own price does not apply.
        amount: Option<i64>,
        /// The number of units.
        quantity: Option<i64>,
        /// The duration of the hold.
        seconds: i64,
    },
    /// Pay with reserved credits.
    Capture {
        /// The reference of the hold.
        hold: String,
        amount: Option<i64>,
        quantity: Option<i64>,
        /// Whether the hold ends.
        is_final: bool,
        /// Whether a cost that is not available is dropped, instead of a refusal.
        cap: bool,
        /// Whether a capture after the end of the hold is refused.
        late_is_refused: bool,
    },
    /// Return reserved credits.
    Release {
        /// The reference of the hold.
        hold: String,
    },
    /// Return credits of an earlier use.
    Refund {
        /// The reference of the use.
        of: String,
        /// The number of credits; `None` means all that are left.
        amount: Option<i64>,
        /// Whether support staff sends it instead of the app.
        by_support: bool,
    },
    /// Grant the registration bonus.
    Register,
    /// Grant credits with a validity in days; `None` means that they never expire.
    Promote(i64, Option<i64>),
    /// Credit a purchase.
    Buy {
        item: Item,
        /// The id of the payment.
        payment: String,
        /// The amount paid in cents; `None` if it is not reported.
        cents: Option<i64>,
    },
    /// Report the status of a subscription.
    Subscription {
        id: String,
        plan: &'static str,
        status: Status,
        /// The instant from which months are counted.
        anchor: Option<At>,
        /// The instant up to which the subscription is paid.
        paid_through: Option<At>,
    },
    /// Take credits of a deposit back.
    Revoke { target: Target, extent: Extent },
    /// Undo a revocation.
    Reinstate {
        /// The reference of the revocation.
        of: String,
    },
    /// Write off debt; `None` means all.
    Forgive(Option<i64>),
    /// Freeze the wallet.
    Freeze,
    /// Unfreeze the wallet.
    Unfreeze,
}

/// A published message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub reference: String,
    pub user: String,
    /// `None` if the message does not name the time of its event.
    pub occurred_at: Option<At>,
    pub request: Request,
}

impl Message {
    /// Whether the origin of the message is usage. The origin of all others is funding.
    pub const fn is_usage(&self) -> bool {
        matches!(
            self.request,
            Request::Use { .. }
                | Request::Hold { .. }
                | Request::Capture { .. }
                | Request::Release { .. }
                | Request::Refund {
                    by_support: false,
                    ..
                }
        )
    }

    /// Whether the message reports a payment.
    pub const fn is_paid(&self) -> bool {
        matches!(
            self.request,
            Request::Buy { .. } | Request::Subscription { .. }
        )
    }

    /// The content that identifies a message. Two messages with the same reference and the same
    /// content are the same message.
    pub fn content(&self) -> String {
        let request = match &self.request {
            Request::Buy { item, payment, .. } => format!("buy {item:?} {payment}"),
            other => format!("{other:?}"),
        };
        format!("{} {request}", self.user)
    }

    /// The message as a command for a producer.
    pub fn command(&self) -> Command {
        let (reference, user) = (self.reference.as_str(), self.user.as_str());
        let command = match &self.request {
            Request::Use {
                service,
                amount,
                quantity,
            } => costing(
                Command::consume(reference, user, *service),
                *amount,
                *quantity,
            ),
            Request::Hold {
                service,
                amount,
                quantity,
                seconds,
            } => {
                let command = Command::hold(reference, user, *service);
                costing(command, *amount, *quantity).expires_in_seconds(*seconds)
            }
            Request::Capture {
                hold,
                amount,
                quantity,
                is_final,
                cap,
                late_is_refused,
            } => {
                let command = Command::capture(reference, user, hold);
                let mut command = costing(command, *amount, *quantity).is_final(*is_final);
                if *cap {
                    command = command.overrun(Overrun::Cap);
                }
                if *late_is_refused {
                    command = command.late(Late::Reject);
                }
                command
            }
            Request::Release { hold } => Command::release(reference, user, hold),
            Request::Refund {
                of,
                amount,
                by_support,
            } => {
                let mut command = Command::refund(reference, user, of);
                if let Some(amount) = amount {
                    command = command.amount(*amount);
                }
                if *by_support {
                    command = command.through(Origin::Funding);
                }
                command
            }
            Request::Register => Command::registration_bonus(reference, user),
            Request::Promote(amount, days) => {
                valid(Command::promotion(reference, user, *amount), *days)
            }
            Request::Buy {
                item,
                payment,
                cents,
            } => buy(reference, user, item, payment, *cents),
            Request::Subscription {
                id,
                plan,
                status,
                anchor,
                paid_through,
            } => {
                let status = contract_status(*status);
                let mut command = Command::subscription(reference, user, id, *plan, status);
                if let Some(at) = anchor {
                    command = command.anchor(*at);
                }
                if let Some(at) = paid_through {
                    command = command.paid_through(*at);
                }
                command
            }
            Request::Revoke { target, extent } => revoke(reference, user, target, *extent),
            Request::Reinstate { of } => Command::reinstate(reference, user, of),
            Request::Forgive(amount) => {
                let command = Command::forgive(reference, user, "dispute lost", "ops:maria");
                costing(command, *amount, None)
            }
            Request::Freeze => Command::freeze(reference, user, "chargeback", "ops:maria"),
            Request::Unfreeze => Command::unfreeze(reference, user, "dispute won", "ops:maria"),
        };
        match self.occurred_at {
            Some(at) => command.occurred_at(at),
            None => command,
        }
    }
}

fn costing(mut command: Command, amount: Option<i64>, quantity: Option<i64>) -> Command {
    if let Some(amount) = amount {
        command = command.amount(amount);
    }
    if let Some(quantity) = quantity {
        command = command.quantity(quantity);
    }
    command
}

fn revoke(reference: &str, user: &str, target: &Target, extent: Extent) -> Command {
    let command = match target {
        Target::Reference(of) => Command::revoke(reference, user, of),
        Target::Payment(payment) => Command::revoke_purchase(reference, user, payment),
    };
    let decimal = |hundredths: i64| format!("{}.{:02}", hundredths / 100, hundredths % 100);
    match extent {
        Extent::All => command,
        Extent::Credits(credits) => command.amount(credits),
        Extent::Percent(percent) => command.share(&decimal(percent)).expect("a share"),
        Extent::Refunded(cents) => command.amount_refunded(&decimal(cents)).expect("an amount"),
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

fn contract_status(status: Status) -> SubscriptionStatus {
    match status {
        Status::Active => SubscriptionStatus::Active,
        Status::Trialing => SubscriptionStatus::Trialing,
        Status::PastDue => SubscriptionStatus::PastDue,
        Status::Paused => SubscriptionStatus::Paused,
        Status::Canceled => SubscriptionStatus::Canceled,
        Status::Expired => SubscriptionStatus::Expired,
    }
}
