//! The identity of the ledger.

use sea_orm::{ConnectionTrait, DbErr, Statement};
use uuid::Uuid;

use super::{Store, StoreError};

const LEDGER_ID: &str = "SELECT id FROM ledger_identity";

impl Store {
    /// The id of this ledger, which the migration generated.
    pub async fn ledger_id(&self) -> Result<Uuid, StoreError> {
        let doing = "read the ledger's id";
        let statement = Statement::from_string(self.backend(), LEDGER_ID);
        let row = self
            .timeout
            .wait(doing, self.read.query_one_raw(statement))
            .await?;
        row.ok_or_else(|| DbErr::RecordNotFound("the table `ledger_identity` is empty".to_owned()))
            .and_then(|row| row.try_get_by_index(0))
            .map_err(StoreError::database(doing))
    }
}
