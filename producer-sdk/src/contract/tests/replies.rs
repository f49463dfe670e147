//! The encoding of replies.

use super::{at, rejection};
use crate::contract::*;

#[test]
fn replies_are_read_as_they_were_written() {
    let outcome = Outcome {
        reference_id: "r".to_owned(),
        kind: "consume".to_owned(),
        user_id: "u".to_owned(),
        status: Status::Failed,
        replayed: false,
        amount: Some(0),
        balance: Some(3),
        available: None,
        transactions: Vec::new(),
        allocations: Vec::new(),
        granted: None,
        clipped: None,
        over_cap: None,
        held: None,
        hold_expires_at: None,
        uncaptured: None,
        revoked: None,
        taken: None,
        indebted: None,
        restored: None,
        cancelled: None,
        forgiven: None,
        repaid: None,
        debt: None,
        default_price: Some(true),
        skipped: None,
        stale: None,
        error: Some(OutcomeError {
            code: "insufficient_credits".to_owned(),
            message: "5 needed, 3 there".to_owned(),
            required: Some(5),
            available: Some(3),
            first_reference_id: Some("evt_1".to_owned()),
            first_transaction_id: Some(uuid::Uuid::from_u128(7)),
        }),
    };
    let balance = BalanceResult {
        user_id: "u".to_owned(),
        available_credits: 1,
        balance: 2,
        held: 0,
        holds_end_at: None,
        debt: 0,
        total_earned: 3,
        total_spent: 1,
        status: "ACTIVE".to_owned(),
        next_expiring_batch: Some(ExpiringBatch {
            amount: 1,
            expires_at: at("2026-11-22T10:00:00Z"),
        }),
        next_grant_info: None,
        version: 1,
    };
    for reply in [
        Reply::Outcome(outcome),
        Reply::Answer(Answer::ok("balance", &balance)),
        Reply::Answer(Answer::error("balance", "wallet_not_found", "no wallet")),
        Reply::Rejected(rejection("{}")),
    ] {
        assert_eq!(Reply::from_json(&reply.to_json()).expect("readable"), reply);
    }
    assert!(Reply::from_json(b"{}").is_err());
}

#[test]
fn a_rejected_reply_has_the_documented_shape_and_new_codes_can_be_read() {
    let reply = Reply::Rejected(rejection("{}"));
    let value: serde_json::Value = serde_json::from_slice(&reply.to_json()).expect("json");
    assert_eq!(value["status"], "rejected");
    assert_eq!(value["error"]["code"], "missing_field");
    assert_eq!(value["error"]["field"], "type");
    let newer = br#"{"status":"rejected","error":{"code":"too_new","message":"m"}}"#;
    let Ok(Reply::Rejected(rejection)) = Reply::from_json(newer) else {
        panic!("not read")
    };
    assert_eq!(rejection.code, RejectionCode::Unknown);
}
