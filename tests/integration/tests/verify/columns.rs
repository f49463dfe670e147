//! Each column of each row of the ledger is changed in turn. `verify` must find the change, unless
//! the column is in the list of undetected ones.
//!
//! One verification checks a round: one changed row of each user. A violation says which user it is
//! about, so it is known whose change was found. A change that was not found in a round with
//! violations is checked again alone, because a violation may be reported without its user.

use std::collections::{BTreeMap, BTreeSet};

use scrip::verify::{self, Options, Report};
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement};
use testkit::db::TestDatabase;

use super::{story::story, undetected::UNDETECTED, values::corruptions, wrong::defenceless};

struct Table {
    name: &'static str,
    key: &'static [&'static str],
    /// The user of a row, as SQL.
    user: &'static str,
}

const fn table(name: &'static str, key: &'static [&'static str], user: &'static str) -> Table {
    Table { name, key, user }
}

const OF_TRANSACTION: &str = "(SELECT user_id FROM credits_transaction WHERE id = transaction_id)";
const OF_HOLD: &str = "(SELECT user_id FROM credits_hold WHERE id = hold_id)";

/// The tables of the ledger.
const TABLES: [Table; 10] = [
    table("credits_balance", &["id"], "user_id"),
    table("credits_batch", &["id"], "user_id"),
    table("credits_transaction", &["id"], "user_id"),
    table(
        "credits_allocation",
        &["transaction_id", "batch_id"],
        OF_TRANSACTION,
    ),
    table("credits_hold", &["id"], "user_id"),
    table("credits_hold_slice", &["hold_id", "batch_id"], OF_HOLD),
    table("credits_refund", &["transaction_id"], OF_TRANSACTION),
    table("credits_revocation", &["transaction_id"], OF_TRANSACTION),
    table("credits_debt", &["id"], "user_id"),
    table("subscription", &["id"], "user_id"),
];

/// A row of a table.
#[derive(Clone)]
struct Row {
    /// A condition that names it.
    key: String,
    user: String,
}

/// One wrong value for a column.
struct Change<'a> {
    table: &'a Table,
    column: &'a str,
    value: &'a str,
}

/// What was found about one database.
#[derive(Default)]
struct Findings {
    /// Changes that are neither found nor listed.
    missed: Vec<String>,
    /// The entries of the list that were needed.
    used: BTreeSet<&'static str>,
}

/// Conformance: Invariants and verification: `verify` checks every column that the ledger writes;
/// the documentation lists the exceptions
#[tokio::test]
async fn each_column_is_checked_or_listed_as_unchecked() {
    let catalogue = TestDatabase::postgres().await.migrated().await;
    let mut columns_of = BTreeMap::new();
    for table in &TABLES {
        columns_of.insert(table.name, columns(&catalogue, table.name).await);
    }
    let databases = TestDatabase::each().await;
    let checks = databases
        .into_iter()
        .map(|database| change_all(database, &columns_of));
    let findings = futures_util::future::join_all(checks).await;
    let (mut missed, mut used) = (Vec::new(), BTreeSet::new());
    for found in findings {
        missed.extend(found.missed);
        used.extend(found.used);
    }
    assert!(
        missed.is_empty(),
        "changes that are neither found nor listed: {missed:#?}"
    );
    let unused: Vec<_> = UNDETECTED
        .iter()
        .map(|entry| entry.column)
        .filter(|column| !used.contains(column))
        .collect();
    assert!(unused.is_empty(), "listed, but always found: {unused:?}");
}

/// Changes each column of each row of a ledger.
async fn change_all(
    database: TestDatabase,
    columns_of: &BTreeMap<&str, BTreeMap<String, String>>,
) -> Findings {
    let ledger = story(database).await;
    let database = &ledger.database;
    defenceless(database).await;
    drop_unique_indexes(database).await;
    let mut findings = Findings::default();
    for table in &TABLES {
        let name = table.name;
        database
            .execute(&format!(
                "CREATE TABLE copy_of_{name} AS SELECT * FROM {name}"
            ))
            .await;
        let rounds = rounds(rows_of(database, table).await);
        assert!(!rounds.is_empty(), "{name}");
        for (column, kind) in &columns_of[name] {
            for value in corruptions(name, column, kind, database.backend()) {
                let change = Change {
                    table,
                    column,
                    value: &value,
                };
                for round in &rounds {
                    findings.change(database, &change, round).await;
                }
            }
        }
    }
    findings
}

/// Divides rows into rounds that have at most one row of each user.
fn rounds(rows: Vec<Row>) -> Vec<Vec<Row>> {
    let mut rounds = Vec::<Vec<Row>>::new();
    let mut seen = BTreeMap::<String, usize>::new();
    for row in rows {
        let nth = seen.entry(row.user.clone()).or_default();
        if rounds.len() == *nth {
            rounds.push(Vec::new());
        }
        rounds[*nth].push(row);
        *nth += 1;
    }
    rounds
}

impl Findings {
    /// Changes the rows of a round, verifies, and restores them.
    async fn change(&mut self, database: &TestDatabase, change: &Change<'_>, round: &[Row]) {
        let (rows, report) = change.verify(database, round).await;
        for row in rows {
            let of_user = |violation: &verify::Violation| {
                violation.user_id.as_deref() == Some(row.user.as_str())
            };
            if report.violations.iter().any(of_user) {
                continue;
            }
            let is_found = !report.holds() && {
                let (_, report) = change.verify(database, std::slice::from_ref(&row)).await;
                !report.holds()
            };
            if !is_found {
                self.not_found(database, change, &row).await;
            }
        }
    }

    async fn not_found(&mut self, database: &TestDatabase, change: &Change<'_>, row: &Row) {
        let Change { table, column, .. } = change;
        for entry in UNDETECTED {
            let is_about = entry.column.split_once('.') == Some((table.name, column));
            let is_listed = format!(
                "SELECT 1 FROM {} WHERE {} AND ({})",
                table.name, row.key, entry.rows
            );
            if is_about && !select(database, &is_listed).await.is_empty() {
                self.used.insert(entry.column);
                return;
            }
        }
        let of = format!("{:?}", database.backend());
        self.missed.push(format!("{of}: {}", change.update(row)));
    }
}

impl Change<'_> {
    fn update(&self, row: &Row) -> String {
        let Self {
            table,
            column,
            value,
        } = self;
        format!(
            "UPDATE {} SET {column} = {value} WHERE {}",
            table.name, row.key
        )
    }

    /// Changes rows, verifies, and restores them. Returns those that had another value and could be
    /// changed.
    async fn verify(&self, database: &TestDatabase, rows: &[Row]) -> (Vec<Row>, Report) {
        let Self {
            table,
            column,
            value,
        } = self;
        let differs = match database.backend() {
            DbBackend::Sqlite => format!("{column} IS NOT ({value})"),
            _ => format!("CAST({column} AS text) IS DISTINCT FROM CAST(({value}) AS text)"),
        };
        let mut changed = Vec::new();
        for row in rows {
            let update = format!("{} AND {differs}", self.update(row));
            let updated = database.connection().execute_unprepared(&update).await;
            // A NOT NULL constraint refuses some changes.
            if updated.is_ok_and(|updated| updated.rows_affected() > 0) {
                changed.push(row.clone());
            }
        }
        let now = chrono::DateTime::UNIX_EPOCH;
        let report = verify::verify(database.connection(), &Options::default(), now, |_| {}).await;
        let name = table.name;
        if table.key.contains(column) {
            database.execute(&format!("DELETE FROM {name}")).await;
            database
                .execute(&format!("INSERT INTO {name} SELECT * FROM copy_of_{name}"))
                .await;
        } else {
            for Row { key, .. } in &changed {
                database
                    .execute(&format!(
                        "UPDATE {name} SET {column} = (SELECT {column} FROM copy_of_{name} \
                         WHERE {key}) WHERE {key}"
                    ))
                    .await;
            }
        }
        (changed, report.expect("verifies"))
    }
}

async fn select(database: &TestDatabase, sql: &str) -> Vec<QueryResult> {
    let statement = Statement::from_string(database.backend(), sql);
    let rows = database.connection().query_all_raw(statement).await;
    rows.unwrap_or_else(|error| panic!("{error}\n{sql}"))
}

/// Rows of two columns of text.
async fn pairs(database: &TestDatabase, sql: &str) -> Vec<(String, String)> {
    let rows = select(database, sql).await;
    rows.iter()
        .map(|row| {
            let part = |nth| row.try_get_by_index(nth).expect("a text");
            (part(0), part(1))
        })
        .collect()
}

/// The columns of a table with their types, from the catalogue.
async fn columns(postgres: &TestDatabase, table: &str) -> BTreeMap<String, String> {
    let sql = format!(
        "SELECT CAST(column_name AS text), CAST(data_type AS text) FROM information_schema.columns
          WHERE table_schema = 'public' AND table_name = '{table}'"
    );
    pairs(postgres, &sql).await.into_iter().collect()
}

/// The rows of a table, in the order of their keys.
async fn rows_of(database: &TestDatabase, table: &Table) -> Vec<Row> {
    let quoted = |column: &&str| {
        let quote = match database.backend() {
            DbBackend::Sqlite => format!("quote({column})"),
            _ => format!("quote_literal(CAST({column} AS text))"),
        };
        format!("'{column} = ' || {quote}")
    };
    let conditions: Vec<_> = table.key.iter().map(quoted).collect();
    let sql = format!(
        "SELECT {} AS condition, {} AS owner FROM {} ORDER BY 1",
        conditions.join(" || ' AND ' || "),
        table.user,
        table.name
    );
    let rows = pairs(database, &sql).await;
    rows.into_iter()
        .map(|(key, user)| Row { key, user })
        .collect()
}

/// Drops the unique indexes that would refuse a changed transaction.
async fn drop_unique_indexes(database: &TestDatabase) {
    let indexes = match database.backend() {
        DbBackend::Sqlite => {
            "SELECT 'DROP INDEX ' || name, name FROM sqlite_master WHERE type = 'index'
                AND sql LIKE 'CREATE UNIQUE%' AND tbl_name = 'credits_transaction'"
        }
        _ => {
            "SELECT 'DROP INDEX ' || indexname, CAST(indexname AS text) FROM pg_indexes
              WHERE schemaname = 'public' AND indexdef LIKE 'CREATE UNIQUE%'
                AND tablename = 'credits_transaction' AND indexname NOT LIKE '%_pkey'"
        }
    };
    for (drop, _) in pairs(database, indexes).await {
        database.execute(&drop).await;
    }
}
