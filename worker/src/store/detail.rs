//! `credits_transaction.detail`: the parts of an outcome that have no column, as JSON.

use chrono::{DateTime, SecondsFormat, Utc};
use ledger::{Action, BatchNote, Command, CreditedPayment, Detail, Inconsistency, Item, Skipped};
use serde_json::{Map, Value, json};

/// The JSON of a detail. `None` if the detail is empty.
pub fn to_text(detail: &Detail) -> Option<String> {
    if detail.is_empty() {
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
    put("required", detail.required.map(Value::from));
    put("available", detail.available.map(Value::from));
    if let Some(first) = &detail.first {
        put("firstReferenceId", Some(first.reference_id.as_str().into()));
        put(
            "firstTransactionId",
            Some(first.transaction_id.to_string().into()),
        );
    }
    put("claimedAt", detail.claimed_at.map(|at| instant(at).into()));
    put("request", detail.request.as_deref().map(request));
    put("batch", detail.batch.as_deref().map(batch));
    Some(Value::Object(fields).to_string())
}

/// Reads the parts that an outcome needs. The claimed instant and the request are for people, and
/// the batch is for `verify`, so they are not read.
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
            .and_then(Skipped::parse),
        stale: flag("stale"),
        required: number("required"),
        available: number("available"),
        first: first(&value),
        claimed_at: None,
        request: None,
        batch: None,
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

fn request(command: &Command) -> Value {
    let mut fields = match &command.action {
        Action::Consume {
            service,
            amount,
            quantity,
        } => {
            json!({ "service": service, "amount": amount, "quantity": quantity })
        }
        Action::RegistrationBonus => json!({ "reason": "registration_bonus" }),
        Action::Promotion {
            amount,
            validity_days,
        } => {
            json!({ "reason": "promotion", "amount": amount, "validityDays": validity_days })
        }
        Action::Purchase {
            item,
            purchase_id,
            purchase_line,
            paid_micros,
            currency,
        } => {
            let mut fields = match item {
                Item::Package(id) => json!({ "packageId": id }),
                Item::Price(id) => json!({ "priceId": id }),
                Item::Credits {
                    credits,
                    validity_days,
                } => json!({ "credits": credits, "validityDays": validity_days }),
            };
            fields["purchaseId"] = purchase_id.as_str().into();
            fields["purchaseLine"] = purchase_line.as_deref().into();
            fields["paidMicros"] = (*paid_micros).into();
            fields["currency"] = currency.as_deref().into();
            fields
        }
        Action::MonthlyGrant {
            subscription_id,
            period_start,
        } => json!({
            "reason": "monthly_grant",
            "subscriptionId": subscription_id,
            "periodStart": instant(*period_start),
        }),
        Action::Subscription {
            subscription_id,
            plan,
            status,
            anchor,
            paid_through,
        } => json!({
            "subscriptionId": subscription_id,
            "plan": plan,
            "status": status.word(),
            "anchor": anchor.map(instant),
            "paidThrough": paid_through.map(instant),
        }),
        Action::Freeze { reason, actor } | Action::Unfreeze { reason, actor } => {
            json!({ "reason": reason, "actor": actor })
        }
        Action::Expire { cutoff } => json!({ "cutoff": cutoff }),
    };
    if let Value::Object(fields) = &mut fields {
        fields.retain(|_, value| !value.is_null());
        fields.insert("type".to_owned(), command.kind().into());
    }
    fields
}
