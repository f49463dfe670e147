//! Reads debts.

use ledger::Debt;
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement};
use uuid::Uuid;

use super::{ReadError, sql};
use crate::db::{
    StoreError,
    bulk::{self, Column},
    get,
};

/// The statement that reads the open debts of `users`, and all debts of `revocations`.
pub(crate) fn statement<'a>(
    backend: DbBackend,
    users: impl IntoIterator<Item = &'a str>,
    revocations: Vec<Uuid>,
) -> Statement {
    let users = users.into_iter().map(ToOwned::to_owned).collect();
    let mut values = bulk::rows(backend, vec![Column::Text(users)]);
    values.extend(bulk::rows(backend, vec![Column::Id(revocations)]));
    Statement::from_sql_and_values(backend, sql::DEBTS.text(backend), values)
}

/// The debt in a row of [`statement`].
pub(crate) fn from_row(row: &QueryResult) -> Result<Debt, StoreError> {
    Ok(Debt {
        id: get(row, "id")?,
        user_id: get(row, "user_id")?,
        revocation_id: get(row, "revocation_id")?,
        deposit_id: get(row, "deposit_id")?,
        amount: get(row, "amount")?,
        repaid: get(row, "repaid")?,
        forgiven: get(row, "forgiven")?,
        cancelled: get(row, "cancelled")?,
    })
}

/// The open debts of `users`.
pub(super) async fn open_debts(
    db: &impl ConnectionTrait,
    users: &[&str],
) -> Result<Vec<Debt>, ReadError> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let statement = statement(db.get_database_backend(), users.iter().copied(), Vec::new());
    let rows = db.query_all_raw(statement).await;
    let rows = rows.map_err(ReadError::reading("debts"))?;
    let debts = rows.iter().map(from_row).collect::<Result<_, _>>();
    debts.map_err(ReadError::store("debts"))
}
