//! Bodies: whatever arrives is taken as what it says and nothing else, or rejected with a reason.
//!
//! The first byte chooses the door, the rest is the body.

use producer_sdk::contract::{
    BUCKETS, BalanceResult, BatchesResult, CanPurchaseResult, Command, Door, JobRequest, MAX_BODY_BYTES,
    PackagesResult, PriceResult, Query, Rejection, RejectionCode, Reply, TransactionsResult, bucket,
};
use scrip::{dead::Letter, decode};
use serde_json::Value;

use super::headers::headers;

/// No message for people is longer.
const LONG: usize = 2_000;

/// Reads the body as everything that a body can be.
pub fn decode(data: &[u8]) {
    let (door, body) = data.split_first().unwrap_or((&0, &[]));
    command(body, Door::ALL[usize::from(*door) % Door::ALL.len()]);
    query(body);
    reply(body);
    if let Ok(request) = JobRequest::from_json(body) {
        let again = JobRequest::from_json(&request.to_json()).expect("a job request that was written");
        assert_eq!(again, request);
    }
    let letter = Letter::of(body.to_vec());
    assert_eq!(letter.body, body);
    serde_json::to_vec(&letter).expect("a letter can be shown");
    headers(body, *door);
}

fn command(body: &[u8], door: Door) {
    let taken = decode::decode(body, door);
    let read = match Command::from_json(body) {
        Ok(read) => read,
        Err(rejection) => {
            check_rejection(&rejection);
            assert_eq!(taken, Err(rejection), "the door changes nothing of it");
            return;
        }
    };
    assert!(body.len() <= MAX_BODY_BYTES);
    assert_eq!(taken.is_ok(), door == read.door(), "{read:?} by {door:?}");
    if let Err(rejection) = &taken {
        assert_eq!(rejection.code, RejectionCode::ForbiddenExchange);
        check_rejection(rejection);
    }
    read.check().expect("what was read can be sent");
    assert!(bucket(&read.user_id) < BUCKETS);
    let written = read.to_json();
    assert_eq!(Command::from_json(&written).as_ref(), Ok(&read));
    let command = decode::decode(body, read.door()).expect("its own door");
    let again = decode::decode(&written, read.door()).expect("its own door");
    assert_eq!(command, again);
    assert_eq!(command.fingerprint(), again.fingerprint());
    assert_eq!(command.kind(), read.kind().as_str());
    assert_eq!(command.origin.as_str(), read.door().as_str());
}

/// It says which field is wrong and why, short, in characters that can be shown, and can be sent as a reply.
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
            query.check().expect("what was read can be sent");
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
    // Reading a fraction may be off by the last bit; none of our results has one.
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
