//! The query for a quote.

use chrono::TimeDelta;
use ledger::SubscriptionStatus::Active;
use producer_sdk::Command;
use testkit::ledger::{promote, subscribe};

use super::guard::{PRICES, available, core, hold, with_credits};
use crate::queries::fixture::{Fixture, On, ago, rejected_field};

pub async fn a_quote_names_the_cost_and_the_batches_and_reserves_nothing(on: On) {
    let fixture = with_credits(on).await;
    let client = &fixture.client;
    fixture.ledger.one(promote("soon", "ada", 5, Some(7))).await;
    let quote = client
        .quote("ada", "llm:tokens", 123)
        .await
        .expect("a quote");
    assert_eq!(
        (quote.credits, quote.allowed, quote.available),
        (Some(13), true, 105)
    );
    assert_eq!((quote.quantity, quote.error), (Some(123), None));
    let used: Vec<_> = quote
        .batches
        .iter()
        .map(|batch| (batch.amount, batch.expires_at.is_some()))
        .collect();
    assert_eq!(used, [(5, true), (8, false)]);
    let batches = client.batches("ada").await.expect("batches").items;
    let ids: Vec<_> = quote.batches.iter().map(|batch| batch.batch_id).collect();
    assert_eq!(ids, [Some(batches[0].id), Some(batches[1].id)]);
    assert_eq!(available(client).await, (105, 0, 105));

    let spent = client
        .send(&Command::consume("c", "ada", "llm:tokens").quantity(123))
        .await;
    let spent = spent.expect("an outcome");
    let taken: Vec<_> = spent
        .allocations
        .iter()
        .map(|one| (Some(one.batch_id), -one.amount))
        .collect();
    let quoted = quote
        .batches
        .iter()
        .map(|batch| (batch.batch_id, batch.amount));
    assert_eq!(taken, quoted.collect::<Vec<_>>(), "as it was quoted");
    fixture.end().await;
}

pub async fn a_quote_has_the_refusal_of_the_command(on: On) {
    let fixture = with_credits(on).await;
    let client = &fixture.client;
    let _held = hold(client, "call", 400).await;
    let quote = client
        .quote_amount("ada", "other", 61)
        .await
        .expect("a quote");
    assert_eq!((quote.credits, quote.quantity), (Some(61), None));
    assert_eq!(
        (quote.allowed, quote.available, quote.batches.len()),
        (false, 60, 0)
    );
    let error = quote.error.expect("a refusal");
    assert_eq!(
        (error.code.as_str(), error.required, error.available),
        ("insufficient_credits", Some(61), Some(60))
    );
    for (user, service, code) in [
        ("ada", "misspelt", "unknown_service"),
        ("bob", "llm:tokens", "wallet_not_found"),
    ] {
        let quote = client.quote(user, service, 1).await.expect("a quote");
        assert_eq!(quote.error.expect("a refusal").code, code);
    }
    let rejected = client.quote_amount("ada", "other", 0).await;
    assert_eq!(rejected_field(rejected), "amount");
    fixture.end().await;
}

pub async fn a_quote_counts_periods_that_are_due_and_holds_that_have_ended(on: On) {
    let mut fixture = Fixture::new(on, PRICES).await;
    let began = ago(TimeDelta::days(40));
    fixture.ledger.now = began;
    let plan = subscribe("s", "ada", "sub-ada", "pro", Active, began);
    fixture.ledger.one(plan).await;
    let ended = Command::hold("ended", "ada", "other").amount(30);
    fixture.ledger.one(core(ended)).await;
    let client = &fixture.client;
    // The first month has expired, and the second is due.
    let quote = client
        .quote_amount("ada", "other", 150)
        .await
        .expect("a quote");
    assert_eq!((quote.allowed, quote.available), (true, 200));
    assert_eq!(
        quote.batches[0].batch_id, None,
        "the batch does not exist yet"
    );
    fixture.end().await;
}
