//! The schemas of commands. The decoder says which fields a command has and which it needs, so no
//! list is written twice.

use producer_sdk::contract::{Command, Kind, Late, MAX_UNITS, Origin, Overrun, SubscriptionStatus};
use serde_json::{Value, json};
use strum::VariantArray;

use super::{
    bodies::{self, Bodies},
    fields, id, names,
};

/// The reasons of a `grant` that others than the worker may send.
const REASONS: [&str; 2] = ["registration_bonus", "promotion"];
/// The subscriptions that the worker opens itself.
const FREE: &str = "^free:";

/// The name of the schema of a command.
pub fn name(kind: Kind) -> String {
    format!("Command.{}", kind.as_str())
}

/// The origins through which a command may be sent, the usual one first.
pub fn origins(kind: Kind) -> &'static [Origin] {
    let bodies = bodies(kind, None);
    let body = bodies.smallest(bodies.alternatives.first().copied());
    let body = Value::from(body).to_string();
    let command = Command::from_json(body.as_bytes()).expect("the smallest body");
    command.origins()
}

/// The schema of the bodies of a command.
pub fn schema(kind: Kind) -> Value {
    let forbidden = match kind {
        Kind::Grant => REASONS
            .iter()
            .flat_map(|reason| by_reason(reason))
            .collect(),
        _ => Vec::new(),
    };
    let widest = match kind {
        Kind::Grant => bodies(kind, Some("promotion")),
        _ => bodies(kind, None),
    };
    let required = bodies(kind, None).required();
    let mut schema = bodies::schema(&widest, forbidden, |field| property(kind, field));
    schema["required"] = json!(required);
    schema
}

/// The bodies of a `grant` that the decoder rejects because of its reason.
fn by_reason(reason: &str) -> Vec<Value> {
    let is_reason = || json!({ "reason": { "const": reason } });
    let (all, own) = (bodies(Kind::Grant, None), bodies(Kind::Grant, Some(reason)));
    let (allowed, required) = (own.allowed(), own.required());
    let mut forbidden = Vec::new();
    for field in all.allowed() {
        if !allowed.contains(&field) {
            forbidden.push(json!({ "properties": is_reason(), "required": ["reason", field] }));
        }
    }
    for field in required.difference(&all.required()) {
        let lacks = json!({ "required": [field] });
        forbidden.push(json!({ "properties": is_reason(), "required": ["reason"], "not": lacks }));
    }
    forbidden
}

/// The bodies of a command; those of a `grant` with this reason, if it is given.
fn bodies(kind: Kind, reason: Option<&str>) -> Bodies {
    let mut fixed = serde_json::Map::new();
    fixed.insert("type".to_owned(), kind.as_str().into());
    fixed.extend(reason.map(|reason| ("reason".to_owned(), reason.into())));
    Bodies {
        fixed,
        alternatives: match kind {
            Kind::Purchase => &["packageId", "priceId", "credits"],
            Kind::Revoke => &["of", "purchaseId"],
            _ => &[],
        },
        decode: |body| Command::from_json(body).map(drop),
        sample: match kind {
            Kind::Grant => |field| match field {
                "reason" => REASONS[0].into(),
                _ => fields::sample(field),
            },
            _ => fields::sample,
        },
    }
}

/// The schema of a field.
fn property(kind: Kind, field: &str) -> Value {
    match (kind, field) {
        (_, "type") => json!({ "const": kind.as_str() }),
        (Kind::Purchase | Kind::Subscription, "quantity") => fields::integer(MAX_UNITS),
        (Kind::Grant, "reason") => names(REASONS),
        (_, "overrun") => names(Overrun::VARIANTS.iter().map(|one| one.as_str())),
        (_, "late") => names(Late::VARIANTS.iter().map(|one| one.as_str())),
        (Kind::Subscription, "status") => {
            names(SubscriptionStatus::VARIANTS.iter().map(|one| one.as_str()))
        }
        (Kind::Subscription, "subscriptionId") => {
            let mut schema = id();
            schema["not"] = json!({ "pattern": FREE });
            schema
        }
        (Kind::Capture | Kind::Release, "hold") => super::known_id(),
        _ => fields::common(field).unwrap_or_else(id),
    }
}
