//! Within what a reference is unique: its origin, or its origin and sender. The unique index over references is the only
//! place where this is kept, so the rule and its record cannot differ.

use sea_orm_migration::sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, Statement,
};

use crate::run;

/// Within what a reference is unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceKey {
    /// The origin.
    Origin,
    /// The origin and the sender; commands without one share their references.
    OriginAndSender,
}

/// The ledger has commands, so the meaning of their references cannot change any more.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceKeyError {
    /// There are commands already.
    #[error(
        "the ledger already has commands, so what makes a reference unique cannot change: a command that is sent \
         again would be applied again"
    )]
    HasCommands,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbErr),
}

const KEY_COLUMNS: &str = "SELECT indnkeyatts::int FROM pg_index \
    WHERE indexrelid = to_regclass('credits_transaction_reference_key')";
const KEY_COLUMNS_SQLITE: &str =
    "SELECT count(*) FROM pragma_index_xinfo('credits_transaction_reference_key') WHERE key = 1";
/// The internal origin has grants and expirations of jobs, whose references belong to no sender.
const HAS_COMMANDS: &str =
    "SELECT CAST(EXISTS (SELECT 1 FROM credits_transaction WHERE origin IN ('usage', 'funding')) AS int)";
const PER_ORIGIN: &str = "DROP INDEX credits_transaction_reference_key; \
    CREATE UNIQUE INDEX credits_transaction_reference_key ON credits_transaction (origin, reference_id)";
const PER_SENDER: &str = "DROP INDEX credits_transaction_reference_key; \
    CREATE UNIQUE INDEX credits_transaction_reference_key \
        ON credits_transaction (origin, reference_id, COALESCE(sender, ''))";

/// What makes a reference unique in this database. Writes nothing.
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

/// Makes references unique within `key`, which takes a ledger without commands, unless they are so already. Returns whether
/// anything changed.
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

async fn change(transaction: &DatabaseTransaction, key: ReferenceKey) -> Result<bool, ReferenceKeyError> {
    if transaction.get_database_backend() == DbBackend::Postgres {
        // A worker that runs writes no command between the look and the change.
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
    let row = db.query_one_raw(Statement::from_string(backend, sql)).await?;
    row.map(|row| match backend {
        DbBackend::Postgres => row.try_get_by_index::<i32>(0).map(i64::from),
        _ => row.try_get_by_index(0),
    })
    .transpose()
}
