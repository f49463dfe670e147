//! Decodes message bodies: a wire command becomes a ledger command.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use ledger::{
    Action, Capture, Command, Consume, Expire, Forgive, Hold, MonthlyGrant, Origin, Promotion,
    Purchase, Refund, Reinstate, Release, Revoke, StatusChange, SubscriptionUpdate,
};
use producer_sdk::contract::{self, Body, Grant, Rejection};

/// Decodes a body, validates every field, and checks that `origin` may send this kind of command.
pub fn decode(body: &[u8], origin: Origin) -> Result<Command, Rejection> {
    let command = contract::Command::from_json(body)?;
    command.check_origin(origin)?;
    command_of(command, origin)
}

/// Converts a wire command into a ledger command.
pub fn command_of(command: contract::Command, origin: Origin) -> Result<Command, Rejection> {
    let action = match command.body {
        Body::Consume(consume) => Action::Consume(Consume {
            service: consume.service,
            amount: consume.amount,
            quantity: consume.quantity,
        }),
        Body::Hold(hold) => Action::Hold(Hold {
            service: hold.service,
            amount: hold.amount,
            quantity: hold.quantity,
            expires_at: hold.expires_at.map(micros),
            expires_in_seconds: hold.expires_in_seconds,
        }),
        Body::Capture(capture) => Action::Capture(Capture {
            hold: capture.hold,
            amount: capture.amount,
            quantity: capture.quantity,
            is_final: capture.is_final,
            overrun: capture.overrun,
            late: capture.late,
        }),
        Body::Release(release) => Action::Release(Release { hold: release.hold }),
        Body::Refund(refund) => Action::Refund(Refund {
            of: refund.of,
            amount: refund.amount,
        }),
        Body::Grant(Grant::RegistrationBonus) => Action::RegistrationBonus,
        Body::Grant(Grant::Promotion {
            amount,
            validity_days,
        }) => Action::Promotion(Promotion {
            amount,
            validity_days,
        }),
        Body::Purchase(purchase) => Action::Purchase(Purchase {
            item: purchase.item,
            quantity: purchase.quantity,
            purchase_id: purchase.purchase_id,
            purchase_line: purchase.purchase_line,
            paid_micros: purchase.amount_paid.map(contract::AmountPaid::micros),
            currency: purchase.currency,
        }),
        Body::Grant(Grant::Monthly {
            subscription_id,
            period_start,
        }) => Action::MonthlyGrant(MonthlyGrant {
            subscription_id,
            period_start: micros(period_start),
        }),
        Body::Subscription(subscription) => Action::Subscription(SubscriptionUpdate {
            subscription_id: subscription.subscription_id,
            plan: subscription.plan,
            quantity: subscription.quantity,
            status: subscription.status,
            anchor: subscription.anchor.map(micros),
            paid_through: subscription.paid_through.map(micros),
        }),
        Body::Revoke(revoke) => Action::Revoke(Revoke {
            target: revoke.target,
            extent: revoke.extent,
        }),
        Body::Reinstate(reinstate) => Action::Reinstate(Reinstate { of: reinstate.of }),
        Body::Forgive(forgive) => Action::Forgive(Forgive {
            amount: forgive.amount,
            reason: forgive.reason,
            actor: forgive.actor,
        }),
        Body::Freeze(change) => Action::Freeze(StatusChange {
            reason: change.reason,
            actor: change.actor,
        }),
        Body::Unfreeze(change) => Action::Unfreeze(StatusChange {
            reason: change.reason,
            actor: change.actor,
        }),
        Body::Expire(expire) => Action::Expire(Expire {
            cutoff: micros(expire.cutoff),
        }),
        _ => return Err(unsupported()),
    };
    Ok(Command {
        origin,
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

/// Truncates to microseconds, the precision that PostgreSQL stores.
pub(crate) fn micros(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(at)
}

fn unsupported() -> Rejection {
    Rejection {
        code: contract::RejectionCode::UnknownType,
        message: "`type` or `reason` is unknown to this version of the worker".to_owned(),
        field: Some("type".to_owned()),
    }
}
