//! The query for batches.

use chrono::TimeDelta;
use ledger::SubscriptionStatus::Canceled;
use producer_sdk::{Query, contract::BatchesResult};
use testkit::ledger::{buy_package, consume, expire, promote, subscribe};

use super::fixture::{Fixture, On, ago};

fn all(user: &str) -> Query {
    Query::Batches {
        user_id: user.to_owned(),
        all: true,
    }
}

/// Conformance: Queries and Redis: The `batches` query returns the batches of a user
pub async fn open_batches_are_in_the_order_of_spending_and_closed_ones_are_optional(on: On) {
    let mut fixture = Fixture::new(on, "").await;
    let start = ago(TimeDelta::hours(49));
    fixture.ledger.now = start;
    let commands = [
        promote("spent", "ada", 5, Some(1)),
        promote("expired", "ada", 7, Some(1)),
        promote("lapsed", "ada", 9, Some(2)),
        promote("stays", "ada", 3, None),
        buy_package("bought", "ada", "lite"),
        consume("c", "ada", 6),
    ];
    fixture.ledger.settle(&commands).await;
    let now = ago(TimeDelta::zero());
    fixture.ledger.now = now;
    fixture.ledger.one(expire("ada", now)).await;

    let open = fixture.client.batches("ada").await.expect("batches");
    assert_eq!(open.user_id, "ada");
    let actual: Vec<_> = open
        .items
        .iter()
        .map(|batch| {
            (
                batch.source_type.as_str(),
                batch.amount,
                batch.remaining,
                batch.lapsed,
            )
        })
        .collect();
    let expected = [
        ("BONUS", 9, 9, true),
        ("BONUS", 10, 10, false),
        ("PURCHASE", 100, 100, false),
        ("BONUS", 3, 3, false),
    ];
    assert_eq!(actual, expected);
    assert!(open.items.iter().all(|batch| batch.status == "ACTIVE"));
    let (bought, stays) = (&open.items[2], &open.items[3]);
    assert_eq!(bought.source_plan.as_deref(), Some("lite"));
    assert_eq!(
        (bought.paid_micros, bought.currency.as_deref()),
        (Some(9_990_000), Some("USD"))
    );
    assert_eq!(
        (bought.issued_at, bought.expires_at),
        (start, Some(start + TimeDelta::days(90)))
    );
    assert_eq!((stays.issued_at, stays.expires_at), (start, None));

    let every: BatchesResult = fixture.query(&all("ada")).await;
    assert_eq!(every.items[..4], open.items);
    let closed: Vec<_> = every.items[4..]
        .iter()
        .map(|batch| {
            (
                batch.status.as_str(),
                batch.amount,
                batch.remaining,
                batch.lapsed,
            )
        })
        .collect();
    assert_eq!(
        closed,
        [("CONSUMED", 5, 0, false), ("EXPIRED", 7, 0, false)]
    );
    fixture.end().await;
}

pub async fn a_wallet_that_never_had_credits_has_no_batches(on: On) {
    let fixture = Fixture::new(on, "").await;
    let canceled = subscribe("s", "ada", "sub-ada", "pro", Canceled, fixture.ledger.now);
    fixture.ledger.one(canceled).await;
    let expected = BatchesResult {
        user_id: "ada".to_owned(),
        items: Vec::new(),
    };
    assert_eq!(
        fixture.client.batches("ada").await.expect("batches"),
        expected
    );
    assert_eq!(fixture.query::<BatchesResult>(&all("ada")).await, expected);
    fixture.end().await;
}
