//! Applying migrations, undoing them, and asking where a database stands.
//!
//! All migrations of one call share one transaction that first takes a lock (an advisory lock on PostgreSQL, the write
//! lock of the file on SQLite), so that several workers may start at once: one migrates, the others wait and find
//! nothing to do.

use std::collections::HashSet;

use sea_orm_migration::{
    MigratorTrait,
    sea_orm::{
        ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, RuntimeErr,
        SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait, sqlx,
    },
};

use crate::Migrator;

/// The table that records what has been applied.
pub(crate) const TABLE: &str = "scrip_migration";

/// Key of the advisory lock: "scrip" in ASCII.
const LOCK_KEY: i64 = 0x73_6372_6970;

/// SQLSTATE of a deadlock.
const DEADLOCK: &str = "40P01";
/// How often all is tried again after a deadlock.
const RETRIES: u32 = 5;

/// One migration and whether the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Name of the migration.
    pub name: String,
    /// Whether it has been applied.
    pub applied: bool,
}

/// Applies every migration that the database does not have yet. All or none.
///
/// A migration locks tables that workers may be reading in another order, so it is tried again after a deadlock.
/// Checks that it adds hold for new rows at once; then, while workers go on, the rows that are there are looked at.
pub async fn up(db: &DatabaseConnection) -> Result<(), DbErr> {
    let mut retries = RETRIES;
    while let Err(error) = up_once(db).await {
        if retries == 0 || !is_deadlock(&error) {
            return Err(error);
        }
        retries -= 1;
    }
    validate(db).await
}

async fn up_once(db: &DatabaseConnection) -> Result<(), DbErr> {
    let transaction = locked(db).await?;
    // Asked first, because `Migrator::up` refuses a database that is newer than this program.
    if !current(&transaction).await? {
        Migrator::up(&transaction, None).await?;
    }
    transaction.commit().await
}

/// Looks whether the rows keep to the checks that were added without looking. Nobody has to wait for that.
async fn validate(db: &DatabaseConnection) -> Result<(), DbErr> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let unvalidated = "SELECT format('ALTER TABLE %s VALIDATE CONSTRAINT %I', conrelid::regclass, conname)
        FROM pg_constraint
        WHERE NOT convalidated AND connamespace = current_schema()::regnamespace AND conname LIKE 'credits\\_%'
        ORDER BY conname";
    let statement = Statement::from_string(DbBackend::Postgres, unvalidated);
    if db.query_all_raw(statement.clone()).await?.is_empty() {
        return Ok(());
    }
    let transaction = locked(db).await?;
    // Asked again: somebody else may have done it meanwhile.
    for row in transaction.query_all_raw(statement).await? {
        let validate: String = row.try_get_by_index(0)?;
        transaction.execute_unprepared(&validate).await?;
    }
    transaction.commit().await
}

/// Drops everything that [`up`] created, with all data in it.
pub async fn down(db: &DatabaseConnection) -> Result<(), DbErr> {
    let transaction = locked(db).await?;
    Migrator::reset(&transaction).await?;
    transaction.commit().await
}

/// Every migration of this program, oldest first, and whether the database has it. Writes nothing.
pub async fn status(db: &DatabaseConnection) -> Result<Vec<Step>, DbErr> {
    steps(db).await
}

/// Whether the database has every migration of this program. It may have newer ones besides. Writes nothing.
pub async fn is_current(db: &DatabaseConnection) -> Result<bool, DbErr> {
    current(db).await
}

fn is_deadlock(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error
    else {
        return false;
    };
    matches!(error.as_ref(), sqlx::Error::Database(error) if error.code().is_some_and(|code| code == DEADLOCK))
}

async fn current<C: ConnectionTrait>(db: &C) -> Result<bool, DbErr> {
    Ok(steps(db).await?.iter().all(|step| step.applied))
}

async fn steps<C: ConnectionTrait>(db: &C) -> Result<Vec<Step>, DbErr> {
    let applied = applied(db).await?;
    let known = Migrator::migrations().into_iter().map(|migration| {
        let name = migration.name().to_owned();
        Step {
            applied: applied.contains(&name),
            name,
        }
    });
    Ok(known.collect())
}

/// Names of what the database has, also of what this program does not know.
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
        _ => format!("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '{TABLE}')"),
    };
    let row = db.query_one_raw(Statement::from_string(backend, exists)).await?;
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
        // A large ledger takes longer than a statement of a worker's may; so does waiting for another's migration.
        let patience = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";
        transaction.execute_unprepared(patience).await?;
        transaction
            .execute_unprepared(&format!("SELECT pg_advisory_xact_lock({LOCK_KEY})"))
            .await?;
    }
    Ok(transaction)
}
