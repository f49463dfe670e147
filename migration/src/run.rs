//! Applies migrations, reverts them, and reports the state of a database.
//!
//! All migrations of one call share one transaction. It first takes a lock: an advisory lock on
//! PostgreSQL, the write lock of the file on SQLite. So several workers may start at once: one of
//! them migrates, and the others wait and then find nothing to do.

use std::collections::HashSet;

use sea_orm_migration::{
    MigratorTrait,
    sea_orm::{
        ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, RuntimeErr,
        SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait, sqlx,
    },
};

use crate::{Migrator, m20261201_000004_debt};

/// The table that records the applied migrations.
pub(crate) const TABLE: &str = "scrip_migration";

/// The key of the advisory lock: "scrip" in ASCII.
const LOCK_KEY: i64 = 0x73_6372_6970;

/// The SQLSTATE of a deadlock.
const DEADLOCK: &str = "40P01";
/// The maximum number of retries after a deadlock.
const RETRIES: u32 = 5;

/// One migration, and whether the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The name of the migration.
    pub name: String,
    /// Whether it is applied.
    pub applied: bool,
}

/// Applies all migrations that the database does not have yet, or none.
///
/// A migration locks tables that workers may read in another order, so it is retried after a
/// deadlock. New checks apply to new rows at once. Existing rows are validated afterwards, while
/// workers continue. What a worker of the previous release left out is filled in each time.
pub async fn up(db: &DatabaseConnection) -> Result<(), DbErr> {
    let mut retries = RETRIES;
    while let Err(error) = up_once(db).await {
        if retries == 0 || !is_deadlock(&error) {
            return Err(error);
        }
        retries -= 1;
    }
    validate(db).await?;
    m20261201_000004_debt::fill_deposits(db).await
}

async fn up_once(db: &DatabaseConnection) -> Result<(), DbErr> {
    let transaction = locked(db).await?;
    // This check comes first because `Migrator::up` refuses a database that is newer than this
    // program.
    if !current(&transaction).await? {
        Migrator::up(&transaction, None).await?;
    }
    transaction.commit().await
}

/// Validates the existing rows against checks that were added as `NOT VALID`. This blocks no
/// worker.
async fn validate(db: &DatabaseConnection) -> Result<(), DbErr> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let unvalidated = "SELECT format('ALTER TABLE %s VALIDATE CONSTRAINT %I',
                              conrelid::regclass, conname)
        FROM pg_constraint
        WHERE NOT convalidated AND connamespace = current_schema()::regnamespace
          AND conname LIKE 'credits\\_%'
        ORDER BY conname";
    let statement = Statement::from_string(DbBackend::Postgres, unvalidated);
    if db.query_all_raw(statement.clone()).await?.is_empty() {
        return Ok(());
    }
    let transaction = locked(db).await?;
    // Another process may have validated them before the lock was taken, so they are read again.
    for row in transaction.query_all_raw(statement).await? {
        let validate: String = row.try_get_by_index(0)?;
        transaction.execute_unprepared(&validate).await?;
    }
    transaction.commit().await
}

/// Drops everything that [`up`] created, with all its data.
pub async fn down(db: &DatabaseConnection) -> Result<(), DbErr> {
    let transaction = locked(db).await?;
    steps(&transaction).await?;
    Migrator::reset(&transaction).await?;
    transaction.commit().await
}

/// All migrations of this program, oldest first, and whether the database has them. Writes nothing.
pub async fn status(db: &DatabaseConnection) -> Result<Vec<Step>, DbErr> {
    steps(db).await
}

/// Whether the database has all migrations of this program. It may also have newer ones. Writes
/// nothing.
pub async fn is_current(db: &DatabaseConnection) -> Result<bool, DbErr> {
    current(db).await
}

fn is_deadlock(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return false;
    };
    matches!(
        error.as_ref(),
        sqlx::Error::Database(error) if error.code().is_some_and(|code| code == DEADLOCK)
    )
}

async fn current<C: ConnectionTrait>(db: &C) -> Result<bool, DbErr> {
    Ok(steps(db).await?.iter().all(|step| step.applied))
}

/// Refuses a ledger of an unreleased revision, whose schema no migration leads to this one: it has
/// migrations that this program does not know, and lacks others.
async fn steps<C: ConnectionTrait>(db: &C) -> Result<Vec<Step>, DbErr> {
    let applied = applied(db).await?;
    let known = Migrator::migrations().into_iter().map(|migration| {
        let name = migration.name().to_owned();
        Step {
            applied: applied.contains(&name),
            name,
        }
    });
    let steps: Vec<Step> = known.collect();
    let unknown = applied
        .iter()
        .filter(|name| steps.iter().all(|step| step.name != **name))
        .min();
    match unknown {
        Some(unknown) if steps.iter().any(|step| !step.applied) => Err(DbErr::Migration(format!(
            "the schema has the migration {unknown}, which is not part of this program: an \
             unreleased revision of Scrip made this ledger, and it cannot be migrated; use the \
             program that made it, or make a new ledger in an empty database or an empty data \
             directory"
        ))),
        _ => Ok(steps),
    }
}

/// The names of the migrations that the database has, including those unknown to this program.
async fn applied<C: ConnectionTrait>(db: &C) -> Result<HashSet<String>, DbErr> {
    let backend = db.get_database_backend();
    if !has_table(db, backend).await? {
        return Ok(HashSet::new());
    }
    let statement = Statement::from_string(backend, format!("SELECT version FROM {TABLE}"));
    db.query_all_raw(statement)
        .await?
        .iter()
        .map(|row| row.try_get_by_index(0))
        .collect()
}

async fn has_table<C: ConnectionTrait>(db: &C, backend: DbBackend) -> Result<bool, DbErr> {
    let exists = match backend {
        DbBackend::Postgres => format!("SELECT to_regclass('{TABLE}') IS NOT NULL"),
        _ => format!(
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '{TABLE}')"
        ),
    };
    let row = db
        .query_one_raw(Statement::from_string(backend, exists))
        .await?;
    row.map_or(Ok(false), |row| row.try_get_by_index(0))
}

pub(crate) async fn locked(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let mode = Some(SqliteTransactionMode::Immediate);
    let options = TransactionOptions {
        sqlite_transaction_mode: mode,
        ..Default::default()
    };
    let transaction = db.begin_with_options(options).await?;
    if transaction.get_database_backend() == DbBackend::Postgres {
        // A migration of a large ledger may take longer than a worker's statement may. So may the
        // wait for another process's migration.
        let timeouts =
            "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";
        transaction.execute_unprepared(timeouts).await?;
        transaction
            .execute_unprepared(&format!("SELECT pg_advisory_xact_lock({LOCK_KEY})"))
            .await?;
    }
    Ok(transaction)
}
