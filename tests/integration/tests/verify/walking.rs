//! The ranges, the progress and the bounds of a verification.

use integration::book::{Book, at};
use scrip::verify::{self, BookSummary, Issued, Options, Progress, Report};
use sea_orm::{ConnectionTrait, DbBackend, TransactionTrait};
use testkit::db::TestDatabase;

async fn verify(database: &TestDatabase, options: Options) -> (Report, Vec<Progress>) {
    let mut progress = Vec::new();
    let report = verify::verify(database.connection(), &options, at(0), |step| {
        progress.push(step);
    })
    .await;
    (report.expect("verifies"), progress)
}

/// Conformance: Invariants and verification: `verify` runs on a busy ledger and checks ranges of
/// users, each in one snapshot
#[tokio::test]
async fn ranges_of_any_size_find_the_same() {
    for database in TestDatabase::each_migrated().await {
        Book::sample().write(database.connection()).await;
        database
            .execute("UPDATE credits_balance SET total_spent = total_spent + 1")
            .await;
        let (whole, _) = verify(&database, Options::default()).await;
        assert_eq!((whole.users_checked, whole.batches_checked), (4, 12));
        assert_eq!(
            (whole.transactions_checked, whole.allocations_checked),
            (32, 25)
        );
        assert_eq!(whole.violation_count, 4);
        for users_per_range in 0..=5 {
            let (report, progress) = verify(
                &database,
                Options {
                    users_per_range,
                    ..Options::default()
                },
            )
            .await;
            assert_eq!(report, whole);
            let last = Progress {
                users_checked: 4,
                users_total: 4,
            };
            assert_eq!(progress.last(), Some(&last));
            assert!(progress.is_sorted_by_key(|step| step.users_checked));
        }
    }
}

#[tokio::test]
async fn rows_of_users_without_a_wallet_are_found_at_any_position() {
    for database in TestDatabase::each_migrated().await {
        let mut book = Book::default();
        let users = [" ", "b", "d", "\u{10FFFE}"];
        for user in ["a", "c", "e"].iter().chain(&users) {
            book.credit(user, "promotion", 5, None);
        }
        book.write(database.connection()).await;
        for user in users {
            database
                .execute(&format!(
                    "DELETE FROM credits_balance WHERE user_id = '{user}'"
                ))
                .await;
        }
        for users_per_range in 1..=4 {
            let (report, _) = verify(
                &database,
                Options {
                    users_per_range,
                    ..Options::default()
                },
            )
            .await;
            let owners = report
                .violations
                .iter()
                .filter(|violation| violation.rule == "transaction.owner_has_wallet");
            let owners: Vec<_> = owners
                .filter_map(|violation| violation.user_id.as_deref())
                .collect();
            assert_eq!(owners, users);
        }
    }
}

#[tokio::test]
async fn violations_above_the_limit_are_counted_and_not_listed() {
    for database in TestDatabase::each_migrated().await {
        let mut book = Book::default();
        for user in 0..50 {
            book.credit(&format!("user-{user:02}"), "promotion", 5, None);
        }
        book.write(database.connection()).await;
        database
            .execute("UPDATE credits_balance SET total_spent = 1, transaction_count = 7")
            .await;
        for (max_violations, users_per_range) in
            [(0, 10), (7, 10), (7, 1000), (99, 10), (100, 10), (1000, 10)]
        {
            let (report, _) = verify(
                &database,
                Options {
                    users_per_range,
                    max_violations,
                },
            )
            .await;
            assert_eq!(report.violation_count, 100);
            assert_eq!(report.violations.len(), max_violations.min(100));
        }
    }
}

/// Conformance: Invariants and verification: `verify` balances the whole book by type of account
#[tokio::test]
async fn the_report_has_totals_by_kind_of_account() {
    for database in TestDatabase::each_migrated().await {
        Book::sample().write(database.connection()).await;
        let (report, _) = verify(
            &database,
            Options {
                users_per_range: 1,
                ..Options::default()
            },
        )
        .await;
        let issued = Issued {
            purchases: 150,
            bonuses: 20,
            registration_bonuses: 20,
            monthly_grants: 45,
            promotions: 64,
        };
        let expected = BookSummary {
            issued,
            consumed: 57,
            refunded: 4,
            expired: 50,
            revoked: 20,
            repaid: 4,
            debts: 3,
            balances: 172,
        };
        assert_eq!(report.book, expected);
        assert_eq!(report.book.total_issued(), report.book.accounted_for());
    }
}

/// Conformance: Invariants and verification: `verify` balances the whole book by type of account
#[tokio::test]
async fn sums_beyond_64_bits_are_computed() {
    for database in TestDatabase::each_migrated().await {
        let mut book = Book::default();
        // Two wallets whose total exceeds 64 bits.
        for user in ["ann", "bob"] {
            for _ in 0..5_000 {
                book.credit(user, "purchase", 1_000_000_000_000_000, None);
            }
        }
        book.write(database.connection()).await;
        let (report, _) = verify(&database, Options::default()).await;
        assert_eq!(report.violations, []);
        assert_eq!(report.book.balances, 10_000_000_000_000_000_000);
    }
}

#[tokio::test]
async fn an_empty_ledger_holds() {
    for database in TestDatabase::each_migrated().await {
        let (report, progress) = verify(&database, Options::default()).await;
        assert!(report.holds());
        assert_eq!(
            progress,
            [Progress {
                users_checked: 0,
                users_total: 0
            }]
        );
    }
}

/// Conformance: Invariants and verification: `verify` runs on a busy ledger and checks ranges of
/// users, each in one snapshot
#[tokio::test]
async fn verify_ignores_uncommitted_rows_and_does_not_wait_for_writers() {
    let database = TestDatabase::postgres().await.migrated().await;
    Book::sample().write(database.connection()).await;
    let writer = database.connect().await;
    let open = writer.begin().await.expect("begins");
    open.execute_unprepared("UPDATE credits_balance SET balance = balance + 1")
        .await
        .expect("writes");
    let (report, _) = verify(&database, Options::default()).await;
    assert!(report.holds());
    open.rollback().await.expect("rolls back");
    writer.close().await.expect("closes");
    assert_eq!(database.backend(), DbBackend::Postgres);
}

#[tokio::test]
async fn a_report_is_written_as_json_in_camel_case() {
    for database in TestDatabase::each_migrated().await {
        Book::sample().write(database.connection()).await;
        database
            .execute("UPDATE credits_balance SET total_spent = 41 WHERE user_id = 'ann'")
            .await;
        let (report, _) = verify(&database, Options::default()).await;
        let text = serde_json::to_string(&report).expect("serialises");
        for part in [
            "\"startedAt\":\"2026-11-22T10:00:00.000001Z\"",
            "\"usersChecked\":4",
            "\"violationCount\":1",
            "\"issued\":{\"purchases\":150,",
            "\"rule\":\"wallet.total_spent_is_consumed_less_refunded\",\"table\":\"credits_balance\"",
            "\"userId\":\"ann\",\"message\":\"`total_spent` is 41; its consumption, less the \
             refunds, is 40\"",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
}
