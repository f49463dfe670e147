//! Invalid queries.

use std::time::Duration;

use producer_sdk::{
    Query,
    contract::{MAX_AMOUNT, TransactionsResult},
};
use serde_json::Value;
use testkit::ledger::register;

use super::fixture::{Fixture, On, rejected_field};

/// One per line: the code, the field, and the query. Pages by number reach 10,000 rows.
const REJECTED: &str = r#"
invalid_field pageSize {"type":"transactions","userId":"ada","pageSize":101}
invalid_field pageSize {"type":"transactions","userId":"ada","pageSize":0}
invalid_field pageIndex {"type":"transactions","userId":"ada","pageIndex":-1}
invalid_field pageIndex {"type":"transactions","userId":"ada","pageIndex":1000}
invalid_field pageIndex {"type":"transactions","userId":"ada","pageIndex":100,"pageSize":100}
invalid_field pageIndex {"type":"transactions","userId":"ada","pageIndex":142,"pageSize":70}
invalid_field pageIndex {"type":"transactions","userId":"ada","pageIndex":4294967295,"pageSize":100}
invalid_field pageIndex {"type":"transactions","userId":"ada","pageIndex":0,"cursor":"x"}
invalid_field cursor {"type":"transactions","userId":"ada","cursor":""}
missing_field userId {"type":"transactions"}
invalid_field userId {"type":"balance","userId":""}
unknown_field pageSize {"type":"balance","userId":"ada","pageSize":10}
invalid_field all {"type":"batches","userId":"ada","all":"yes"}
missing_field service {"type":"price"}
invalid_field quantity {"type":"price","service":"x","quantity":0}
invalid_field quantity {"type":"price","service":"x","quantity":null}
invalid_field quantity {"type":"price","service":"x","quantity":1000000000000001}
unknown_field userId {"type":"packages","userId":"ada"}
invalid_field priceId {"type":"canPurchase","userId":"ada","packageId":"lite","priceId":"x"}
unknown_type type {"type":"balances","userId":"ada"}
"#;

/// Conformance: Queries and Redis: A page of `transactions` has 10 rows by default and at most 100
pub async fn an_invalid_query_is_rejected_with_its_field_and_not_dead_lettered(on: On) {
    let fixture = Fixture::new(on, "").await;
    fixture.ledger.one(register("r", "ada")).await;
    for line in REJECTED.trim().lines() {
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().expect("three words");
        let (code, field, body) = (word(), word(), word());
        let body: Value = serde_json::from_str(body).expect("JSON");
        let reply = fixture.wire(&body).await;
        assert_eq!(reply["status"], "rejected", "{line}\n{reply}");
        let error = &reply["error"];
        assert_eq!(error["code"], code, "{line}\n{reply}");
        assert_eq!(error["field"], field, "{line}\n{reply}");
        let message = error["message"].as_str().expect("a message");
        assert!(message.contains(field), "{line}\n{reply}");
    }
    assert_eq!(
        fixture.dead_letters().await,
        0,
        "queries never become dead letters"
    );
    fixture.end().await;
}

pub async fn the_client_rejects_an_invalid_query_before_it_sends(on: On) {
    let mut fixture = Fixture::without_worker(on, "").await;
    let client = &fixture.client;
    assert_eq!(rejected_field(client.balance("").await), "userId");
    assert_eq!(
        rejected_field(client.transactions("ada", 0, 101).await),
        "pageSize"
    );
    assert_eq!(
        rejected_field(client.transactions("ada", 100, 100).await),
        "pageIndex"
    );
    for cursor in ["", &"x".repeat(201)] {
        let answer = client.transactions_after("ada", cursor, 10).await;
        assert_eq!(rejected_field(answer), "cursor");
    }
    assert_eq!(
        rejected_field(client.price("x", MAX_AMOUNT + 1).await),
        "quantity"
    );
    let both = Query::CanPurchase {
        user_id: "ada".to_owned(),
        package_id: Some("lite".to_owned()),
        price_id: Some("price_lite".to_owned()),
    };
    assert_eq!(
        rejected_field(client.query_within(&both, Duration::from_secs(1)).await),
        "priceId"
    );
    fixture.start().await;
    fixture.end().await;
}

/// Conformance: Queries and Redis: A page of `transactions` has 10 rows by default and at most 100
pub async fn a_query_at_the_limits_is_answered(on: On) {
    let fixture = Fixture::new(on, "").await;
    fixture.ledger.one(register("r", "ada")).await;
    for (page_index, page_size) in [
        (None, Some(100)),
        (Some(99), Some(100)),
        (Some(999), None),
        (Some(9_999), Some(1)),
    ] {
        let query = Query::Transactions {
            user_id: "ada".to_owned(),
            page_index,
            page_size,
            cursor: None,
        };
        let page: TransactionsResult = fixture.query(&query).await;
        assert_eq!(page.items.is_empty(), page_index.is_some());
        assert_eq!(page.page_index, Some(page_index.unwrap_or(0)));
        assert_eq!((page.page_size, page.total), (page_size.unwrap_or(10), 1));
    }
    fixture.end().await;
}
