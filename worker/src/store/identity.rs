//! Which ledger this is.

use sea_orm::{ConnectionTrait, DbErr, Statement};
use uuid::Uuid;

use super::{Store, StoreError};

const LEDGER_ID: &str = "SELECT id FROM ledger_identity";

impl Store {
    /// The id that the migration gave this ledger.
    pub async fn ledger_id(&self) -> Result<Uuid, StoreError> {
        let doing = "read the ledger's id";
        let statement = Statement::from_string(self.backend(), LEDGER_ID);
        let row = self
            .patience
            .wait(doing, self.read.query_one_raw(statement))
            .await?;
        row.ok_or_else(|| DbErr::RecordNotFound("the table `ledger_identity` is empty".to_owned()))
            .and_then(|row| row.try_get_by_index(0))
            .map_err(StoreError::database(doing))
    }
}
