//! A ledger with rows of all kinds is migrated from the schema of the previous release.

use chrono::TimeDelta;
use migration::{Migrator, MigratorTrait, ReferenceKey, reference_key, set_reference_key};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use testkit::{
    db::TestDatabase,
    ledger::{TestLedger, consume, promote, refund},
};

use super::{
    accepted::ACCEPTED,
    rows::{TABLES, Values, insert},
};

/// The migration to which the ledger is upgraded.
const DEBT: &str = "m20261201_000004_debt";
/// The tables that this migration and later ones add.
const ADDED: [&str; 6] = [
    "credits_revocation",
    "credits_debt",
    "http_token",
    "payment_event",
    "payment_link",
    "payment_wait",
];
/// Values that only the newer schema accepts.
const NEWER: [&str; 13] = [
    "debt",
    "debt_change",
    "'debt'",
    "'repayment'",
    "'forgiveness'",
    "'reinstatement'",
    "'already_reinstated'",
    "'forgive_exceeds_debt'",
    "'payment_dismiss'",
    "'payment_link'",
    "'payment_replay'",
    "'token_create'",
    "'token_revoke'",
];

fn is_older(table: &str, values: Values<'_>) -> bool {
    let mut words = values.iter().flat_map(|(column, value)| [*column, *value]);
    !ADDED.contains(&table) && words.all(|word| !NEWER.contains(&word))
}

async fn texts(database: &TestDatabase, sql: &str) -> Vec<String> {
    let statement = Statement::from_string(database.backend(), sql);
    let rows = database.connection().query_all_raw(statement).await;
    let rows = rows.unwrap_or_else(|error| panic!("{error}\n{sql}"));
    rows.iter()
        .map(|row| row.try_get_by_index(0).expect("a text"))
        .collect()
}

/// A statement that reads every row of a table as one text, with the columns of now.
async fn reading(database: &TestDatabase, table: &str) -> String {
    let (columns, quote) = match database.backend() {
        DbBackend::Sqlite => (
            format!("SELECT name FROM pragma_table_info('{table}') ORDER BY name"),
            "quote({column})",
        ),
        _ => (
            format!(
                "SELECT CAST(column_name AS text) FROM information_schema.columns
                  WHERE table_schema = 'public' AND table_name = '{table}' ORDER BY 1"
            ),
            "quote_nullable(CAST({column} AS text))",
        ),
    };
    let columns = texts(database, &columns).await;
    let columns = columns
        .iter()
        .map(|column| quote.replace("{column}", column));
    let row = columns.collect::<Vec<_>>().join(" || ' ' || ");
    format!("SELECT {row} FROM {table} ORDER BY 1")
}

/// Conformance: Invariants and verification: An upgrade keeps every row of a ledger, and its
/// balances have no debt
#[tokio::test]
async fn an_upgrade_keeps_every_row_and_adds_no_debt() {
    for database in TestDatabase::each().await {
        let db = database.connection();
        let names = Migrator::migrations();
        let before = names
            .iter()
            .take_while(|migration| migration.name() != DEBT)
            .count();
        let before = u32::try_from(before).expect("a small number");
        Migrator::up(db, Some(before))
            .await
            .expect("the older schema");
        set_reference_key(db, ReferenceKey::OriginAndSender)
            .await
            .expect("a scope of references");
        let mut inserted = 0;
        for (table, values) in ACCEPTED
            .iter()
            .filter(|(table, values)| is_older(table, values))
        {
            insert(&database, table, values).await.expect("good");
            inserted += 1;
        }
        assert!(inserted > 50, "only {inserted} rows");
        let mut reads = Vec::new();
        let is_read = |table: &&&str| {
            !ADDED.contains(table)
                && (database.backend() == DbBackend::Sqlite || !table.starts_with("queue_"))
        };
        for table in TABLES.iter().filter(is_read) {
            let read = reading(&database, table).await;
            let rows = texts(&database, &read).await;
            reads.push((*table, read, rows));
        }

        migration::up(db).await.expect("up");

        for (table, read, rows) in reads {
            assert_eq!(texts(&database, &read).await, rows, "{table}");
        }
        let indebted = "SELECT CAST(count(*) AS text) FROM credits_balance WHERE debt <> 0
            UNION ALL SELECT CAST(count(*) AS text) FROM credits_transaction
             WHERE debt_change IS NOT NULL";
        assert_eq!(texts(&database, indebted).await, ["0", "0"]);
        assert_eq!(
            reference_key(db).await.expect("reads"),
            ReferenceKey::OriginAndSender,
            "the scope of references stays"
        );
    }
}

/// A worker of the previous release that still runs does not write the deposit.
#[tokio::test]
async fn deposits_that_an_older_worker_left_out_are_filled_in() {
    for database in TestDatabase::each().await {
        let mut ledger = TestLedger::on(database).await;
        ledger
            .settle(&[promote("g", "ada", 10, Some(1)), consume("c1", "ada", 8)])
            .await;
        // A batch in place of the expired one, and one in place of that.
        ledger.now += TimeDelta::days(2);
        ledger.settle(&[refund("b1", "ada", "c1", None)]).await;
        ledger.settle(&[consume("c2", "ada", 5)]).await;
        ledger.now += TimeDelta::days(20);
        ledger.settle(&[refund("b2", "ada", "c2", None)]).await;
        let database = &ledger.database;
        let deposits = "SELECT count(*) FROM credits_batch b JOIN credits_transaction t
            ON t.id = b.deposit_id WHERE t.reference_id = 'g'";
        assert_eq!(ledger.number(deposits).await, 2);
        database
            .execute("UPDATE credits_batch SET deposit_id = NULL")
            .await;
        migration::up(database.connection()).await.expect("up");
        assert_eq!(ledger.number(deposits).await, 2);
        ledger.verify().await;
    }
}
