//! The query plans of the group commit on PostgreSQL. They use nested index scans for any age and
//! size of the tables and for any size of a group, because all share one generic plan.
#![allow(clippy::cast_possible_wrap, reason = "the numbers of a test are small")]

use ledger::Status;
use scrip::{
    db::{Purpose, StoreOptions, connect},
    store::sql,
};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use testkit::{
    db::TestDatabase,
    ledger::{TestLedger, buy_credits, consume},
};

/// The operations that a plan must not have.
const FORBIDDEN: [&str; 4] = ["Seq Scan on", "Hash", "Merge Join", "Bitmap"];

async fn plans(connection: &DatabaseConnection) -> Vec<(&'static str, String)> {
    let mut plans = Vec::new();
    for (index, (name, sql)) in sql::ALL.into_iter().enumerate() {
        let parameters = (1..=99)
            .take_while(|n| sql.contains(&format!("${n}")))
            .count();
        let nulls = vec!["NULL"; parameters].join(", ");
        let (prepare, explain) = (
            format!("PREPARE p{index} AS {sql}"),
            format!("EXPLAIN EXECUTE p{index}({nulls})"),
        );
        connection
            .execute_unprepared(&prepare)
            .await
            .expect("a prepared statement");
        let rows = connection
            .query_all_raw(Statement::from_string(DbBackend::Postgres, explain))
            .await
            .expect("a plan");
        let lines: Vec<String> = rows
            .iter()
            .map(|row| row.try_get_by_index(0).expect("a line"))
            .collect();
        plans.push((name, lines.join("\n")));
        connection
            .execute_unprepared(&format!("DEALLOCATE p{index}"))
            .await
            .expect("deallocated");
    }
    plans
}

fn assert_indexed(plans: &[(&str, String)]) {
    for (name, plan) in plans {
        for step in FORBIDDEN {
            assert!(!plan.contains(step), "{name}: {step}\n{plan}");
        }
    }
    let batches = &plans
        .iter()
        .find(|(name, _)| *name == "batches")
        .expect("the batches")
        .1;
    assert!(
        batches.contains("Index Scan") && !batches.contains("Sort"),
        "in the order of the index\n{batches}"
    );
}

/// One connection with the settings of the connections for the group commit.
async fn session(url: &str) -> DatabaseConnection {
    let options = StoreOptions {
        max_connections: 1,
        ..StoreOptions::default()
    };
    connect(url, Purpose::Commit, &options)
        .await
        .expect("a connection")
}

#[tokio::test]
async fn every_statement_looks_up_by_index_on_an_empty_and_on_a_large_ledger() {
    let ledger = TestLedger::on(TestDatabase::postgres().await).await;
    let connection = session(ledger.database.url()).await;
    assert_indexed(&plans(&connection).await);
    for group in 0..20 {
        let users: Vec<String> = (0..1000)
            .map(|user| format!("user-{group}-{user}"))
            .collect();
        let buys: Vec<_> = users
            .iter()
            .map(|user| buy_credits(&format!("p-{user}"), user, 100))
            .collect();
        ledger.settle(&buys).await;
    }
    ledger.database.execute("ANALYZE").await;
    let connection = session(ledger.database.url()).await;
    assert_indexed(&plans(&connection).await);
}

#[tokio::test]
async fn groups_of_1_100_and_1000_commands_scan_no_table() {
    let ledger = TestLedger::on(TestDatabase::postgres().await).await;
    let users: Vec<String> = (0..1000).map(|user| format!("user-{user}")).collect();
    let buys: Vec<_> = users
        .iter()
        .map(|user| buy_credits(&format!("p-{user}"), user, 100))
        .collect();
    ledger.settle(&buys).await;
    let scans = "SELECT CAST(SUM(seq_scan) AS bigint) FROM pg_stat_user_tables \
                 WHERE relname LIKE 'credits_%'";
    let store = ledger.another_store().await;
    // A session reports its statistics when it ends.
    let before = ledger.number(scans).await;
    for size in [1, 100, 1000] {
        let group: Vec<_> = (0..size)
            .map(|n| consume(&format!("c-{size}-{n}"), &users[n], 1))
            .collect();
        let decisions = store
            .commit_group(&group, &ledger.rules, ledger.now)
            .await
            .expect("a group");
        assert!(
            decisions
                .iter()
                .all(|d| testkit::ledger::settled(d).status() == Status::Completed)
        );
    }
    store.close().await.expect("closed");
    assert_eq!(ledger.number(scans).await, before);
}
