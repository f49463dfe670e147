//! Several concurrent writers: no deadlock, no lost update, and no command is applied twice.

use std::time::Duration;

use ledger::{Command, Status};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use testkit::ledger::{TestLedger, buy_credits, consume, register, settled};

pub async fn a_group_of_a_thousand_on_one_hot_wallet_is_exact(ledger: TestLedger) {
    ledger.one(buy_credits("p1", "ada", 2_500)).await;
    let group: Vec<_> = (0..1000)
        .map(|n| consume(&format!("c{n}"), "ada", 3))
        .collect();
    let outcomes = ledger.settle(&group).await;
    let (completed, failed): (Vec<_>, Vec<_>) = outcomes
        .iter()
        .partition(|outcome| outcome.status() == Status::Completed);
    assert_eq!((completed.len(), failed.len()), (833, 167));
    let balances: Vec<_> = completed
        .iter()
        .map(|outcome| outcome.balance.expect("a balance"))
        .collect();
    assert!(
        balances.windows(2).all(|pair| pair[0] - 3 == pair[1]),
        "in the order of the commands"
    );
    assert_eq!(
        ledger.number("SELECT balance FROM credits_balance").await,
        1
    );
    ledger.verify().await;
}

pub async fn two_writers_on_overlapping_wallets_lose_and_double_nothing(ledger: TestLedger) {
    const GROUPS: usize = 30;
    let users: Vec<String> = (0..20).map(|user| format!("user-{user}")).collect();
    let fund: Vec<_> = users
        .iter()
        .map(|user| buy_credits(&format!("p-{user}"), user, 10_000))
        .collect();
    ledger.settle(&fund).await;
    let mut writers = Vec::new();
    for writer in 0..2_usize {
        let (store, rules, now, users) = (
            ledger.another_store().await,
            ledger.rules.clone(),
            ledger.now,
            users.clone(),
        );
        writers.push(tokio::spawn(async move {
            for group in 0..GROUPS {
                let mut commands: Vec<_> = users
                    .iter()
                    .map(|user| {
                        consume(
                            &format!("c-{writer}-{group}-{user}"),
                            user,
                            1 + (group % 3) as i64,
                        )
                    })
                    .collect();
                if writer == 1 {
                    commands.reverse();
                }
                let decisions = store
                    .commit_group(&commands, &rules, now)
                    .await
                    .expect("no deadlock");
                assert!(
                    decisions
                        .iter()
                        .all(|decision| settled(decision).status() == Status::Completed)
                );
            }
        }));
    }
    for writer in writers {
        writer.await.expect("a writer");
    }
    let spent: i64 = 2 * (0..GROUPS).map(|group| 1 + (group % 3) as i64).sum::<i64>();
    let right = format!(
        "SELECT COUNT(*) FROM credits_balance WHERE balance = {}",
        10_000 - spent
    );
    assert_eq!(ledger.number(&right).await, 20);
    ledger.verify().await;
}

pub async fn a_writer_that_waited_for_a_lock_sees_the_batches_of_the_previous_writer(
    ledger: TestLedger,
) {
    ledger
        .settle(&[buy_credits("p1", "ada", 10), buy_credits("p2", "ada", 10)])
        .await;
    let first = ledger.store.begin().await.expect("a transaction");
    let decisions = ledger
        .store
        .commit_group_in(
            &first,
            &[consume("c1", "ada", 15)],
            &ledger.rules,
            ledger.now,
        )
        .await;
    assert_eq!(settled(&decisions.expect("decisions")[0]).balance, Some(5));
    let (store, rules, now) = (
        ledger.another_store().await,
        ledger.rules.clone(),
        ledger.now,
    );
    let second = tokio::spawn(async move {
        store
            .commit_group(&[consume("c2", "ada", 4)], &rules, now)
            .await
            .expect("a group")
    });
    until_a_session_waits(&ledger).await;
    first.commit().await.expect("a commit");
    let outcome = settled(&second.await.expect("the second writer")[0]);
    assert_eq!((outcome.balance, outcome.allocations.len()), (Some(1), 1));
    assert_eq!(outcome.allocations[0].batch_remaining, 1);
    ledger.verify().await;
}

/// Conformance: Commands: The registration bonus is given once per user and opens the wallet and
/// the free subscription
pub async fn two_writers_open_the_same_new_wallets(ledger: TestLedger) {
    const USERS: usize = 50;
    let commands = |writer: usize| -> Vec<Command> {
        let mut users: Vec<usize> = (0..USERS).collect();
        if writer == 1 {
            users.reverse();
        }
        users
            .iter()
            .flat_map(|user| {
                let name = format!("user-{user}");
                [
                    register(&format!("g-{writer}-{user}"), &name),
                    buy_credits(&format!("p-{writer}-{user}"), &name, 7),
                ]
            })
            .collect()
    };
    let mut writers = Vec::new();
    for writer in 0..2 {
        let (store, rules, now) = (
            ledger.another_store().await,
            ledger.rules.clone(),
            ledger.now,
        );
        let commands = commands(writer);
        writers.push(tokio::spawn(async move {
            store
                .commit_group(&commands, &rules, now)
                .await
                .expect("a group")
        }));
    }
    for writer in writers {
        writer.await.expect("a writer");
    }
    assert_eq!(
        ledger
            .number("SELECT COUNT(*) FROM credits_balance WHERE balance = 34")
            .await,
        50
    );
    let refused = "SELECT COUNT(*) FROM credits_transaction WHERE error_code = 'already_granted'";
    assert_eq!(ledger.number(refused).await, 50);
    ledger.verify().await;
}

/// Conformance: Idempotency: Two concurrent writers with the same reference apply its command once
pub async fn two_writers_with_the_same_references_apply_each_once(ledger: TestLedger) {
    // The same references belong to different users. So the locks of the wallets do not help, and
    // the unique index must.
    let fund: Vec<_> = (0..2)
        .map(|user| buy_credits(&format!("p-{user}"), &format!("user-{user}"), 1_000))
        .collect();
    ledger.settle(&fund).await;
    let mut writers = Vec::new();
    for writer in 0..2 {
        let (store, rules, now) = (
            ledger.another_store().await,
            ledger.rules.clone(),
            ledger.now,
        );
        let user = format!("user-{writer}");
        writers.push(tokio::spawn(async move {
            for group in 0..20 {
                let mut commands: Vec<_> = (0..10)
                    .map(|n| consume(&format!("c-{group}-{n}"), &user, 1))
                    .collect();
                if writer == 1 {
                    commands.reverse();
                }
                store
                    .commit_group(&commands, &rules, now)
                    .await
                    .expect("a group");
            }
        }));
    }
    for writer in writers {
        writer.await.expect("a writer");
    }
    assert_eq!(
        ledger
            .number("SELECT COUNT(*) FROM credits_transaction WHERE type = 'consumption'")
            .await,
        200
    );
    assert_eq!(
        ledger
            .number("SELECT CAST(SUM(balance) AS bigint) FROM credits_balance")
            .await,
        1_800
    );
    ledger.verify().await;
}

/// Waits until another session waits for a lock. SQLite has no query for this. There the order
/// makes no difference, because the second writer cannot begin before the first one has committed.
async fn until_a_session_waits(ledger: &TestLedger) {
    if ledger.store.backend() == DbBackend::Sqlite {
        return;
    }
    let sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
               AND wait_event_type = 'Lock'";
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    loop {
        let statement = Statement::from_string(DbBackend::Postgres, sql);
        let row = ledger
            .database
            .connection()
            .query_one_raw(statement)
            .await
            .expect("a query")
            .expect("a row");
        if row.try_get_by_index::<i64>(0).expect("a number") > 0 {
            return;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "no session waited for the lock"
        );
        tokio::task::yield_now().await;
    }
}
