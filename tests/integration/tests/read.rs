//! Reads of the ledger return its contents, on both databases.

use integration::book::{Book, at};
use ledger::Rules;
use scrip::read::{self, Cursor, PageRequest};
use serde_json::json;
use testkit::db::TestDatabase;

async fn each_with_sample() -> [TestDatabase; 2] {
    let databases = TestDatabase::each_migrated().await;
    for database in &databases {
        Book::sample().write(database.connection()).await;
    }
    databases
}

#[tokio::test]
async fn an_unknown_user_has_no_balance_no_batches_and_no_history() {
    for database in each_with_sample().await {
        let db = database.connection();
        assert_eq!(
            read::balance(db, "eve", &Rules::default(), at(0))
                .await
                .expect("reads"),
            None
        );
        assert_eq!(
            read::batches(db, "eve", true, at(0)).await.expect("reads"),
            []
        );
        let page = read::history(db, "eve", &PageRequest::default())
            .await
            .expect("reads");
        assert!(page.items.is_empty() && page.next.is_none());
    }
}

/// Conformance: Amounts, time and spending order: A batch is spendable at time `t` while `t <
/// expires_at`
/// Conformance: Amounts, time and spending order: Reported amounts, `insufficient_credits` and the
/// cap use the spendable amount, not `balance`
/// Conformance: Queries and Redis: The `balance` query returns the next expiry as
/// `nextExpiringBatch`
#[tokio::test]
async fn a_balance_excludes_credits_from_the_instant_of_expiry_on() {
    for database in each_with_sample().await {
        let db = database.connection();
        let before = read::balance(db, "ann", &Rules::default(), at(59))
            .await
            .expect("reads")
            .expect("is there");
        assert_eq!((before.balance, before.available_credits), (90, 90));
        let next = before.next_expiring_batch.expect("one expires");
        assert_eq!((next.amount, next.expires_at), (10, at(60)));
        let after = read::balance(db, "ann", &Rules::default(), at(60))
            .await
            .expect("reads")
            .expect("is there");
        assert_eq!((after.balance, after.available_credits), (90, 80));
        assert_eq!(after.next_expiring_batch, None);
    }
}

/// Conformance: Queries and Redis: The `balance` query returns the next expiry as
/// `nextExpiringBatch`
#[tokio::test]
async fn the_next_expiry_sums_all_batches_of_its_instant() {
    for database in TestDatabase::each_migrated().await {
        let mut book = Book::default();
        book.credit("ann", "purchase", 100, Some(60));
        let bonus = book.credit("ann", "bonus", 10, Some(60));
        book.debit("ann", "consumption", &[(bonus, 5)]);
        let reserved = book.credit("ann", "promotion", 7, Some(60));
        book.hold(reserved, 4);
        let held = book.credit("ann", "promotion", 9, Some(50));
        book.hold(held, 9);
        book.credit("ann", "promotion", 1_000, Some(61));
        book.credit("ann", "promotion", 2_000, None);
        book.credit("bob", "promotion", 4_000, Some(60));
        book.write(database.connection()).await;
        let balance = read::balance(database.connection(), "ann", &Rules::default(), at(0))
            .await
            .expect("reads")
            .expect("is there");
        let next = balance.next_expiring_batch.expect("some expire");
        // 100 of the purchase, 5 of the bonus, and 3 of 7 credits that are not held. All credits
        // that expire earlier are held.
        assert_eq!((next.amount, next.expires_at), (108, at(60)));
    }
}

#[tokio::test]
async fn held_credits_are_not_available_and_never_subtracted_twice() {
    for database in each_with_sample().await {
        let db = database.connection();
        let early = read::balance(db, "bob", &Rules::default(), at(100))
            .await
            .expect("reads")
            .expect("is there");
        assert_eq!(
            (early.balance, early.held, early.available_credits),
            (55, 5, 50)
        );
        let late = read::balance(db, "bob", &Rules::default(), at(600))
            .await
            .expect("reads")
            .expect("is there");
        assert_eq!(
            (late.balance, late.held, late.available_credits),
            (55, 5, 0)
        );
    }
}

/// Conformance: Queries and Redis: The `balance` query returns the balance or `wallet_not_found`;
/// invalid queries are rejected
#[tokio::test]
async fn a_balance_is_written_as_json_in_camel_case() {
    for database in each_with_sample().await {
        let balance = read::balance(database.connection(), "bob", &Rules::default(), at(450))
            .await
            .expect("reads");
        let expected = json!({
            "userId": "bob", "availableCredits": 40, "balance": 55, "held": 5, "debt": 0, "totalEarned": 105, "totalSpent": 0,
            "status": "FROZEN", "version": 6, "holdsEndAt": "2027-01-30T20:40:00.000001Z",
            "nextExpiringBatch": {"amount": 40, "expiresAt": "2026-11-22T20:00:00.000001Z"},
            "nextGrantInfo": {"amount": 200, "grantDate": "2026-12-22T10:00:00.000001Z", "planName": "pro"},
        });
        assert_eq!(serde_json::to_value(balance).expect("serialises"), expected);
    }
}

#[tokio::test]
async fn batches_come_in_the_order_of_spending_and_closed_ones_last() {
    for database in each_with_sample().await {
        let db = database.connection();
        let open = read::batches(db, "ann", false, at(60))
            .await
            .expect("reads");
        let actual: Vec<_> = open
            .iter()
            .map(|batch| (batch.remaining, batch.lapsed, batch.expires_at))
            .collect();
        assert_eq!(actual, [(10, true, Some(at(60))), (80, false, None)]);
        let all = read::batches(db, "ann", true, at(60)).await.expect("reads");
        assert_eq!(all[..2], open);
        let closed: Vec<_> = all[2..]
            .iter()
            .map(|batch| (batch.status.as_str(), batch.lapsed))
            .collect();
        assert_eq!(closed, [("CONSUMED", false)]);
    }
}

/// Conformance: Amounts, time and spending order: Credits are spent by earliest expiry
/// (never-expiring last), then free before paid, then older, then smaller id
#[tokio::test]
async fn at_equal_expiry_purchased_credits_are_spent_last_and_older_ones_first() {
    for database in TestDatabase::each_migrated().await {
        let mut book = Book::default();
        for (kind, expires) in [
            ("purchase", Some(100)),
            ("purchase", None),
            ("promotion", None),
            ("promotion", Some(100)),
            ("monthly_grant", Some(100)),
            ("purchase", Some(90)),
        ] {
            book.credit("ann", kind, 5, expires);
        }
        book.write(database.connection()).await;
        let batches = read::batches(database.connection(), "ann", false, at(50))
            .await
            .expect("reads");
        let actual: Vec<_> = batches
            .iter()
            .map(|batch| (batch.source_type.as_str(), batch.expires_at))
            .collect();
        let expected = [
            ("PURCHASE", Some(at(90))),
            ("BONUS", Some(at(100))),
            ("SUBSCRIPTION", Some(at(100))),
            ("PURCHASE", Some(at(100))),
            ("BONUS", None),
            ("PURCHASE", None),
        ];
        assert_eq!(actual, expected);
    }
}

/// Conformance: Amounts, time and spending order: Every gain and every use has signed allocations
/// that record the remainder of each batch
#[tokio::test]
async fn a_history_is_newest_first_with_refusals_and_the_batches_of_each_transaction() {
    for database in each_with_sample().await {
        let page = read::history(database.connection(), "ann", &PageRequest::default())
            .await
            .expect("reads");
        let actual: Vec<_> = page
            .items
            .iter()
            .map(|item| {
                let item = &item.transaction;
                (item.kind.as_str(), item.status.as_str(), item.amount)
            })
            .collect();
        let expected = [
            ("consumption", "COMPLETED", 0),
            ("consumption", "FAILED", 0),
            ("consumption", "COMPLETED", -40),
            ("bonus", "COMPLETED", 10),
            ("purchase", "COMPLETED", 100),
            ("registration_bonus", "COMPLETED", 20),
        ];
        assert_eq!(actual, expected);
        assert!(page.next.is_none());
        let taken: Vec<_> = page.items[2]
            .transaction
            .allocations
            .iter()
            .map(|a| (a.amount, a.batch_remaining))
            .collect();
        assert_eq!(taken, [(-20, 0), (-20, 80)]);
        assert_eq!(
            page.items[2].transaction.debit_account.as_deref(),
            Some("WALLET:ann")
        );
        assert!(
            page.items[0].transaction.allocations.is_empty()
                && page.items[1].transaction.allocations.is_empty()
        );
    }
}

#[tokio::test]
async fn pages_of_a_history_contain_each_row_once_also_at_equal_instants() {
    for database in TestDatabase::each_migrated().await {
        let mut book = Book::default();
        for amount in 1..=25 {
            book.credit("ann", "promotion", amount, None);
        }
        book.write(database.connection()).await;
        let same = format!(
            "UPDATE credits_transaction SET created_at = '{}'",
            "2026-11-22T10:00:00.000000+00:00"
        );
        database.execute(&same).await;
        let mut amounts = Vec::new();
        let mut before: Option<Cursor> = None;
        let mut pages = 0;
        loop {
            let request = PageRequest {
                limit: 10,
                before,
                skip: 0,
            };
            let page = read::history(database.connection(), "ann", &request)
                .await
                .expect("reads");
            amounts.extend(page.items.iter().map(|item| item.transaction.amount));
            assert!(
                page.items
                    .iter()
                    .all(|item| item.transaction.allocations.len() == 1)
            );
            pages += 1;
            match page.next {
                Some(next) => before = Some(next.to_string().parse().expect("reads back")),
                None => break,
            }
        }
        assert_eq!(amounts, (1..=25).rev().collect::<Vec<_>>());
        assert_eq!(pages, 3);
    }
}

#[tokio::test]
async fn a_page_has_at_least_one_and_at_most_a_hundred_transactions() {
    for database in TestDatabase::each_migrated().await {
        let mut book = Book::default();
        for _ in 0..101 {
            book.credit("ann", "promotion", 1, None);
        }
        book.write(database.connection()).await;
        for (limit, expected) in [(0, 1), (1, 1), (1000, 100)] {
            let request = PageRequest {
                limit,
                before: None,
                skip: 0,
            };
            let page = read::history(database.connection(), "ann", &request)
                .await
                .expect("reads");
            assert_eq!(page.items.len(), expected);
            assert!(page.next.is_some());
        }
    }
}

#[tokio::test]
async fn reads_continue_when_a_migration_adds_a_column() {
    for database in each_with_sample().await {
        let db = database.connection();
        for adding in [false, true] {
            if adding {
                for table in [
                    "credits_balance",
                    "credits_batch",
                    "credits_transaction",
                    "credits_allocation",
                ] {
                    database
                        .execute(&format!("ALTER TABLE {table} ADD COLUMN later text"))
                        .await;
                }
            }
            // Often enough that every connection of the pool has prepared the statements.
            for _ in 0..10 {
                read::balance(db, "ann", &Rules::default(), at(0))
                    .await
                    .expect("reads");
                read::batches(db, "ann", true, at(0)).await.expect("reads");
                read::history(db, "ann", &PageRequest::default())
                    .await
                    .expect("reads");
            }
        }
    }
}
