//! `credits_transaction.detail`: the parts of a posting that have no column, as JSON.

use chrono::{DateTime, SecondsFormat, Utc};
use ledger::{
    Action, BatchNote, Command, CreditedPayment, Detail, Inconsistency, Item, Late, Overrun,
    Posting, ReplacementNote, RevokeExtent, RevokeTarget,
};
use serde_json::{Map, Value, json};

/// The JSON of what a posting stores without a column of its own. `None` if there is nothing.
pub fn to_text(posting: &Posting) -> Option<String> {
    let Posting { detail, audit, .. } = posting;
    if detail.is_empty() && audit.is_empty() {
        return None;
    }
    let mut fields = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(name.to_owned(), value);
        }
    };
    put("clipped", detail.clipped.map(Value::from));
    put("overCap", detail.over_cap.then_some(Value::Bool(true)));
    put(
        "defaultPrice",
        detail.default_price.then_some(Value::Bool(true)),
    );
    put(
        "skipped",
        detail.skipped.map(|skipped| skipped.as_str().into()),
    );
    put("stale", detail.stale.then_some(Value::Bool(true)));
    put("held", detail.held.map(Value::from));
    put(
        "holdExpiresAt",
        detail.hold_expires_at.map(|at| instant(at).into()),
    );
    put("uncaptured", detail.uncaptured.map(Value::from));
    put("beyondHold", detail.beyond_hold.map(Value::from));
    put(
        "depositId",
        detail.deposit_id.map(|id| id.to_string().into()),
    );
    put("revoked", detail.revoked.map(Value::from));
    put("debt", detail.debt.map(Value::from));
    put("required", detail.required.map(Value::from));
    put("available", detail.available.map(Value::from));
    if let Some(first) = &detail.first {
        put("firstReferenceId", Some(first.reference_id.as_str().into()));
        put(
            "firstTransactionId",
            Some(first.transaction_id.to_string().into()),
        );
    }
    put("claimedAt", audit.claimed_at.map(|at| instant(at).into()));
    put("request", audit.request.as_deref().map(request));
    put("batch", audit.batch.as_deref().map(batch));
    let replacements = audit.replacements.iter().map(replacement);
    put(
        "batches",
        (!audit.replacements.is_empty()).then(|| Value::Object(replacements.collect())),
    );
    let debts = audit.debts.iter();
    let debts = debts.map(|(id, credits)| (id.simple().to_string(), (*credits).into()));
    put(
        "debts",
        (!audit.debts.is_empty()).then(|| Value::Object(debts.collect())),
    );
    Some(Value::Object(fields).to_string())
}

/// Reads the parts that an outcome needs.
pub fn from_text(text: Option<&str>, id: &str) -> Result<Detail, Inconsistency> {
    let Some(text) = text else {
        return Ok(Detail::default());
    };
    let value: Value = serde_json::from_str(text).map_err(|error| Inconsistency {
        table: "credits_transaction",
        id: id.to_owned(),
        message: format!("detail is not JSON: {error}"),
    })?;
    let number = |name: &str| value.get(name).and_then(Value::as_i64);
    let flag = |name: &str| value.get(name).and_then(Value::as_bool).unwrap_or(false);
    Ok(Detail {
        clipped: number("clipped"),
        over_cap: flag("overCap"),
        default_price: flag("defaultPrice"),
        skipped: value
            .get("skipped")
            .and_then(Value::as_str)
            .and_then(|name| name.parse().ok()),
        stale: flag("stale"),
        required: number("required"),
        available: number("available"),
        first: first(&value),
        held: number("held"),
        hold_expires_at: value
            .get("holdExpiresAt")
            .and_then(Value::as_str)
            .and_then(|at| at.parse().ok()),
        uncaptured: number("uncaptured"),
        beyond_hold: number("beyondHold"),
        deposit_id: value
            .get("depositId")
            .and_then(Value::as_str)
            .and_then(|id| id.parse().ok()),
        revoked: number("revoked"),
        debt: number("debt"),
    })
}

/// The transaction that credited the payment of a refused purchase before.
fn first(detail: &Value) -> Option<CreditedPayment> {
    let text = |name: &str| detail.get(name).and_then(Value::as_str);
    Some(CreditedPayment {
        reference_id: text("firstReferenceId")?.to_owned(),
        transaction_id: text("firstTransactionId")?.parse().ok()?,
    })
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn batch(note: &BatchNote) -> Value {
    let mut fields = json!({
        "expiresAt": note.expires_at.map(instant),
        "plan": note.plan,
        "paidMicros": note.paid_micros,
        "currency": note.currency,
    });
    if let Value::Object(fields) = &mut fields {
        fields.retain(|_, value| !value.is_null());
    }
    fields
}

/// The id of a new batch, as `verify` writes ids, and its fields.
fn replacement(note: &ReplacementNote) -> (String, Value) {
    let mut fields = batch(&note.batch);
    fields["replaces"] = note.replaces.simple().to_string().into();
    (note.batch_id.simple().to_string(), fields)
}

fn request(command: &Command) -> Value {
    let mut fields = match &command.action {
        Action::Consume(consume) => json!({
            "service": consume.service,
            "amount": consume.amount,
            "quantity": consume.quantity,
        }),
        Action::Hold(hold) => json!({
            "service": hold.service,
            "amount": hold.amount,
            "quantity": hold.quantity,
            "expiresAt": hold.expires_at.map(instant),
            "expiresInSeconds": hold.expires_in_seconds,
        }),
        Action::Capture(capture) => json!({
            "hold": capture.hold,
            "amount": capture.amount,
            "quantity": capture.quantity,
            "final": capture.is_final,
            "overrun": capture.overrun.map(Overrun::as_str),
            "late": capture.late.map(Late::as_str),
        }),
        Action::Release(release) => json!({ "hold": release.hold }),
        Action::Refund(refund) => json!({ "of": refund.of, "amount": refund.amount }),
        Action::RegistrationBonus => json!({ "reason": "registration_bonus" }),
        Action::Promotion(promotion) => json!({
            "reason": "promotion",
            "amount": promotion.amount,
            "validityDays": promotion.validity_days,
        }),
        Action::Purchase(purchase) => {
            let mut fields = match &purchase.item {
                Item::Package(id) => json!({ "packageId": id }),
                Item::Price(id) => json!({ "priceId": id }),
                Item::Credits {
                    credits,
                    validity_days,
                } => json!({ "credits": credits, "validityDays": validity_days }),
            };
            fields["quantity"] = purchase.quantity.into();
            fields["purchaseId"] = purchase.purchase_id.as_str().into();
            fields["purchaseLine"] = purchase.purchase_line.as_deref().into();
            fields["paidMicros"] = purchase.paid_micros.into();
            fields["currency"] = purchase.currency.as_deref().into();
            fields
        }
        Action::MonthlyGrant(grant) => json!({
            "reason": "monthly_grant",
            "subscriptionId": grant.subscription_id,
            "periodStart": instant(grant.period_start),
        }),
        Action::Subscription(update) => json!({
            "subscriptionId": update.subscription_id,
            "plan": update.plan,
            "quantity": update.quantity,
            "status": update.status.as_str(),
            "anchor": update.anchor.map(instant),
            "paidThrough": update.paid_through.map(instant),
        }),
        Action::Freeze(change) | Action::Unfreeze(change) => {
            json!({ "reason": change.reason, "actor": change.actor })
        }
        Action::Revoke(revoke) => {
            let mut fields = match &revoke.target {
                RevokeTarget::Reference(of) => json!({ "of": of }),
                RevokeTarget::Payment {
                    purchase_id,
                    purchase_line,
                } => json!({ "purchaseId": purchase_id, "purchaseLine": purchase_line }),
            };
            match revoke.extent {
                RevokeExtent::All => {}
                RevokeExtent::Amount(amount) => fields["amount"] = amount.into(),
                RevokeExtent::Share(share) => fields["shareMillionths"] = share.into(),
                RevokeExtent::AmountRefunded(micros) => fields["refundedMicros"] = micros.into(),
            }
            fields
        }
        Action::Reinstate(reinstate) => json!({ "of": reinstate.of }),
        Action::Forgive(forgive) => json!({
            "amount": forgive.amount,
            "reason": forgive.reason,
            "actor": forgive.actor,
        }),
        Action::Expire(expire) => json!({ "cutoff": expire.cutoff }),
    };
    if let Value::Object(fields) = &mut fields {
        fields.retain(|_, value| !value.is_null());
        fields.insert("type".to_owned(), command.kind().into());
    }
    fields
}
