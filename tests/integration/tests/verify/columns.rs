//! Each column of each row of the ledger is changed in turn. `verify` must find the change, unless
//! the column is in the list of undetected ones.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use ledger::{Action, Consume, Price, SubscriptionStatus::Active};
use scrip::verify::{self, Options};
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement};
use testkit::{
    db::TestDatabase,
    ledger::{
        TestLedger, buy_credits, buy_package, consume, expire, freeze, grant_period, promote,
        register, subscribe, use_service,
    },
    sources::root,
};

use super::{undetected::UNDETECTED, wrong::defenceless};

/// The tables of the ledger, each with its key columns.
const TABLES: [(&str, &[&str]); 5] = [
    ("credits_balance", &["id"]),
    ("credits_batch", &["id"]),
    ("credits_transaction", &["id"]),
    ("credits_allocation", &["transaction_id", "batch_id"]),
    ("subscription", &["id"]),
];

/// A ledger with every kind of row that a worker writes.
async fn story(database: TestDatabase) -> TestLedger {
    let mut ledger = TestLedger::on(database).await;
    ledger
        .rules
        .prices
        .insert("free:look".to_owned(), Price { credits: 0, per: 1 });
    let start = ledger.now;
    let with_metadata = |mut command: ledger::Command| {
        command.sender = Some("team-a".to_owned());
        command.description = Some("a note".to_owned());
        command.metadata = Some(r#"{"model": "m"}"#.to_owned());
        command
    };
    ledger
        .settle(&[
            register("s1", "ann"),
            with_metadata(buy_package("p1", "ann", "lite")),
            subscribe("e1", "bob", "sub_1", "pro", Active, start),
            promote("g1", "bob", 50, Some(1)),
            buy_credits("p2", "cyd", 30),
        ])
        .await;
    ledger.now += TimeDelta::hours(1);
    ledger
        .settle(&[
            with_metadata(use_service("c1", "ann", "llm:tokens", Some(33_000))),
            use_service("c2", "ann", "free:look", None),
            consume("c3", "ann", 10_000),
            consume("c4", "dan", 1),
            consume("c5", "cyd", 30),
            register("s2", "ann"),
            promote("g2", "bob", 20_000, None),
        ])
        .await;
    ledger.now += TimeDelta::hours(1);
    ledger
        .settle(&[freeze("f1", "cyd", true), freeze("f2", "ann", true)])
        .await;
    ledger.now += TimeDelta::hours(1);
    let mut frozen = consume("c6", "cyd", 3);
    frozen.action = Action::Consume(Consume {
        service: "google:chat".to_owned(),
        amount: None,
        quantity: Some(3),
    });
    ledger
        .settle(&[
            frozen,
            freeze("f3", "ann", false),
            freeze("f4", "dan", true),
        ])
        .await;
    ledger.now = start + TimeDelta::days(3);
    ledger.settle(&[expire("bob", ledger.now)]).await;
    ledger.now = start + TimeDelta::days(32);
    let second = ledger::period::start(start, 1);
    // The cap has no space left, so the period is refused.
    ledger
        .settle(&[
            buy_credits("p3", "bob", 20_000),
            promote("g3", "bob", 5, None),
        ])
        .await;
    ledger.settle(&[grant_period("bob", "sub_1", second)]).await;
    let mut again = buy_credits("p2", "cyd", 30);
    "p4".clone_into(&mut again.reference_id);
    ledger.settle(&[again]).await;
    ledger.verify().await;
    ledger
}

async fn rows(database: &TestDatabase, sql: &str) -> Vec<QueryResult> {
    let statement = Statement::from_string(database.backend(), sql);
    let rows = database.connection().query_all_raw(statement).await;
    rows.unwrap_or_else(|error| panic!("{error}\n{sql}"))
}

async fn texts(database: &TestDatabase, sql: &str) -> Vec<String> {
    let rows = rows(database, sql).await;
    rows.iter()
        .map(|row| row.try_get_by_index(0).expect("a text"))
        .collect()
}

/// The columns of a table with their types, from the catalogue.
async fn columns(postgres: &TestDatabase, table: &str) -> BTreeMap<String, String> {
    let sql = format!(
        "SELECT CAST(column_name AS text), CAST(data_type AS text) FROM information_schema.columns
          WHERE table_schema = 'public' AND table_name = '{table}'"
    );
    let columns = rows(postgres, &sql).await;
    columns
        .iter()
        .map(|row| {
            let part = |nth| row.try_get_by_index::<String>(nth).expect("a text");
            (part(0), part(1))
        })
        .collect()
}

/// The values that a column is changed to, as SQL.
fn corruptions(table: &str, column: &str, kind: &str, backend: DbBackend) -> Vec<String> {
    let sqlite = backend == DbBackend::Sqlite;
    let among = |values: &[&str]| {
        let each = values.iter().map(|value| format!("'{value}'"));
        each.collect::<Vec<_>>()
    };
    match (table, column) {
        ("credits_balance", "status") => return among(&["ACTIVE", "FROZEN"]),
        ("credits_batch", "status") => return among(&["ACTIVE", "CONSUMED", "EXPIRED", "REVOKED"]),
        ("credits_batch", "source_type") => return among(&["PURCHASE", "SUBSCRIPTION", "BONUS"]),
        ("credits_batch", "grant_period") => {
            return vec!["'2020-01'".to_owned(), "NULL".to_owned()];
        }
        ("credits_transaction", "status") => return among(&["COMPLETED", "FAILED"]),
        ("credits_transaction", "origin") => return among(&["usage", "funding", "internal"]),
        ("credits_transaction", "error_code") => {
            let mut codes = among(&[
                "wallet_not_found",
                "wallet_frozen",
                "already_granted",
                "insufficient_credits",
                "hold_closed",
                "max_balance_reached",
            ]);
            codes.push("NULL".to_owned());
            return codes;
        }
        ("credits_transaction", "type") => {
            return among(&[
                "purchase",
                "consumption",
                "bonus",
                "monthly_grant",
                "registration_bonus",
                "promotion",
                "expiration",
                "refund",
                "revocation",
                "freeze",
                "unfreeze",
                "subscription",
            ]);
        }
        ("subscription", "status") => {
            return among(&[
                "ACTIVE", "TRIALING", "PAST_DUE", "PAUSED", "CANCELED", "EXPIRED",
            ]);
        }
        _ => {}
    }
    let changed = match kind {
        "bigint" | "integer" => vec![
            format!("coalesce({column}, 0) + 1"),
            format!("{column} - 1"),
        ],
        "text" => vec![format!("coalesce({column}, '') || 'x'")],
        "uuid" if sqlite => vec!["randomblob(16)".to_owned()],
        "uuid" => vec!["gen_random_uuid()".to_owned()],
        "bytea" if sqlite => vec!["zeroblob(17)".to_owned()],
        "bytea" => vec!["decode(repeat('00', 17), 'hex')".to_owned()],
        "json" => vec![r#"'{"corrupted": true}'"#.to_owned()],
        "timestamp with time zone" if sqlite => vec![
            format!("strftime('%Y-%m-%dT%H:%M:%S', {column}, '+1 day') || substr({column}, 20)"),
            format!("strftime('%Y-%m-%dT%H:%M:%S', {column}, '-31 days') || substr({column}, 20)"),
            format!("coalesce({column}, '2026-11-22T10:00:00.000000+00:00')"),
        ],
        "timestamp with time zone" => vec![
            format!("{column} + interval '1 day'"),
            format!("{column} - interval '31 days'"),
            format!("coalesce({column}, '2026-11-22T10:00:00+00:00')"),
        ],
        other => panic!("{table}.{column} is a {other}"),
    };
    changed.into_iter().chain(["NULL".to_owned()]).collect()
}

/// A condition that names each row of a table.
async fn keys(database: &TestDatabase, table: &str, key: &[&str]) -> Vec<String> {
    let quoted = |column: &&str| {
        let quote = match database.backend() {
            DbBackend::Sqlite => format!("quote({column})"),
            _ => format!("quote_literal(CAST({column} AS text))"),
        };
        format!("'{column} = ' || {quote}")
    };
    let condition = key
        .iter()
        .map(quoted)
        .collect::<Vec<_>>()
        .join(" || ' AND ' || ");
    texts(
        database,
        &format!("SELECT {condition} AS text FROM {table} ORDER BY 1"),
    )
    .await
}

async fn holds(database: &TestDatabase) -> bool {
    let now = chrono::DateTime::UNIX_EPOCH;
    let report = verify::verify(database.connection(), &Options::default(), now, |_| {}).await;
    report.expect("verifies").holds()
}

/// Conformance: Invariants and verification: `verify` checks every column that the ledger writes;
/// the documentation lists the exceptions
#[tokio::test]
async fn each_column_is_checked_or_listed_as_unchecked() {
    let mut used = BTreeSet::new();
    let catalogue = TestDatabase::postgres().await.migrated().await;
    for database in TestDatabase::each().await {
        let ledger = story(database).await;
        let database = &ledger.database;
        defenceless(database).await;
        let indexes = match database.backend() {
            DbBackend::Sqlite => {
                "SELECT 'DROP INDEX ' || name FROM sqlite_master WHERE type = 'index'
                  AND sql LIKE 'CREATE UNIQUE%'
                    AND tbl_name = 'credits_transaction'"
            }
            _ => {
                "SELECT 'DROP INDEX ' || indexname FROM pg_indexes WHERE schemaname = 'public'
                  AND indexdef LIKE 'CREATE UNIQUE%'
                    AND tablename = 'credits_transaction' AND indexname NOT LIKE '%_pkey'"
            }
        };
        for drop in texts(database, indexes).await {
            database.execute(&drop).await;
        }
        let mut missed = Vec::new();
        for (table, key) in TABLES {
            database
                .execute(&format!(
                    "CREATE TABLE copy_of_{table} AS SELECT * FROM {table}"
                ))
                .await;
            let keys = keys(database, table, key).await;
            assert!(!keys.is_empty(), "{table}");
            for (column, kind) in columns(&catalogue, table).await {
                for change in corruptions(table, &column, &kind, database.backend()) {
                    for key in &keys {
                        if let Some(miss) =
                            corrupt(database, (table, &column), &change, key, &mut used).await
                        {
                            missed.push(miss);
                        }
                    }
                }
            }
        }
        assert!(
            missed.is_empty(),
            "{:?}: changes that are neither found nor listed: {missed:#?}",
            database.backend()
        );
    }
    let unused: Vec<_> = UNDETECTED
        .iter()
        .map(|entry| entry.column)
        .filter(|column| !used.contains(column))
        .collect();
    assert!(unused.is_empty(), "listed, but always found: {unused:?}");
}

/// Changes a column of a row and restores it. Returns the change if it was neither found nor
/// listed.
async fn corrupt(
    database: &TestDatabase,
    (table, column): (&str, &str),
    change: &str,
    key: &str,
    used: &mut BTreeSet<&'static str>,
) -> Option<String> {
    let update = format!("UPDATE {table} SET {column} = {change} WHERE {key}");
    let Ok(_) = database.connection().execute_unprepared(&update).await else {
        // A NOT NULL constraint refuses the change.
        return None;
    };
    let row = |name: &str| format!("SELECT {column} AS value FROM {name} WHERE {key}");
    let changed = match database.backend() {
        DbBackend::Sqlite => format!(
            "SELECT count(*) FROM copy_of_{table} c WHERE {key} AND NOT EXISTS (
               SELECT 1 FROM {table} t WHERE t.{column} IS c.{column} AND {})",
            key_of(key, "t")
        ),
        _ => format!(
            "SELECT count(*) FROM ({}) c WHERE CAST(c.value AS text) IS DISTINCT \
             FROM (SELECT CAST(value AS text) FROM ({}) t)",
            row(&format!("copy_of_{table}")),
            row(table)
        ),
    };
    let is_changed = number(database, &changed).await > 0;
    let missed = is_changed && holds(database).await;
    database.execute(&format!("DELETE FROM {table}")).await;
    database
        .execute(&format!(
            "INSERT INTO {table} SELECT * FROM copy_of_{table}"
        ))
        .await;
    if !missed {
        return None;
    }
    for entry in UNDETECTED {
        let is_about = entry.column.split_once('.') == Some((table, column));
        let is_listed = format!(
            "SELECT count(*) FROM {table} WHERE {key} AND ({})",
            entry.rows
        );
        if is_about && number(database, &is_listed).await > 0 {
            used.insert(entry.column);
            return None;
        }
    }
    Some(update)
}

fn key_of(key: &str, table: &str) -> String {
    let conditions = key
        .split(" AND ")
        .map(|condition| format!("{table}.{condition}"));
    conditions.collect::<Vec<_>>().join(" AND ")
}

async fn number(database: &TestDatabase, sql: &str) -> i64 {
    rows(database, sql).await[0]
        .try_get_by_index(0)
        .expect("a number")
}

/// Conformance: Invariants and verification: `verify` checks every column that the ledger writes;
/// the documentation lists the exceptions
#[test]
fn columns_that_verify_cannot_check_are_documented() {
    let document = std::fs::read_to_string(root().join("docs/reference/schema.md"));
    let document = document.expect("the page of the schema");
    let start = document
        .find("## What `verify` cannot find")
        .expect("a section");
    let section = &document[start..];
    let section = &section[..section.find("\n## ").expect("an end")];
    for entry in UNDETECTED {
        let row = format!("`{}`", entry.column);
        assert!(section.contains(&row), "{row} is not documented");
    }
    let listed: BTreeSet<_> = UNDETECTED.iter().map(|entry| entry.column).collect();
    for line in section.lines().filter(|line| line.starts_with("| `")) {
        let names = line
            .split('|')
            .nth(1)
            .expect("a cell")
            .split('`')
            .skip(1)
            .step_by(2);
        for name in names {
            assert!(
                listed.contains(name),
                "{name} is documented and not in the list"
            );
        }
    }
}
