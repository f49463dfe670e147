//! From the wire to the core: a body that came through a door becomes a command of the ledger.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use ledger::{Action, Command, Item, Origin, SubscriptionStatus};
use producer_sdk::contract::{self, Body, Door, Grant, Rejection};

/// Reads a body, checks every field, and checks that its kind of command may come through `door`.
pub fn decode(body: &[u8], door: Door) -> Result<Command, Rejection> {
    let command = contract::Command::from_json(body)?;
    command.check_door(door)?;
    command_of(command, door)
}

/// The command of the ledger that a wire command asks for.
pub fn command_of(command: contract::Command, door: Door) -> Result<Command, Rejection> {
    let action = match command.body {
        Body::Consume(consume) => Action::Consume {
            service: consume.service,
            amount: consume.amount,
            quantity: consume.quantity,
        },
        Body::Grant(Grant::RegistrationBonus) => Action::RegistrationBonus,
        Body::Grant(Grant::Promotion {
            amount,
            validity_days,
        }) => Action::Promotion {
            amount,
            validity_days,
        },
        Body::Purchase(purchase) => Action::Purchase {
            item: match purchase.item {
                contract::Item::Package(id) => Item::Package(id),
                contract::Item::Price(id) => Item::Price(id),
                contract::Item::Credits {
                    credits,
                    validity_days,
                } => Item::Credits {
                    credits,
                    validity_days,
                },
            },
            purchase_id: purchase.purchase_id,
            purchase_line: purchase.purchase_line,
            paid_micros: purchase.amount_paid.map(contract::AmountPaid::micros),
            currency: purchase.currency,
        },
        Body::Grant(Grant::Monthly {
            subscription_id,
            period_start,
        }) => Action::MonthlyGrant {
            subscription_id,
            period_start: micros(period_start),
        },
        Body::Subscription(subscription) => Action::Subscription {
            subscription_id: subscription.subscription_id,
            plan: subscription.plan,
            status: status(subscription.status),
            anchor: subscription.anchor.map(micros),
            paid_through: subscription.paid_through.map(micros),
        },
        Body::Freeze(change) => Action::Freeze {
            reason: change.reason,
            actor: change.actor,
        },
        Body::Unfreeze(change) => Action::Unfreeze {
            reason: change.reason,
            actor: change.actor,
        },
        Body::Expire(expire) => Action::Expire {
            cutoff: micros(expire.cutoff),
        },
        _ => return Err(unsupported()),
    };
    Ok(Command {
        origin: origin(door),
        reference_id: command.reference_id,
        user_id: command.user_id,
        occurred_at: command.occurred_at.map(micros),
        received_at: None,
        sender: None,
        description: command.description.filter(|text| !text.is_empty()),
        metadata: command.metadata.map(|metadata| metadata.get().to_owned()),
        action,
    })
}

const fn status(status: contract::SubscriptionStatus) -> SubscriptionStatus {
    match status {
        contract::SubscriptionStatus::Active => SubscriptionStatus::Active,
        contract::SubscriptionStatus::Trialing => SubscriptionStatus::Trialing,
        contract::SubscriptionStatus::PastDue => SubscriptionStatus::PastDue,
        contract::SubscriptionStatus::Paused => SubscriptionStatus::Paused,
        contract::SubscriptionStatus::Canceled => SubscriptionStatus::Canceled,
        contract::SubscriptionStatus::Expired => SubscriptionStatus::Expired,
    }
}

const fn origin(door: Door) -> Origin {
    match door {
        Door::Usage => Origin::Usage,
        Door::Funding => Origin::Funding,
        Door::Internal => Origin::Internal,
    }
}

/// PostgreSQL keeps microseconds.
pub(crate) fn micros(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(at)
}

fn unsupported() -> Rejection {
    Rejection {
        code: contract::RejectionCode::UnknownType,
        message: "`type` or `reason` is one that this worker does not know yet".to_owned(),
        field: Some("type".to_owned()),
    }
}
