//! The schemas of commands. The decoder says which fields a command has and which it needs, so no
//! list is written twice.

use std::collections::{BTreeMap, BTreeSet};

use producer_sdk::contract::{
    Command, Kind, Late, MAX_AMOUNT, MAX_DESCRIPTION_BYTES, MAX_HOLD_SECONDS, MAX_VALIDITY_DAYS,
    Overrun, RejectionCode, SubscriptionStatus,
};
use serde_json::{Value, json};
use strum::VariantArray;

use super::id;

/// The fields of which a command has exactly one.
fn alternatives(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Purchase => &["packageId", "priceId", "credits"],
        Kind::Revoke => &["of", "purchaseId"],
        _ => &[],
    }
}

/// The schema of the bodies of a command. The decoder says which fields it has and which it needs.
pub fn schema(kind: Kind) -> Value {
    let allowed = allowed_fields(kind);
    let required = required_fields(kind);
    let properties: BTreeMap<&str, Value> = allowed
        .iter()
        .map(|name| (name.as_str(), property(kind, name)))
        .collect();
    let mut schema = json!({
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": false,
    });
    let alternatives = alternatives(kind).iter();
    if alternatives.len() > 0 {
        schema["oneOf"] = alternatives
            .map(|field| json!({ "required": [field] }))
            .collect();
    }
    schema
}

/// The fields that the decoder lists when it rejects an unknown one.
fn allowed_fields(kind: Kind) -> Vec<String> {
    let body = json!({ "type": kind.as_str(), "?": 1 }).to_string();
    let rejection = Command::from_json(body.as_bytes()).expect_err("an unknown field");
    assert_eq!(rejection.code, RejectionCode::UnknownField, "{rejection}");
    let (_, list) = rejection
        .message
        .split_once("allowed are ")
        .expect("a list");
    list.split(", ")
        .map(|name| name.trim_matches('`').to_owned())
        .collect()
}

/// The fields that the decoder misses one after the other, without the alternatives.
fn required_fields(kind: Kind) -> BTreeSet<String> {
    let mut body = json!({ "type": kind.as_str() });
    let mut required = BTreeSet::from(["type".to_owned()]);
    loop {
        let Err(rejection) = Command::from_json(body.to_string().as_bytes()) else {
            return required;
        };
        assert_eq!(
            rejection.code,
            RejectionCode::MissingField,
            "{kind:?}: {rejection}"
        );
        let field = rejection.field.expect("a field");
        body[field.as_str()] = sample(kind, &field);
        if !alternatives(kind).contains(&field.as_str()) {
            required.insert(field);
        }
    }
}

/// A value that the decoder accepts.
fn sample(kind: Kind, field: &str) -> Value {
    match (kind, field) {
        (Kind::Grant, "reason") => "registration_bonus".into(),
        (_, "status") => "active".into(),
        (_, "amount" | "credits" | "quantity") => 1.into(),
        _ => "x".into(),
    }
}

/// The schema of a field.
fn property(kind: Kind, field: &str) -> Value {
    let integer = |most: i64| json!({ "type": "integer", "minimum": 1, "maximum": most });
    match (kind, field) {
        (_, "type") => json!({ "const": kind.as_str() }),
        (Kind::Grant, "reason") => {
            json!({ "type": "string", "enum": ["registration_bonus", "promotion"] })
        }
        (_, "amount" | "credits" | "quantity") => integer(MAX_AMOUNT),
        (_, "validityDays") => integer(MAX_VALIDITY_DAYS),
        (_, "expiresInSeconds") => integer(MAX_HOLD_SECONDS),
        (_, "occurredAt" | "expiresAt" | "anchor" | "paidThrough") => {
            json!({ "type": "string", "format": "date-time" })
        }
        (_, "description") => json!({ "type": "string", "maxLength": MAX_DESCRIPTION_BYTES }),
        (_, "metadata") => json!({ "type": "object" }),
        (_, "final") => json!({ "type": "boolean" }),
        (_, "overrun") => names(Overrun::VARIANTS.iter().map(|one| one.as_str())),
        (_, "late") => names(Late::VARIANTS.iter().map(|one| one.as_str())),
        (Kind::Subscription, "status") => {
            names(SubscriptionStatus::VARIANTS.iter().map(|one| one.as_str()))
        }
        (_, "currency") => json!({ "type": "string", "pattern": "^[A-Z]{3}$" }),
        (_, "amountPaid" | "amountRefunded" | "share") => {
            json!({ "type": "string", "pattern": "^[0-9]+(\\.[0-9]{1,6})?$" })
        }
        _ => id(),
    }
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> Value {
    json!({ "type": "string", "enum": names.collect::<Vec<_>>() })
}
