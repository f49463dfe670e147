//! The schemas of values that several commands, queries and parameters have.
//!
//! A schema may allow more than the decoder where JSON Schema cannot express its rule: it counts
//! characters and not bytes, and knows no Unicode classes. The pages of the reference have these
//! rules.

use producer_sdk::contract::{
    MAX_AMOUNT, MAX_DESCRIPTION_BYTES, MAX_HOLD_SECONDS, MAX_ID_BYTES, MAX_METADATA_VALUES,
    MAX_VALIDITY_DAYS,
};
use serde_json::{Value, json};

/// A new id: control characters are forbidden, spaces only at both ends.
const ID: &str =
    r"^[^\x00-\x20\x7f-\xa0\xad]([^\x00-\x1f\x7f-\xa0\xad]*[^\x00-\x20\x7f-\xa0\xad])?$";
/// An id that may be older than the rule of new ones.
const KNOWN_ID: &str =
    r"^[^\x00-\x20\x7f-\xa0\xad]([^\x00-\x1f\x7f-\x9f\xad]*[^\x00-\x20\x7f-\xa0\xad])?$";
/// A text without U+0000.
const NO_NUL: &str = r"^[^\x00]*$";
/// The years 1970 to 2999.
const YEARS: &str = "^(19[7-9][0-9]|2[0-9]{3})-";
/// At most 6 decimals, and at most 10^12.
const MONEY: &str = r"^([0-9]{1,12}(\.[0-9]{1,6})?|1000000000000(\.0{1,6})?)$";
/// Above 0, and at most 1.
const SHARE: &str = concat!(
    r"^(1(\.0{1,6})?|0\.([1-9][0-9]{0,5}|0[1-9][0-9]{0,4}|00[1-9][0-9]{0,3}",
    r"|000[1-9][0-9]{0,2}|0000[1-9][0-9]?|00000[1-9]))$"
);
/// The maximum length of a cursor.
const MAX_CURSOR: usize = 200;

pub fn id() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": MAX_ID_BYTES, "pattern": ID })
}

/// An id in a query.
pub fn known_id() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": MAX_ID_BYTES, "pattern": KNOWN_ID })
}

pub fn cursor() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": MAX_CURSOR })
}

/// The trace context of the caller.
pub fn traceparent() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" })
}

pub fn integer(most: i64) -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": most })
}

pub fn instant() -> Value {
    json!({ "type": "string", "format": "date-time", "pattern": YEARS })
}

/// The schema of a field whose name has the same meaning in every command. `None`: an id.
pub fn common(field: &str) -> Option<Value> {
    let decimal = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    Some(match field {
        "amount" | "credits" | "quantity" => integer(MAX_AMOUNT),
        "validityDays" => integer(MAX_VALIDITY_DAYS),
        "expiresInSeconds" => integer(MAX_HOLD_SECONDS),
        "occurredAt" | "expiresAt" | "anchor" | "paidThrough" => instant(),
        "description" => json!({
            "type": "string", "maxLength": MAX_DESCRIPTION_BYTES, "pattern": NO_NUL,
        }),
        "metadata" => json!({ "type": "object", "maxProperties": MAX_METADATA_VALUES }),
        "final" => json!({ "type": "boolean" }),
        "currency" => decimal("^[A-Z]{3}$"),
        "amountPaid" | "amountRefunded" => decimal(MONEY),
        "share" => decimal(SHARE),
        _ => return None,
    })
}

/// A value of a field that the decoder accepts.
pub fn sample(field: &str) -> Value {
    match field {
        "amount" | "credits" | "quantity" | "validityDays" | "expiresInSeconds" | "pageIndex"
        | "pageSize" => json!(1),
        "occurredAt" | "expiresAt" | "anchor" | "paidThrough" => json!("2026-11-22T10:00:00Z"),
        "metadata" => json!({}),
        "final" | "all" => json!(true),
        "overrun" => json!("spend"),
        "late" => json!("reject"),
        "status" => json!("active"),
        "currency" => json!("USD"),
        "amountPaid" | "amountRefunded" | "share" => json!("1"),
        _ => json!("x"),
    }
}
