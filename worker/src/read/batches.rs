//! Reads the batches of a user.

use chrono::{DateTime, Utc};
use entity::credits_batch;
use producer_sdk::contract::BatchItem;
use sea_orm::{ConnectionTrait, EntityTrait, Statement};

use super::{ReadError, sql};
use crate::db::bulk;

fn item(model: credits_batch::Model, now: DateTime<Utc>) -> BatchItem {
    BatchItem {
        id: model.id,
        lapsed: model.status == "ACTIVE" && model.expires_at.is_some_and(|at| at <= now),
        status: model.status,
        amount: model.amount,
        remaining: model.remaining,
        held: model.held,
        source_type: model.source_type,
        source_plan: model.source_plan,
        grant_period: model.grant_period,
        paid_micros: model.paid_micros,
        currency: model.currency,
        issued_at: model.issued_at,
        expires_at: model.expires_at,
        transaction_id: model.transaction_id,
    }
}

/// Lists the columns by name, because a migration that adds a column must not change the result of
/// a cached prepared statement. A hold that has expired by `$2` reserves nothing, also if it was
/// not closed yet.
const COLUMNS: &str = "\
b.id, b.user_id, b.amount, b.remaining,
b.held - CASE WHEN b.held = 0 THEN 0 ELSE (
  SELECT CAST(coalesce(sum(s.amount - s.captured), 0) AS bigint)
    FROM credits_hold h JOIN credits_hold_slice s ON s.hold_id = h.id AND s.batch_id = b.id
   WHERE h.user_id = b.user_id AND h.status = 'OPEN' AND h.expires_at <= $2) END AS held,
b.issued_at, b.expires_at, b.status, b.source_type, b.source_plan, b.grant_period, b.paid_micros,
b.currency, b.transaction_id, b.deposit_id, b.expirations, b.created_at, b.updated_at";

/// The batches of `user` in spending order. With `include_closed`, batches without a remainder
/// follow.
pub async fn batches(
    db: &impl ConnectionTrait,
    user: &str,
    include_closed: bool,
    now: DateTime<Utc>,
) -> Result<Vec<BatchItem>, ReadError> {
    let models = models(db, user, include_closed, now).await?;
    Ok(models.into_iter().map(|model| item(model, now)).collect())
}

/// The rows of [`batches`].
pub(super) async fn models(
    db: &impl ConnectionTrait,
    user: &str,
    include_closed: bool,
    now: DateTime<Utc>,
) -> Result<Vec<credits_batch::Model>, ReadError> {
    let (filter, order) = if include_closed {
        ("", "(b.status <> 'ACTIVE'), ")
    } else {
        (" AND b.status = 'ACTIVE'", "")
    };
    let text = format!(
        "SELECT {COLUMNS} FROM credits_batch b WHERE b.user_id = $1{filter} ORDER BY {order}{}",
        sql::FIFO
    );
    let backend = db.get_database_backend();
    let values = [user.into(), bulk::instant(backend, now)];
    let statement = Statement::from_sql_and_values(backend, text, values);
    let rows = credits_batch::Entity::find()
        .from_raw_sql(statement)
        .all(db)
        .await;
    rows.map_err(ReadError::reading("batches"))
}
