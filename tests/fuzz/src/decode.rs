//! The fuzz target for message bodies: a body is either decoded without any change of its meaning,
//! or rejected with a reason.
//!
//! The first byte selects the origin, and the rest is the body.

use producer_sdk::contract::{
    BUCKETS, BalanceResult, BatchesResult, CanPurchaseResult, Command, JobRequest, MAX_BODY_BYTES,
    Origin, PackagesResult, PriceResult, Query, Rejection, RejectionCode, Reply,
    TransactionsResult, bucket,
};
use scrip::{dead_letters::DeadLetter, decode};
use serde_json::Value;
use strum::VariantArray;

use super::headers::headers;

/// The limit for the length of a rejection's message, in bytes.
const LONG: usize = 2_000;

/// Decodes the body as every type of message.
pub fn decode(data: &[u8]) {
    let (origin, body) = data.split_first().unwrap_or((&0, &[]));
    command(
        body,
        Origin::VARIANTS[usize::from(*origin) % Origin::VARIANTS.len()],
    );
    query(body);
    reply(body);
    if let Ok(request) = JobRequest::from_json(body) {
        let again =
            JobRequest::from_json(&request.to_json()).expect("a job request that was written");
        assert_eq!(again, request);
    }
    let letter = DeadLetter::from_body(body.to_vec());
    assert_eq!(letter.body, body);
    serde_json::to_vec(&letter).expect("a dead letter can be serialized");
    headers(body, *origin);
}

fn command(body: &[u8], origin: Origin) {
    let decoded = decode::decode(body, origin);
    let read = match Command::from_json(body) {
        Ok(read) => read,
        Err(rejection) => {
            check_rejection(&rejection);
            assert_eq!(
                decoded,
                Err(rejection),
                "the rejection does not depend on the origin"
            );
            return;
        }
    };
    assert!(body.len() <= MAX_BODY_BYTES);
    assert_eq!(
        decoded.is_ok(),
        read.origins().contains(&origin),
        "{read:?} by {origin:?}"
    );
    if let Err(rejection) = &decoded {
        assert_eq!(rejection.code, RejectionCode::ForbiddenExchange);
        check_rejection(rejection);
    }
    read.check().expect("a decoded command can be sent");
    assert!(bucket(&read.user_id) < BUCKETS);
    let written = read.to_json();
    assert_eq!(Command::from_json(&written).as_ref(), Ok(&read));
    let command = decode::decode(body, read.origin()).expect("its own origin");
    let again = decode::decode(&written, read.origin()).expect("its own origin");
    assert_eq!(command, again);
    assert_eq!(command.fingerprint(), again.fingerprint());
    assert_eq!(command.kind(), read.kind().as_str());
    assert_eq!(command.origin.as_str(), read.origin().as_str());
}

/// Panics unless the rejection names the wrong field, its message is short and printable, and it
/// can be sent as a reply.
fn check_rejection(rejection: &Rejection) {
    use RejectionCode::{NotAnObject, NotJson, TooDeep, TooLarge, Unknown};
    let of_body = matches!(rejection.code, NotAnObject | NotJson | TooDeep | TooLarge);
    assert_ne!(rejection.code, Unknown);
    assert!(of_body || rejection.field.is_some(), "{rejection:?}");
    let message = &rejection.message;
    assert!(!message.is_empty() && message.len() < LONG, "{rejection:?}");
    assert!(!message.contains(char::is_control), "{rejection:?}");
    if let Some(field) = &rejection.field {
        assert!(message.contains(field.as_str()), "{rejection:?}");
    }
    let reply = Reply::Rejected(rejection.clone());
    assert_eq!(Reply::from_json(&reply.to_json()).expect("a reply"), reply);
}

fn query(body: &[u8]) {
    match Query::from_json(body) {
        Ok(query) => {
            query.check().expect("a decoded query can be sent");
            assert_eq!(Query::from_json(&query.to_json()), Ok(query));
        }
        Err(rejection) => check_rejection(&rejection),
    }
}

fn reply(body: &[u8]) {
    let Ok(reply) = Reply::from_json(body) else {
        return;
    };
    let again = Reply::from_json(&reply.to_json()).expect("a reply that was written");
    let Reply::Answer(answer) = &reply else {
        assert_eq!(again, reply);
        return;
    };
    let Ok(result) = &answer.result else {
        assert_eq!(again, reply);
        return;
    };
    // The last bit of a decoded fraction may differ. No result of a query has a fraction.
    if !has_fraction(result) {
        assert_eq!(again, reply);
    }
    let _ = serde_json::from_value::<BalanceResult>(result.clone());
    let _ = serde_json::from_value::<BatchesResult>(result.clone());
    let _ = serde_json::from_value::<CanPurchaseResult>(result.clone());
    let _ = serde_json::from_value::<PackagesResult>(result.clone());
    let _ = serde_json::from_value::<PriceResult>(result.clone());
    let _ = serde_json::from_value::<TransactionsResult>(result.clone());
}

fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_fraction),
        Value::Object(fields) => fields.values().any(has_fraction),
        _ => false,
    }
}
