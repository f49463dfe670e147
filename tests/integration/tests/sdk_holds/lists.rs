//! The query for holds, and the balance while there are holds.

use chrono::TimeDelta;
use producer_sdk::{Command, Usage};
use serde_json::json;
use testkit::ledger::promote;

use super::guard::{PRICES, available, core, hold, with_credits};
use crate::queries::fixture::{Fixture, On, ago, code};

pub async fn holds_are_listed_until_they_end_and_all_of_them_on_request(on: On) {
    let fixture = with_credits(on).await;
    let client = &fixture.client;
    assert_eq!(code(client.holds("bob").await), "wallet_not_found");
    let mut first = hold(client, "first", 400).await;
    let short = Command::hold("second", "ada", "other")
        .amount(7)
        .expires_in_seconds(300);
    let second = client.hold(&short).await.expect("an outcome");
    let mut second = second.into_result().expect("held");
    first
        .capture_step(Usage::Amount(4))
        .await
        .expect("an outcome");

    let open = client.holds("ada").await.expect("holds").items;
    let names: Vec<&str> = open.iter().map(|hold| hold.reference_id.as_str()).collect();
    assert_eq!(names, ["second", "first"], "the first to end first");
    let of_first = serde_json::to_value(&open[1]).expect("JSON");
    assert_eq!(
        of_first,
        json!({
            "referenceId": "first", "origin": "usage", "status": "OPEN", "lapsed": false,
            "service": "llm:tokens", "amount": 40, "held": 36, "captured": 4,
            "expiresAt": open[1].expires_at, "createdAt": open[1].created_at,
            "transactionId": first.outcome().transactions[0].id,
        })
    );
    first.capture(Usage::Rest).await.expect("an outcome");
    second.release().await.expect("an outcome");
    assert_eq!(client.holds("ada").await.expect("holds").items, []);
    let all = client.all_holds("ada").await.expect("holds").items;
    let mut states: Vec<_> = all
        .iter()
        .map(|hold| (hold.reference_id.as_str(), hold.status.as_str(), hold.held))
        .collect();
    states.sort_unstable();
    assert_eq!(
        states,
        [("first", "CAPTURED", 0), ("second", "RELEASED", 0)]
    );
    fixture.end().await;
}

pub async fn a_hold_that_has_ended_counts_as_available_before_it_is_closed(on: On) {
    let mut fixture = Fixture::new(on, PRICES).await;
    // It was made two hours ago for one hour, and no command has come since.
    fixture.ledger.now = ago(TimeDelta::hours(2));
    fixture.ledger.one(promote("p", "ada", 100, None)).await;
    let ended = Command::hold("ended", "ada", "other")
        .amount(30)
        .expires_in_seconds(3600);
    fixture.ledger.one(core(ended)).await;
    let client = &fixture.client;
    assert_eq!(available(client).await, (100, 0, 100));
    assert_eq!(client.holds("ada").await.expect("holds").items, []);
    let all = client.all_holds("ada").await.expect("holds").items;
    assert_eq!(
        (all[0].status.as_str(), all[0].lapsed, all[0].held),
        ("OPEN", true, 0)
    );
    fixture.end().await;
}
