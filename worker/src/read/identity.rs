//! The identity of the ledger.

use sea_orm::{ConnectionTrait, DbErr, Statement};
use uuid::Uuid;

use crate::db::{Database, StoreError};

const LEDGER_ID: &str = "SELECT id FROM ledger_identity";

/// The id of the ledger, which the migration generated.
pub async fn ledger_id(db: &Database) -> Result<Uuid, StoreError> {
    let doing = "read the ledger's id";
    let statement = Statement::from_string(db.backend(), LEDGER_ID);
    let queried = db.read_connection().query_one_raw(statement);
    let row = db.timeout().wait(doing, queried).await?;
    row.ok_or_else(|| DbErr::RecordNotFound("the table `ledger_identity` is empty".to_owned()))
        .and_then(|row| row.try_get_by_index(0))
        .map_err(StoreError::database(doing))
}
