//! The totals of each sender.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement};
use serde::Serialize;

use super::Span;
use crate::{
    db::bulk,
    read::sql::{sum, summed},
};

/// The commands of one sender, with their related transactions.
///
/// Transactions that the ledger books by itself (grants of periods, expiry) have no sender and are
/// not included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SenderTotals {
    /// The account of the broker. Absent for commands that named none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// Number of applied commands.
    pub applied: u64,
    /// Number of refused and recorded commands.
    pub refused: u64,
    /// Credits added to wallets, including bonuses of purchases.
    pub credited: i128,
    /// Credits taken from wallets.
    pub consumed: i128,
}

/// Selects commands of senders. The internal origin holds bonuses and the transactions that the
/// ledger books by itself.
const IS_COMMAND: &str = "t.origin IN ('usage', 'funding')";

/// The totals of the transactions booked in `span`, by sender, in the order of their names.
pub(super) async fn senders(
    db: &DatabaseTransaction,
    span: Span,
) -> Result<Vec<SenderTotals>, DbErr> {
    let text = format!(
        "SELECT coalesce(t.sender, '') AS sender,
                count(CASE WHEN {IS_COMMAND} AND t.status = 'COMPLETED' THEN 1 END) AS applied,
                count(CASE WHEN {IS_COMMAND} AND t.status = 'FAILED' THEN 1 END) AS refused,
                {}, {}
           FROM credits_transaction t
          WHERE t.created_at >= $1 AND t.created_at < $2 AND ({IS_COMMAND} OR t.sender IS NOT NULL)
          GROUP BY 1 ORDER BY 1",
        sum(
            "CASE WHEN t.amount > 0 THEN t.amount ELSE 0 END",
            "credited"
        ),
        sum(
            "CASE WHEN t.amount < 0 THEN -t.amount ELSE 0 END",
            "consumed"
        ),
    );
    let backend = db.get_database_backend();
    let values = [
        bulk::instant(backend, span.from),
        bulk::instant(backend, span.until),
    ];
    let rows = db
        .query_all_raw(Statement::from_sql_and_values(backend, text, values))
        .await?;
    let count = |row: &sea_orm::QueryResult, column| {
        row.try_get_by::<i64, _>(column).map(i64::unsigned_abs)
    };
    let totals = rows.iter().map(|row| {
        let sender: String = row.try_get_by("sender")?;
        Ok(SenderTotals {
            sender: Some(sender).filter(|sender| !sender.is_empty()),
            applied: count(row, "applied")?,
            refused: count(row, "refused")?,
            credited: summed(row, "credited")?,
            consumed: summed(row, "consumed")?,
        })
    });
    totals.collect()
}
