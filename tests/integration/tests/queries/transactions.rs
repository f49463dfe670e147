//! The query for transactions, page by page.

use std::ops::Range;

use chrono::TimeDelta;
use ledger::Command;
use producer_sdk::{Query, contract::TransactionsResult};
use serde_json::json;
use testkit::ledger::{buy_credits, consume, register};

use super::fixture::{Fixture, On, code, rejected_field};

/// The credits of the purchase, which is the first transaction.
const FUNDS: i64 = 1_000_000;

fn reference(n: usize) -> String {
    format!("t-{n:05}")
}

/// Commands: a purchase first, then consumptions. Every tenth command is refused.
fn commands(range: Range<usize>) -> Vec<Command> {
    range
        .map(|n| match n {
            0 => buy_credits(&reference(n), "ada", FUNDS),
            _ if n % 10 == 3 => consume(&reference(n), "ada", FUNDS * 10),
            _ => consume(&reference(n), "ada", 1),
        })
        .collect()
}

fn newest_first(range: Range<usize>) -> Vec<String> {
    range.rev().map(reference).collect()
}

fn references(page: &TransactionsResult) -> Vec<String> {
    page.items
        .iter()
        .map(|item| item.reference_id.clone())
        .collect()
}

/// The pages after `first`, up to the oldest one.
async fn rest(fixture: &Fixture, first: &TransactionsResult, size: u32) -> Vec<TransactionsResult> {
    let mut pages = Vec::new();
    let mut next = first.next_cursor.clone();
    while let Some(cursor) = next.take() {
        let page = fixture
            .client
            .transactions_after("ada", &cursor, size)
            .await;
        let page = page.expect("a page");
        next.clone_from(&page.next_cursor);
        pages.push(page);
    }
    pages
}

/// Conformance: Queries and Redis: The `transactions` query returns numbered pages with `total` and
/// `pageCount`, up to 10,000 rows
/// Conformance: Queries and Redis: A page of `transactions` has 10 rows by default and at most 100
pub async fn pages_by_number_have_the_total_and_end_with_the_oldest(on: On) {
    let fixture = Fixture::new(on, "").await;
    fixture.ledger.settle(&commands(0..25)).await;
    fixture.ledger.one(register("r", "bob")).await;
    let unsaid = Query::Transactions {
        user_id: "ada".to_owned(),
        page_index: None,
        page_size: None,
        cursor: None,
    };
    let first: TransactionsResult = fixture.query(&unsaid).await;
    assert_eq!(first.user_id, "ada");
    assert_eq!((first.page_index, first.page_size), (Some(0), 10));
    assert_eq!(
        (first.total, first.total_is_capped, first.page_count),
        (25, false, 3)
    );
    assert_eq!(references(&first), newest_first(15..25));
    assert!(first.next_cursor.is_some());

    for (index, size, rows, pages) in [
        (0, 100, 0..25, 1),
        (1, 10, 5..15, 3),
        (2, 10, 0..5, 3),
        (3, 10, 0..0, 3),
        (4, 5, 0..5, 5),
        (24, 1, 0..1, 25),
        (99, 100, 0..0, 1),
    ] {
        let page = fixture.client.transactions("ada", index, size).await;
        let page = page.expect("a page");
        assert_eq!(
            references(&page),
            newest_first(rows),
            "page {index} of {size}"
        );
        assert_eq!((page.page_index, page.page_size), (Some(index), size));
        assert_eq!(
            (page.total, page.page_count),
            (25, pages),
            "page {index} of {size}"
        );
        assert_eq!(
            page.next_cursor.is_some(),
            index == 1,
            "page {index} of {size} is followed"
        );
    }
    fixture.end().await;
}

pub async fn a_history_has_refusals_and_the_batches_of_each_transaction(on: On) {
    let fixture = Fixture::new(on, "").await;
    fixture.ledger.settle(&commands(0..5)).await;
    let page = fixture
        .client
        .transactions("ada", 0, 10)
        .await
        .expect("a page");
    let actual: Vec<_> = page
        .items
        .iter()
        .map(|item| {
            (
                item.kind.as_str(),
                item.status.as_str(),
                item.amount,
                item.balance_after,
            )
        })
        .collect();
    let expected = [
        ("consumption", "COMPLETED", -1, Some(FUNDS - 3)),
        ("consumption", "FAILED", 0, Some(FUNDS - 2)),
        ("consumption", "COMPLETED", -1, Some(FUNDS - 2)),
        ("consumption", "COMPLETED", -1, Some(FUNDS - 1)),
        ("purchase", "COMPLETED", FUNDS, Some(FUNDS)),
    ];
    assert_eq!(actual, expected);

    let (newest, refused, bought) = (&page.items[0], &page.items[1], &page.items[4]);
    assert_eq!(newest.error_code, None);
    assert_eq!(newest.origin, "usage");
    assert_eq!(
        (
            newest.debit_account.as_deref(),
            newest.credit_account.as_deref()
        ),
        (Some("WALLET:ada"), Some("SERVICE:google:chat"))
    );
    assert_eq!(
        (
            newest.allocations[0].amount,
            newest.allocations[0].batch_remaining
        ),
        (-1, FUNDS - 3)
    );
    assert_eq!(refused.error_code.as_deref(), Some("insufficient_credits"));
    assert!(refused.allocations.is_empty() && refused.debit_account.is_none());
    let detail = refused.detail.as_ref().expect("the request");
    assert_eq!(
        (&detail["required"], &detail["available"]),
        (&json!(FUNDS * 10), &json!(FUNDS - 2))
    );
    assert_eq!(bought.origin, "funding");
    assert_eq!(
        (
            bought.debit_account.as_deref(),
            bought.credit_account.as_deref()
        ),
        (Some("PAYMENT:t-00000"), Some("WALLET:ada"))
    );
    assert_eq!(bought.purchase_id.as_deref(), Some("t-00000"));
    assert_eq!(
        bought.allocations[0].batch_id,
        newest.allocations[0].batch_id
    );
    fixture.end().await;
}

/// Conformance: Queries and Redis: The `transactions` query supports paging by `cursor`
pub async fn a_cursor_visits_each_row_once_while_new_rows_arrive(on: On) {
    let mut fixture = Fixture::new(on, "").await;
    fixture.ledger.settle(&commands(0..25)).await;
    let first = fixture
        .client
        .transactions("ada", 0, 7)
        .await
        .expect("a page");
    fixture.ledger.now += TimeDelta::seconds(1);
    fixture.ledger.settle(&commands(25..30)).await;
    let mut actual = references(&first);
    for page in rest(&fixture, &first, 7).await {
        assert_eq!((page.page_index, page.page_size), (None, 7));
        assert_eq!((page.total, page.page_count), (30, 5));
        actual.extend(references(&page));
    }
    assert_eq!(actual, newest_first(0..25));
    let newest = fixture
        .client
        .transactions("ada", 0, 7)
        .await
        .expect("a page");
    assert_eq!(references(&newest), newest_first(23..30));
    fixture.end().await;
}

pub async fn a_cursor_does_not_show_the_history_of_another_user(on: On) {
    let mut fixture = Fixture::new(on, "").await;
    fixture.ledger.one(register("r", "bob")).await;
    fixture.ledger.now += TimeDelta::seconds(1);
    fixture.ledger.settle(&commands(0..25)).await;
    let page = fixture
        .client
        .transactions("ada", 0, 10)
        .await
        .expect("a page");
    let cursor = page.next_cursor.expect("another page");
    let page = fixture.client.transactions_after("bob", &cursor, 10).await;
    let page = page.expect("a page");
    assert_eq!((references(&page), page.total), (vec!["r".to_owned()], 1));
    assert_eq!(
        code(fixture.client.transactions_after("eve", &cursor, 10).await),
        "wallet_not_found"
    );
    fixture.end().await;
}

/// Conformance: Queries and Redis: The `transactions` query supports paging by `cursor`
pub async fn a_cursor_that_is_not_from_a_page_is_invalid(on: On) {
    let fixture = Fixture::new(on, "").await;
    fixture.ledger.one(register("r", "ada")).await;
    for cursor in [
        "7",
        "_",
        "2026-11-22T10:00:00.000000+00:00",
        "2026-11-22T10:00:00.000000+00:00_7",
        "2026-11-22_00000000-0000-0000-0000-000000000007",
        "00000000-0000-0000-0000-000000000007_2026-11-22T10:00:00.000000+00:00",
    ] {
        let answer = fixture.client.transactions_after("ada", cursor, 10).await;
        assert_eq!(code(answer), "invalid_cursor", "{cursor}");
    }
    fixture.end().await;
}

/// Conformance: Queries and Redis: The `transactions` query returns numbered pages with `total` and
/// `pageCount`, up to 10,000 rows
pub async fn a_long_history_is_counted_to_ten_thousand_and_read_to_the_end_by_cursor(on: On) {
    let mut fixture = Fixture::new(on, "").await;
    let all = commands(0..10_050);
    for group in all[..10_000].chunks(1000) {
        fixture.ledger.settle(group).await;
        fixture.ledger.now += TimeDelta::seconds(1);
    }
    let exact = fixture
        .client
        .transactions("ada", 0, 100)
        .await
        .expect("a page");
    assert_eq!(
        (exact.total, exact.total_is_capped, exact.page_count),
        (10_000, false, 100)
    );
    fixture.ledger.settle(&all[10_000..]).await;

    let first = fixture
        .client
        .transactions("ada", 0, 100)
        .await
        .expect("a page");
    assert_eq!(
        (first.total, first.total_is_capped, first.page_count),
        (10_000, true, 100)
    );
    let last = fixture
        .client
        .transactions("ada", 99, 100)
        .await
        .expect("a page");
    assert_eq!(references(&last), newest_first(50..150));
    assert_eq!(
        rejected_field(fixture.client.transactions("ada", 100, 100).await),
        "pageIndex"
    );
    let beyond = rest(&fixture, &last, 100).await;
    assert_eq!(beyond.len(), 1);
    assert_eq!(references(&beyond[0]), newest_first(0..50));
    assert_eq!((beyond[0].total, beyond[0].total_is_capped), (10_000, true));

    let mut actual = references(&first);
    for page in rest(&fixture, &first, 100).await {
        actual.extend(references(&page));
    }
    let expected = newest_first(0..10_050);
    let differs = actual
        .iter()
        .zip(&expected)
        .find(|(actual, expected)| actual != expected);
    assert_eq!(differs, None);
    assert_eq!(actual.len(), expected.len());
    fixture.end().await;
}
