//! The encoding of commands and queries: what is written is read again.

use serde_json::json;

use super::at;
use crate::contract::*;

#[test]
fn every_command_is_read_as_it_was_written() {
    let commands = [
        Command::consume("req-1", "user_1", "google:chat"),
        Command::consume("req-2", "user_1", "google:chat")
            .amount(5)
            .description("two\nlines"),
        Command::consume("req-3", "Zoë 😀", "llm:tokens")
            .quantity(MAX_AMOUNT)
            .occurred_at(at("2026-11-22T10:00:00.123456789Z"))
            .metadata(&json!({"model": "m", "tags": ["a", 1, 2.5, null, {"deep": true}]})),
        Command::hold("h-1", "user_1", "llm:tokens"),
        Command::hold("h-2", "user_1", "llm:tokens")
            .quantity(4_000)
            .expires_in_seconds(MAX_HOLD_SECONDS),
        Command::hold("h-3", "user_1", "llm:tokens")
            .amount(MAX_AMOUNT)
            .expires_at(at("2026-11-22T10:15:00.123456789Z")),
        Command::capture("h-1:1", "user_1", "h-1"),
        Command::capture("h-2:1", "user_1", "h-2")
            .quantity(1_000)
            .is_final(false)
            .overrun(Overrun::Cap),
        Command::capture("h-2:2", "user_1", "h-2")
            .amount(3)
            .is_final(true)
            .overrun(Overrun::Reject)
            .late(Late::Reject),
        Command::release("h-2:release", "user_1", "h-2"),
        Command::refund("req-1:refund", "user_1", "req-1"),
        Command::refund("req-2:refund", "user_1", "req-2").amount(3),
        Command::registration_bonus("g-1", "user_1"),
        Command::promotion("g-2", "user_1", 50),
        Command::promotion("g-3", "user_1", 50)
            .amount(70)
            .validity_days(14),
        Command::purchase_package("pi_1", "user_1", "lite", "pi_1")
            .paid("9.990", "USD")
            .expect("paid"),
        Command::purchase_price("pi_2", "user_1", "price_1", "pi_2"),
        Command::purchase_credits("pi_3", "user_1", 100, "pi_3").validity_days(MAX_VALIDITY_DAYS),
        Command::purchase_package("pi_4:2", "user_1", "lite", "pi_4").purchase_line("2"),
        Command::subscription(
            "evt_1",
            "user_1",
            "sub_1",
            "pro",
            SubscriptionStatus::PastDue,
        ),
        Command::subscription(
            "evt_2",
            "user_1",
            "sub_1",
            "pro",
            SubscriptionStatus::Active,
        )
        .anchor(at("2026-01-31T09:00:00.123456789Z"))
        .paid_through(at("2026-02-28T09:00:00Z")),
        Command::revoke("dp_1", "user_1", "pi_1"),
        Command::revoke("v-1", "user_1", "g-2").amount(5),
        Command::revoke("v-2", "user_1", "g-2")
            .share("0.250")
            .expect("a share"),
        Command::revoke_purchase("re_1", "user_1", "pi_4")
            .purchase_line("2")
            .amount_refunded("2.50")
            .expect("an amount"),
        Command::reinstate("dp_1:won", "user_1", "dp_1"),
        Command::forgive("fg-1", "user_1", "ticket 4711", "ops:maria"),
        Command::forgive("fg-2", "user_1", "ticket 4711", "ops:maria").amount(22),
        Command::freeze("f-1", "user_1", "chargeback pi_1", "ops:maria"),
        Command::unfreeze("f-2", "user_1", "won", "ops:maria"),
        Command::monthly_grant("user_1", "sub_1", at("2026-01-31T09:00:00.123456Z")),
        Command::monthly_grant("user_1", "free:user_1", at("2026-02-28T09:00:00Z")),
        Command::expire("e-1", "user_1", at("2026-11-22T10:00:00Z")),
    ];
    for command in commands {
        let body = command.to_json();
        let read = Command::from_json(&body)
            .unwrap_or_else(|rejection| panic!("{command:?}: {rejection}"));
        assert_eq!(read, command);
        assert_eq!(read.to_json(), body);
    }
}

#[test]
fn bodies_are_camel_case_and_leave_out_what_is_absent() {
    let purchase = Command::purchase_package("pi_1", "user_123", "lite", "pi_1")
        .paid("9.99", "USD")
        .expect("paid");
    assert_eq!(
        String::from_utf8(purchase.clone().purchase_line("2").to_json()).expect("text"),
        r#"{"type":"purchase","referenceId":"pi_1","userId":"user_123","packageId":"lite","purchaseId":"pi_1","purchaseLine":"2","amountPaid":"9.99","currency":"USD"}"#
    );
    assert_eq!(
        String::from_utf8(purchase.to_json()).expect("text"),
        r#"{"type":"purchase","referenceId":"pi_1","userId":"user_123","packageId":"lite","purchaseId":"pi_1","amountPaid":"9.99","currency":"USD"}"#
    );
    assert_eq!(
        Query::balance("user_123").to_json(),
        br#"{"type":"balance","userId":"user_123"}"#
    );
}

#[test]
fn field_order_white_space_and_escapes_do_not_matter() {
    let body = br#" { "userId" : "u\u00e9" , "\u0074ype" : "consume" , "service":"s", "referenceId":"r" } "#;
    assert_eq!(
        Command::from_json(body).expect("a command"),
        Command::consume("r", "ué", "s")
    );
}

#[test]
fn instants_are_truncated_to_microseconds_in_utc() {
    let body = br#"{"type":"consume","referenceId":"r","userId":"u","service":"s","occurredAt":"2026-11-22T12:00:00.1234569+02:00"}"#;
    let command = Command::from_json(body).expect("a command");
    assert_eq!(command.occurred_at, Some(at("2026-11-22T10:00:00.123456Z")));
}
