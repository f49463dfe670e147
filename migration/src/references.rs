//! The scope in which a reference is unique: its origin, or its origin and sender.
//!
//! The unique index over references is the only record of the scope, so the rule and its record
//! cannot differ.

use sea_orm_migration::sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, Statement,
};

use crate::run;

/// The scope in which a reference is unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceKey {
    /// The origin.
    Origin,
    /// The origin and the sender. Commands without a sender share their references.
    OriginAndSender,
}

/// The reason why the scope of references was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceKeyError {
    /// The ledger already has commands, so the scope cannot change any more.
    #[error(
        "the scope of references cannot change because the ledger has commands: a command that is \
         sent again would be applied again"
    )]
    HasCommands,
    /// The database reported an error.
    #[error(transparent)]
    Database(#[from] DbErr),
}

const KEY_COLUMNS: &str = "SELECT indnkeyatts::int FROM pg_index \
    WHERE indexrelid = to_regclass('credits_transaction_reference_key')";
const KEY_COLUMNS_SQLITE: &str =
    "SELECT count(*) FROM pragma_index_xinfo('credits_transaction_reference_key') WHERE key = 1";
/// The internal origin is left out: it has the grants and expirations of jobs, which have no
/// sender.
const HAS_COMMANDS: &str = "SELECT CAST(EXISTS (SELECT 1 FROM credits_transaction \
    WHERE origin IN ('usage', 'funding')) AS int)";
const PER_ORIGIN: &str = "DROP INDEX credits_transaction_reference_key; \
    CREATE UNIQUE INDEX credits_transaction_reference_key \
        ON credits_transaction (origin, reference_id)";
const PER_SENDER: &str = "DROP INDEX credits_transaction_reference_key; \
    CREATE UNIQUE INDEX credits_transaction_reference_key \
        ON credits_transaction (origin, reference_id, COALESCE(sender, ''))";

/// The scope in which a reference is unique in this database. Writes nothing.
pub async fn reference_key<C: ConnectionTrait>(db: &C) -> Result<ReferenceKey, DbErr> {
    let columns = match db.get_database_backend() {
        DbBackend::Postgres => KEY_COLUMNS,
        _ => KEY_COLUMNS_SQLITE,
    };
    match number(db, columns).await? {
        Some(2) => Ok(ReferenceKey::Origin),
        Some(3) => Ok(ReferenceKey::OriginAndSender),
        other => Err(DbErr::Custom(format!(
            "the index credits_transaction_reference_key has {other:?} columns; allowed are 2 or 3"
        ))),
    }
}

/// Makes references unique within `key`, unless they are already. This is possible only while the
/// ledger has no commands. Returns whether anything changed.
pub async fn set_reference_key(
    db: &DatabaseConnection,
    key: ReferenceKey,
) -> Result<bool, ReferenceKeyError> {
    if reference_key(db).await? == key {
        return Ok(false);
    }
    let transaction = run::locked(db).await?;
    let changed = change(&transaction, key).await?;
    transaction.commit().await?;
    Ok(changed)
}

async fn change(
    transaction: &DatabaseTransaction,
    key: ReferenceKey,
) -> Result<bool, ReferenceKeyError> {
    if transaction.get_database_backend() == DbBackend::Postgres {
        // A running worker must not write a command between the check and the change.
        transaction
            .execute_unprepared("LOCK TABLE credits_transaction IN SHARE ROW EXCLUSIVE MODE")
            .await?;
    }
    if reference_key(transaction).await? == key {
        return Ok(false);
    }
    if number(transaction, HAS_COMMANDS).await? != Some(0) {
        return Err(ReferenceKeyError::HasCommands);
    }
    let index = match key {
        ReferenceKey::Origin => PER_ORIGIN,
        ReferenceKey::OriginAndSender => PER_SENDER,
    };
    transaction.execute_unprepared(index).await?;
    Ok(true)
}

async fn number<C: ConnectionTrait>(db: &C, sql: &str) -> Result<Option<i64>, DbErr> {
    let backend = db.get_database_backend();
    let row = db
        .query_one_raw(Statement::from_string(backend, sql))
        .await?;
    row.map(|row| match backend {
        DbBackend::Postgres => row.try_get_by_index::<i32>(0).map(i64::from),
        _ => row.try_get_by_index(0),
    })
    .transpose()
}
