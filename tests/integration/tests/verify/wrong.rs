//! Each corruption is found and reported with its row.

use std::collections::BTreeSet;

use integration::book::{Book, at};
use scrip::verify::{self, Options, Violation};
use sea_orm::{ConnectionTrait, DbBackend, Statement, prelude::Uuid};
use testkit::db::TestDatabase;

use super::cases::{self, Case};

/// Drops the CHECK constraints that would refuse the corruptions.
pub async fn defenceless(database: &TestDatabase) {
    if database.backend() == DbBackend::Sqlite {
        return database
            .execute("PRAGMA ignore_check_constraints = ON")
            .await;
    }
    let drops = "SELECT 'ALTER TABLE ' || conrelid::regclass || ' DROP CONSTRAINT ' || conname
          FROM pg_constraint
                  WHERE contype = 'c' AND connamespace = 'public'::regnamespace AND conrelid <> 0";
    let statement = Statement::from_string(DbBackend::Postgres, drops);
    for row in database
        .connection()
        .query_all_raw(statement)
        .await
        .expect("reads the catalogue")
    {
        database
            .execute(&row.try_get_by_index::<String>(0).expect("text"))
            .await;
    }
}

async fn restored(database: &TestDatabase) {
    for table in [
        "credits_balance",
        "credits_batch",
        "credits_transaction",
        "credits_allocation",
        "credits_hold",
        "credits_hold_slice",
        "credits_refund",
        "credits_revocation",
        "credits_debt",
        "subscription",
    ] {
        database.execute(&format!("DELETE FROM {table}")).await;
    }
    Book::sample().write(database.connection()).await;
}

/// The id of the row of a case.
async fn id_of(database: &TestDatabase, case: &Case) -> Option<String> {
    if case.row.is_empty() {
        return None;
    }
    let statement = Statement::from_string(database.backend(), case.row);
    let row = database
        .connection()
        .query_one_raw(statement)
        .await
        .expect(case.row)
        .expect(case.row);
    let ids = row.column_names().len();
    let part = |nth| {
        let id = row.try_get_by_index::<Uuid>(nth).map(|id| id.to_string());
        id.or_else(|_| row.try_get_by_index(nth)).expect("an id")
    };
    Some((0..ids).map(part).collect::<Vec<_>>().join("/"))
}

async fn violations(database: &TestDatabase) -> Vec<Violation> {
    let report = verify::verify(database.connection(), &Options::default(), at(0), |_| {})
        .await
        .expect("verifies");
    assert_eq!(report.violation_count, report.violations.len() as u64);
    assert_eq!(report.holds(), report.violations.is_empty());
    report.violations
}

/// Conformance: Invariants and verification: `verify` finds and names every kind of corruption
/// Conformance: Invariants and verification: `verify` finds a period or a bonus that is recorded
/// twice
/// Conformance: Invariants and verification: `verify` checks rules for subscriptions
#[tokio::test]
async fn each_corruption_is_found_with_its_row() {
    for database in TestDatabase::each_migrated().await {
        defenceless(&database).await;
        for case in cases::all() {
            restored(&database).await;
            let id = id_of(&database, case).await;
            let (new_id, anchor, zeros) = if database.backend() == DbBackend::Postgres {
                (
                    "gen_random_uuid()",
                    "'2026-10-21 09:00:00+00'",
                    "decode(repeat('00', 17), 'hex')",
                )
            } else {
                (
                    "randomblob(16)",
                    "'2026-10-21T09:00:00.000000+00:00'",
                    "zeroblob(17)",
                )
            };
            let harm = case
                .harm
                .replace("{new_id}", new_id)
                .replace("{anchor}", anchor);
            let harm = harm.replace("{zeros}", zeros);
            database.execute(&harm).await;
            let actual = violations(&database).await;
            let named = actual.iter().any(|violation| {
                violation.rule == case.rule
                    && id.as_ref().is_none_or(|id| *id == violation.id)
                    && violation.message.contains(case.says)
            });
            assert!(
                named,
                "{:?}, {}, {id:?}: {actual:#?}",
                database.backend(),
                case.harm
            );
        }
    }
}

#[tokio::test]
async fn a_consistent_book_has_no_violations() {
    for database in TestDatabase::each_migrated().await {
        assert_eq!(violations(&database).await, []);
        restored(&database).await;
        assert_eq!(violations(&database).await, []);
    }
}

#[tokio::test]
async fn a_corruption_of_one_user_is_not_reported_for_another() {
    for database in TestDatabase::each_migrated().await {
        restored(&database).await;
        database
            .execute(
                "UPDATE credits_balance SET balance = 91, total_spent = 2 WHERE user_id = 'ann'",
            )
            .await;
        let users: BTreeSet<_> = violations(&database)
            .await
            .into_iter()
            .filter_map(|violation| violation.user_id)
            .collect();
        assert_eq!(users, ["ann".to_owned()].into());
    }
}

/// Conformance: Invariants and verification: `verify` finds and names every kind of corruption
#[test]
fn every_rule_has_a_case() {
    let tried: BTreeSet<_> = cases::all().map(|case| case.rule).collect();
    let rules = verify::rules()
        .map(|rule| rule.name)
        .chain(["book.is_balanced", "book.accounts_fit_types"]);
    let untried: Vec<_> = rules.filter(|rule| !tried.contains(rule)).collect();
    assert!(untried.is_empty(), "{untried:?}");
}

#[test]
fn every_rule_has_a_unique_name() {
    let names: BTreeSet<_> = verify::rules().map(|rule| rule.name).collect();
    assert_eq!(names.len(), verify::rules().count());
}
