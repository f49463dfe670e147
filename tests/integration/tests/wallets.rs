//! The list of all wallets, page by page, on both databases.

use integration::book::{Book, at};
use ledger::Rules;
use producer_sdk::contract::BalanceResult;
use scrip::read::{self, WalletFilter};
use testkit::db::TestDatabase;

/// All matching wallets in the order of the pages, and the number of pages.
async fn all(
    database: &TestDatabase,
    filter: &WalletFilter,
    start: Option<&str>,
) -> (Vec<BalanceResult>, u32) {
    let rules = Rules::default();
    let mut cursor = start.map(str::to_owned);
    let (mut wallets, mut pages) = (Vec::new(), 0);
    loop {
        let page = read::wallets(
            database.connection(),
            filter,
            cursor.as_deref(),
            &rules,
            at(100_000),
        );
        let page = page.await.expect("reads");
        assert!(page.wallets.len() <= 1_001, "the size of a page is bounded");
        pages += 1;
        wallets.extend(page.wallets);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return (wallets, pages),
        }
    }
}

async fn users(database: &TestDatabase, filter: WalletFilter) -> Vec<String> {
    let (wallets, _) = all(database, &filter, None).await;
    wallets.into_iter().map(|wallet| wallet.user_id).collect()
}

/// Conformance: Configuration and command line: `scrip balances` lists each wallet once, with
/// filters, as table, JSON Lines or CSV, in bounded memory
#[tokio::test]
async fn every_wallet_appears_once_in_the_order_of_the_users() {
    for database in TestDatabase::each_migrated().await {
        let mut book = Book::default();
        for nth in 0..2_500 {
            book.credit(&format!("user-{nth:04}"), "promotion", nth + 1, None);
        }
        book.write(database.connection()).await;
        let (wallets, pages) = all(&database, &WalletFilter::default(), None).await;
        assert_eq!(pages, 3);
        let actual: Vec<_> = wallets
            .iter()
            .map(|wallet| (wallet.user_id.clone(), wallet.available_credits))
            .collect();
        let expected: Vec<_> = (0..2_500)
            .map(|nth| (format!("user-{nth:04}"), nth + 1))
            .collect();
        assert_eq!(actual, expected);
        let (rest, _) = all(&database, &WalletFilter::default(), Some("user-2497")).await;
        let rest: Vec<_> = rest.iter().map(|wallet| wallet.user_id.as_str()).collect();
        assert_eq!(rest, ["user-2498", "user-2499"]);
        let rich = WalletFilter {
            min_available: Some(2_499),
            ..WalletFilter::default()
        };
        assert_eq!(users(&database, rich).await, ["user-2498", "user-2499"]);
    }
}

/// Conformance: Configuration and command line: `scrip balances` lists each wallet once, with
/// filters, as table, JSON Lines or CSV, in bounded memory
#[tokio::test]
async fn wallets_are_filtered_by_user_status_balance_and_expiry() {
    for database in TestDatabase::each_migrated().await {
        let mut book = Book::default();
        book.credit("team", "promotion", 1, None);
        book.credit("team:ann", "promotion", 10, Some(200_000));
        // Credits that have expired and that the expiry job has not taken yet.
        book.credit("team:bob", "promotion", 20, Some(50_000));
        book.credit("team:bob", "promotion", 5, Some(300_000));
        book.credit("team:\u{10FFFF}z", "promotion", 30, None);
        book.freeze("team:ann");
        book.credit("teal", "promotion", 40, None);
        book.credit("teamster", "promotion", 50, None);
        book.write(database.connection()).await;
        let default = WalletFilter::default;
        let everybody = [
            "teal",
            "team",
            "team:ann",
            "team:bob",
            "team:\u{10FFFF}z",
            "teamster",
        ];
        assert_eq!(users(&database, default()).await, everybody);
        for (filter, expected) in [
            (
                WalletFilter {
                    prefix: Some("team:".to_owned()),
                    ..default()
                },
                &["team:ann", "team:bob", "team:\u{10FFFF}z"][..],
            ),
            (
                WalletFilter {
                    prefix: Some("team".to_owned()),
                    ..default()
                },
                &everybody[1..],
            ),
            (
                WalletFilter {
                    status: Some("FROZEN".to_owned()),
                    ..default()
                },
                &["team:ann"],
            ),
            (
                WalletFilter {
                    min_balance: Some(25),
                    ..default()
                },
                &["teal", "team:bob", "team:\u{10FFFF}z", "teamster"],
            ),
            (
                WalletFilter {
                    min_available: Some(25),
                    ..default()
                },
                &["teal", "team:\u{10FFFF}z", "teamster"],
            ),
            (
                WalletFilter {
                    max_available: Some(5),
                    ..default()
                },
                &["team", "team:bob"],
            ),
            (
                WalletFilter {
                    expires_before: Some(at(250_000)),
                    ..default()
                },
                &["team:ann"],
            ),
        ] {
            assert_eq!(
                users(&database, filter.clone()).await,
                expected,
                "{filter:?}"
            );
        }
    }
}
