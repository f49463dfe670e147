//! Every constraint refuses a row that violates it, and the error names the constraint.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use testkit::db::TestDatabase;

use super::accepted::ACCEPTED;
use super::refused::REFUSED;
use super::refused_debts::REFUSED_DEBTS;
use super::refused_holds::REFUSED_HOLDS;
use super::refused_payments::REFUSED_PAYMENTS;
use super::refused_transactions::REFUSED_TRANSACTIONS;
use super::rows::{TABLES, Values, insert};

/// The columns or texts that SQLite names instead of a constraint.
const UNIQUE_ON_SQLITE: &[(&str, &str)] = &[
    ("credits_balance_pkey", "credits_balance.id"),
    ("credits_balance_user_id_key", "credits_balance.user_id"),
    ("credits_batch_pkey", "credits_batch.id"),
    ("credits_transaction_pkey", "credits_transaction.id"),
    (
        "credits_transaction_reference_key",
        "credits_transaction.origin, credits_transaction.reference_id",
    ),
    (
        "credits_transaction_registration_key",
        "credits_transaction.user_id",
    ),
    (
        "credits_transaction_period_key",
        "credits_transaction.subscription_id, credits_transaction.period_start",
    ),
    (
        "credits_transaction_payment_key",
        "index 'credits_transaction_payment_key'",
    ),
    (
        "credits_allocation_pkey",
        "credits_allocation.transaction_id, credits_allocation.batch_id",
    ),
    ("credits_hold_pkey", "credits_hold.id"),
    (
        "credits_hold_slice_pkey",
        "credits_hold_slice.hold_id, credits_hold_slice.batch_id",
    ),
    ("credits_refund_pkey", "credits_refund.transaction_id"),
    (
        "credits_revocation_pkey",
        "credits_revocation.transaction_id",
    ),
    ("credits_debt_pkey", "credits_debt.id"),
    (
        "credits_transaction_reinstated_key",
        "credits_transaction.related_id",
    ),
    ("subscription_pkey", "subscription.id"),
    ("job_run_pkey", "job_run.id"),
    ("job_run_reference_id_key", "job_run.reference_id"),
    (
        "job_run_name_run_date_key",
        "job_run.name, job_run.run_date",
    ),
    ("delivery_attempt_pkey", "delivery_attempt.queue"),
    ("http_token_pkey", "http_token.id"),
    ("payment_event_pkey", "payment_event.id"),
    (
        "payment_event_event_id_key",
        "payment_event.provider, payment_event.event_id",
    ),
    (
        "payment_link_pkey",
        "payment_link.provider, payment_link.kind, payment_link.external_id",
    ),
    (
        "payment_wait_pkey",
        "payment_wait.event, payment_wait.kind, payment_wait.external_id",
    ),
    ("ledger_identity_pkey", "ledger_identity.singleton"),
    ("queue_lease_pkey", "queue_lease.lane"),
    ("operator_action_pkey", "a row of operator_action exists"),
    (
        "operator_action_begun_id_key",
        "a row of operator_action exists",
    ),
];

/// All rows that must be refused.
fn refused() -> impl Iterator<Item = &'static (&'static str, Values<'static>, &'static str)> {
    REFUSED
        .iter()
        .chain(REFUSED_DEBTS)
        .chain(REFUSED_HOLDS)
        .chain(REFUSED_PAYMENTS)
        .chain(REFUSED_TRANSACTIONS)
}

fn is_on(database: &TestDatabase, table: &str) -> bool {
    database.backend() == DbBackend::Sqlite || !table.starts_with("queue_")
}

/// The name of `constraint` in an error of `database`.
fn name_on(database: &TestDatabase, constraint: &'static str) -> &'static str {
    let unique = UNIQUE_ON_SQLITE
        .iter()
        .find(|(name, _)| *name == constraint);
    match unique {
        Some((_, columns)) if database.backend() == DbBackend::Sqlite => columns,
        _ => constraint,
    }
}

async fn texts(database: &TestDatabase, sql: &str) -> BTreeSet<String> {
    let statement = Statement::from_string(database.backend(), sql);
    let rows = database
        .connection()
        .query_all_raw(statement)
        .await
        .expect("reads the catalogue");
    rows.iter()
        .map(|row| row.try_get_by_index(0).expect("text"))
        .collect()
}

/// Conformance: Idempotency: Ledger and database each allow one `COMPLETED` registration bonus per
/// user and one grant per period
#[tokio::test]
async fn good_rows_are_accepted() {
    for database in TestDatabase::each_migrated().await {
        for table in TABLES.iter().filter(|table| is_on(&database, table)) {
            insert(&database, table, &[]).await.expect(table);
        }
        for (table, values) in ACCEPTED {
            if let Err(error) = insert(&database, table, values).await {
                panic!(
                    "{:?} refuses {table} with {values:?}: {error}",
                    database.backend()
                );
            }
        }
    }
}

/// Conformance: Idempotency: A reference is unique within its origin
/// Conformance: Idempotency: Ledger and database each allow one `COMPLETED` registration bonus per
/// user and one grant per period
/// Conformance: Monthly grants: Each period of a subscription is granted once, also with two
/// concurrent writers
/// Conformance: Invariants and verification: Database CHECK constraints enforce signs, accounts and
/// types
#[tokio::test]
async fn every_constraint_refuses_a_violation_and_is_named() {
    for database in TestDatabase::each_migrated().await {
        for (table, values) in ACCEPTED {
            insert(&database, table, values).await.expect("good");
        }
        for (table, values, constraint) in refused().filter(|(table, ..)| is_on(&database, table)) {
            let message = match insert(&database, table, values).await {
                Ok(()) => panic!("{:?} accepts {table} with {values:?}", database.backend()),
                Err(error) => error.to_string(),
            };
            let expected = name_on(&database, constraint);
            assert!(
                message.contains(expected),
                "{table} with {values:?}: {message}"
            );
        }
    }
}

/// Conformance: Invariants and verification: Database CHECK constraints enforce signs, accounts and
/// types
#[tokio::test]
async fn no_constraint_is_left_untested() {
    let database = TestDatabase::postgres().await.migrated().await;
    // A table lists the rules, and an error contains the name of a rule. PostgreSQL 18 stores NOT
    // NULL as a constraint, too (`n`).
    let all = "SELECT conname::text FROM pg_constraint WHERE connamespace = 'public'::regnamespace
                 AND conname NOT LIKE 'scrip_migration%' AND conname NOT LIKE '%_keeps_rules'
                 AND contype <> 'n'
               UNION SELECT indexrelid::regclass::text FROM pg_index
                WHERE indisunique AND indrelid::regclass::text IN
                  (SELECT tablename FROM pg_tables WHERE schemaname = 'public'
                    AND tablename <> 'scrip_migration')";
    let tested: BTreeSet<_> = refused()
        .map(|(_, _, constraint)| (*constraint).to_owned())
        .collect();
    let untested: Vec<_> = texts(&database, all)
        .await
        .difference(&tested)
        .cloned()
        .collect();
    assert!(untested.is_empty(), "{untested:?}");
}

#[tokio::test]
async fn sqlite_refuses_ids_instants_and_json_in_another_format() {
    let database = TestDatabase::sqlite().await.migrated().await;
    let checks = "SELECT name || ' ' || sql FROM sqlite_schema WHERE type = 'table'";
    let mut tried = 0;
    for (table, sql) in texts(&database, checks)
        .await
        .iter()
        .filter_map(|text| text.split_once(' '))
    {
        for name in sql
            .split_whitespace()
            .filter(|word| word.starts_with(table))
        {
            let Some((column, bad)) =
                of_another_form(name.trim_start_matches(table).trim_start_matches('_'))
            else {
                continue;
            };
            for value in bad {
                let error = insert(&database, table, &[(column, value)])
                    .await
                    .expect_err(name)
                    .to_string();
                assert!(error.contains(name), "{name} with {value}: {error}");
                tried += 1;
            }
        }
    }
    assert!(tried > 80, "only {tried} were tried");
}

/// The column of a check that only SQLite has, and values that it must refuse.
fn of_another_form(check: &str) -> Option<(&str, &'static [&'static str])> {
    const INSTANTS: &[&str] = &[
        "'2026-11-22T10:00:00+00:00'",
        "'2026-11-22T10:00:00.000+00:00'",
        "'2026-11-22T10:00:00.000000Z'",
        "'2026-11-22 10:00:00.000000+00:00'",
        "'2026-11-22T11:00:00.000000+01:00'",
        "''",
    ];
    None.or_else(|| {
        check
            .strip_suffix("_is_a_uuid")
            .map(|column| (column, &["%15", "%17", "%0"] as _))
    })
    .or_else(|| {
        check
            .strip_suffix("_is_an_instant")
            .map(|column| (column, INSTANTS))
    })
    .or_else(|| {
        check
            .strip_suffix("_is_json")
            .map(|column| (column, &["'{'", "''"] as _))
    })
}

#[tokio::test]
async fn postgresql_compares_ids_and_references_bytewise() {
    let database = TestDatabase::postgres().await.migrated().await;
    let keys = "SELECT table_name || '.' || column_name FROM information_schema.columns
                 WHERE table_schema = 'public' AND collation_name = 'C'";
    let expected = [
        "credits_balance.user_id",
        "credits_batch.user_id",
        "credits_debt.user_id",
        "credits_hold.reference_id",
        "credits_hold.sender",
        "credits_hold.user_id",
        "credits_refund.user_id",
        "credits_revocation.user_id",
        "credits_transaction.credit_account",
        "credits_transaction.debit_account",
        "credits_transaction.purchase_id",
        "credits_transaction.purchase_line",
        "credits_transaction.reference_id",
        "credits_transaction.sender",
        "credits_transaction.subscription_id",
        "credits_transaction.user_id",
        "http_token.created_by",
        "http_token.name",
        "job_run.reference_id",
        "operator_action.actor",
        "operator_action.subject",
        "operator_action.user_id",
        "payment_event.event_id",
        "payment_event.kind",
        "payment_event.reason",
        "payment_event.user_id",
        "payment_event.waits_for",
        "payment_link.created_by",
        "payment_link.deposit",
        "payment_link.external_id",
        "payment_link.invoice",
        "payment_link.subscription_id",
        "payment_link.user_id",
        "payment_wait.external_id",
        "subscription.id",
        "subscription.user_id",
    ];
    assert_eq!(
        texts(&database, keys).await,
        expected.map(str::to_owned).into()
    );
}
