//! Reads the holds of a user.

use chrono::{DateTime, Utc};
use producer_sdk::contract::HoldItem;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, prelude::Uuid};

use super::ReadError;

#[derive(FromQueryResult)]
struct Row {
    id: Uuid,
    origin: String,
    reference_id: String,
    service: String,
    amount: i64,
    captured: i64,
    status: String,
    expires_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

const SQL: &str = "\
SELECT h.id, h.origin, h.reference_id, h.service, h.amount, h.captured, h.status, h.expires_at,
       h.closed_at, h.created_at
  FROM credits_hold h
 WHERE h.user_id = $1";

/// The holds of `user`, the first to end first. With `include_closed`, closed holds follow.
pub async fn holds(
    db: &impl ConnectionTrait,
    user: &str,
    include_closed: bool,
    now: DateTime<Utc>,
) -> Result<Vec<HoldItem>, ReadError> {
    let (filter, order) = if include_closed {
        ("", "(h.status <> 'OPEN'), ")
    } else {
        (" AND h.status = 'OPEN'", "")
    };
    let text = format!("{SQL}{filter} ORDER BY {order}h.expires_at, h.id");
    let statement = Statement::from_sql_and_values(db.get_database_backend(), text, [user.into()]);
    let rows = Row::find_by_statement(statement).all(db).await;
    let rows = rows.map_err(ReadError::reading("holds"))?;
    let items = rows.into_iter().map(|row| item(row, now));
    Ok(items
        .filter(|hold| include_closed || !hold.lapsed)
        .collect())
}

fn item(row: Row, now: DateTime<Utc>) -> HoldItem {
    let is_open = row.status == "OPEN";
    let lapsed = is_open && row.expires_at <= now;
    let rest = row.amount.saturating_sub(row.captured);
    HoldItem {
        reference_id: row.reference_id,
        origin: row.origin,
        lapsed,
        held: if is_open && !lapsed { rest } else { 0 },
        status: row.status,
        service: row.service,
        amount: row.amount,
        captured: row.captured,
        expires_at: row.expires_at,
        closed_at: row.closed_at,
        created_at: row.created_at,
        transaction_id: row.id,
    }
}
