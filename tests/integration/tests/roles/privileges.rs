//! The privileges of each role in the catalogue, and the refusals of the database.

use std::collections::BTreeMap;

use scrip::verify::{Options, verify};
use sea_orm::{ConnectionTrait, Database, DbBackend, DbErr, Statement};
use testkit::{
    db::TestDatabase,
    ledger::{TestLedger, promote},
};

/// The SQLSTATE of a missing privilege.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// The privileges of the worker in addition to reading: the table, `INSERT` or `DELETE`, and the
/// columns that it may change.
const WORKER: [(&str, &str, &str); 19] = [
    ("credits_allocation", "INSERT", ""),
    (
        "credits_balance",
        "DELETE INSERT",
        "balance created_at debt held holds_end_at next_due_at status total_earned total_spent \
         transaction_count updated_at version",
    ),
    (
        "credits_batch",
        "INSERT",
        "expirations held remaining status updated_at",
    ),
    (
        "credits_debt",
        "INSERT",
        "cancelled forgiven repaid updated_at",
    ),
    (
        "credits_hold",
        "INSERT",
        "captured closed_at status updated_at",
    ),
    ("credits_hold_slice", "INSERT", "captured"),
    ("credits_refund", "INSERT", "refunded updated_at"),
    (
        "credits_revocation",
        "INSERT",
        "fraction indebted revoked taken updated_at",
    ),
    ("credits_transaction", "INSERT", ""),
    (
        "job_run",
        "INSERT",
        "claim cursor finished_at lease_until owner result started_at started_by status",
    ),
    (
        "delivery_attempt",
        "DELETE INSERT",
        "message tries updated_at",
    ),
    ("http_token", "INSERT", "revoked_at"),
    ("ledger_identity", "", ""),
    ("operator_action", "INSERT", ""),
    (
        "payment_event",
        "INSERT",
        "detail reason reference_ids status updated_at user_id waits_for",
    ),
    (
        "payment_link",
        "INSERT",
        "amount created_by deposit invoice period_end period_start subscription_id updated_at \
         user_id",
    ),
    ("payment_wait", "DELETE INSERT", ""),
    ("scrip_migration", "", ""),
    (
        "subscription",
        "INSERT",
        "activated_at anchor due_at ended_at next_period_start paid_through plan status status_at \
         status_since updated_at",
    ),
];

/// A migrated database and its name, which is the prefix of its roles.
async fn database() -> (TestDatabase, String) {
    let database = TestDatabase::postgres().await.migrated().await;
    let name = database
        .url()
        .rsplit('/')
        .next()
        .expect("a name")
        .to_owned();
    (database, name)
}

async fn rows(database: &TestDatabase, sql: &str, role: &str) -> Vec<(String, String)> {
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, [role.into()]);
    let rows = database
        .connection()
        .query_all_raw(statement)
        .await
        .expect("rows");
    let text = |row: &sea_orm::QueryResult, at| row.try_get_by_index::<String>(at).expect("a text");
    rows.iter()
        .map(|row| (text(row, 0), text(row, 1)))
        .collect()
}

/// The privileges on whole tables, by table.
async fn on_tables(database: &TestDatabase, role: &str) -> BTreeMap<String, String> {
    let sql = "SELECT c.relname::text, concat_ws(' ', p) FROM pg_class c, \
         LATERAL (SELECT string_agg(privilege, ' ' ORDER BY privilege) AS p \
           FROM unnest(ARRAY['SELECT','INSERT','UPDATE','DELETE','TRUNCATE','REFERENCES','TRIGGER']) privilege \
          WHERE has_table_privilege($1, c.oid, privilege)) AS p \
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'";
    rows(database, sql, role).await.into_iter().collect()
}

/// The columns that a role may change, by table. Tables without such a column are left out.
async fn changeable(database: &TestDatabase, role: &str) -> BTreeMap<String, String> {
    let sql = "SELECT c.relname::text, string_agg(a.attname, ' ' \
        ORDER BY a.attname::text COLLATE \"C\") \
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 \
         AND NOT a.attisdropped \
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' \
          AND has_column_privilege($1, c.oid, a.attnum, 'UPDATE') GROUP BY 1";
    rows(database, sql, role).await.into_iter().collect()
}

#[tokio::test]
async fn worker_and_reader_have_exactly_these_privileges_on_every_table() {
    let (database, name) = database().await;
    let text = |words: &[&str]| {
        let mut words: Vec<&str> = words.iter().flat_map(|words| words.split(' ')).collect();
        words.retain(|word| !word.is_empty());
        words.sort_unstable();
        words.join(" ")
    };
    let expected = |more: bool| -> BTreeMap<String, String> {
        let tables = WORKER.iter();
        tables
            .map(|(table, rights, _)| {
                let rights = if more { rights } else { "" };
                ((*table).to_owned(), text(&["SELECT", rights]))
            })
            .collect()
    };
    let worker = format!("{name}_worker");
    assert_eq!(on_tables(&database, &worker).await, expected(true));
    let columns = WORKER.iter().filter(|(_, _, columns)| !columns.is_empty());
    let columns: BTreeMap<String, String> = columns
        .map(|(table, _, columns)| ((*table).to_owned(), (*columns).to_owned()))
        .collect();
    assert_eq!(changeable(&database, &worker).await, columns);

    let reader = format!("{name}_reader");
    assert_eq!(on_tables(&database, &reader).await, expected(false));
    assert_eq!(changeable(&database, &reader).await, BTreeMap::new());
}

/// Panics unless the database refuses every statement because of a missing privilege.
async fn expect_refusals(url: &str, statements: &[&str]) {
    let session = Database::connect(url).await.expect("connects");
    for statement in statements {
        let refused = session.execute_unprepared(statement).await;
        let (DbErr::Exec(sea_orm::RuntimeErr::SqlxError(error))
        | DbErr::Query(sea_orm::RuntimeErr::SqlxError(error))) =
            refused.expect_err(&format!("not refused: {statement}"))
        else {
            panic!("not refused by the database: {statement}")
        };
        let code = error
            .as_database_error()
            .and_then(sea_orm::sqlx::error::DatabaseError::code);
        assert_eq!(
            code.as_deref(),
            Some(INSUFFICIENT_PRIVILEGE),
            "{statement}: {error}"
        );
    }
    session.close().await.expect("closes");
}

/// Statements that neither worker nor reader may run.
const FORBIDDEN: [&str; 35] = [
    "CREATE TABLE mine (a int)",
    "CREATE VIEW mine AS SELECT 1",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE SCHEMA mine",
    "CREATE ROLE mine",
    "CREATE INDEX mine ON credits_transaction (amount)",
    "CREATE TRIGGER mine BEFORE INSERT ON credits_transaction FOR EACH ROW \
     EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "ALTER TABLE credits_transaction ADD COLUMN mine int",
    "ALTER TABLE credits_balance DISABLE TRIGGER ALL",
    "ALTER FUNCTION credits_expect(bigint, bigint) RENAME TO mine",
    "DROP TABLE credits_transaction",
    "DROP FUNCTION credits_expect(bigint, bigint)",
    "TRUNCATE credits_allocation",
    "DELETE FROM credits_transaction",
    "DELETE FROM credits_allocation",
    "DELETE FROM credits_batch",
    "DELETE FROM credits_refund",
    "UPDATE credits_refund SET taken = 1",
    "DELETE FROM credits_revocation",
    "UPDATE credits_revocation SET issued = 1",
    "DELETE FROM credits_debt",
    "UPDATE credits_debt SET amount = 1",
    "UPDATE credits_transaction SET amount = 0",
    "UPDATE credits_allocation SET amount = 1",
    "UPDATE credits_batch SET amount = 1",
    "UPDATE credits_balance SET user_id = 'mallory'",
    "UPDATE ledger_identity SET id = gen_random_uuid()",
    "DELETE FROM scrip_migration",
    "UPDATE operator_action SET actor = 'mallory'",
    "DELETE FROM operator_action",
    "TRUNCATE operator_action",
    "ALTER TABLE operator_action DISABLE TRIGGER operator_action_append_only",
    "DROP FUNCTION operator_action_refuse() CASCADE",
    "ALTER TABLE operator_action DISABLE TRIGGER operator_action_time",
    "DROP FUNCTION operator_action_time() CASCADE",
];

/// Conformance: Audit log: Audit entries are never changed or deleted, and have the time of the
/// database
#[tokio::test]
async fn neither_worker_nor_reader_can_change_the_schema_or_the_history() {
    let (database, _) = database().await;
    expect_refusals(&database.worker_url(), &FORBIDDEN).await;
    expect_refusals(
        &database.worker_url(),
        &["DELETE FROM subscription", "DELETE FROM job_run"],
    )
    .await;
    expect_refusals(&database.url_as("reader"), &FORBIDDEN).await;
    let writes = [
        "UPDATE credits_balance SET balance = 1",
        "DELETE FROM credits_balance",
        "SELECT 1 FROM credits_balance FOR UPDATE",
        "INSERT INTO delivery_attempt VALUES ('q', 'm', 1, now())",
        "UPDATE job_run SET status = 'FAILED'",
        "UPDATE subscription SET plan = 'pro'",
    ];
    expect_refusals(&database.url_as("reader"), &writes).await;
}

#[tokio::test]
async fn verify_finds_a_wallet_that_the_worker_deletes() {
    let ledger = TestLedger::on(TestDatabase::postgres().await).await;
    ledger.one(promote("p-1", "ada", 5, None)).await;
    let deleted = ledger.store.connection();
    let deleted = deleted
        .execute_unprepared("DELETE FROM credits_balance")
        .await;
    assert_eq!(deleted.expect("a privilege").rows_affected(), 1);
    let db = ledger.store.read_connection();
    let report = verify(db, &Options::default(), ledger.now, |_| {}).await;
    let violations = report.expect("a report").violations;
    assert!(!violations.is_empty());
}
