//! What payments brought: completed purchases, and grants of periods.

use chrono::{DateTime, Utc};
use entity::credits_transaction::{Column, Entity};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryResult, QuerySelect, Statement,
    sea_query::Expr,
};

use crate::db::{Database, StoreError, bulk, get};

/// Transactions that are read at once.
const PAGE: i64 = 5_000;
/// More grants of one period are not read.
const MAX_GRANTS: i64 = 3;

/// The index on `subscription_id` and `period_start` has completed transactions only.
const GRANTS: &str = "\
SELECT reference_id FROM credits_transaction
 WHERE subscription_id = $1 AND period_start >= $2 AND period_start < $3
   AND status = 'COMPLETED' AND type = 'monthly_grant'
 ORDER BY period_start LIMIT $4";

/// The rows of the index on `purchase_id`. Constants, so that each plan can use it.
const CREDITED_ONCE: &str = "type = 'purchase' AND status = 'COMPLETED' AND duplicate_of IS NULL";

const CREDITED: &str = "\
SELECT purchase_id, created_at, id FROM credits_transaction
 WHERE status = 'COMPLETED' AND type = 'purchase'
   AND created_at >= $1 AND created_at < $2 AND (created_at, id) > ($3, $4)
 ORDER BY created_at, id LIMIT $5";

/// A period that was skipped brought nothing, and the free plan needs no payment.
const GRANTED: &str = "\
SELECT reference_id, subscription_id, period_start, created_at, id FROM credits_transaction
 WHERE status = 'COMPLETED' AND type = 'monthly_grant' AND amount > 0
   AND subscription_id NOT LIKE 'free:%'
   AND created_at >= $1 AND created_at < $2 AND (created_at, id) > ($3, $4)
 ORDER BY created_at, id LIMIT $5";

/// The references of the completed grants of a subscription whose periods start in a span, oldest
/// first, at most three. Reads over the connections that write.
pub async fn grants(
    db: &Database,
    subscription: &str,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Vec<String>, StoreError> {
    let backend = db.backend();
    let values = [
        subscription.into(),
        bulk::instant(backend, from),
        bulk::instant(backend, until),
        MAX_GRANTS.into(),
    ];
    let statement = Statement::from_sql_and_values(backend, GRANTS, values);
    let rows = db.connection().query_all_raw(statement);
    let rows = db
        .timeout()
        .wait("list the grants of a period", rows)
        .await?;
    rows.iter().map(|row| get(row, "reference_id")).collect()
}

/// Which of these payments are completed purchases.
pub async fn purchases(db: &Database, payments: &[String]) -> Result<Vec<String>, StoreError> {
    let found = Entity::find()
        .select_only()
        .column(Column::PurchaseId)
        .filter(Column::PurchaseId.is_in(payments))
        .filter(Expr::cust(CREDITED_ONCE))
        .into_tuple::<String>()
        .all(db.read_connection());
    db.timeout().wait("read purchases by payment", found).await
}

/// The place of a transaction among the others: when it was booked, and its id.
pub type CreditedPosition = (DateTime<Utc>, uuid::Uuid);

/// A completed grant of a period that brought credits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedPeriod {
    /// The reference of the grant.
    pub reference: String,
    /// The subscription that the period belongs to.
    pub subscription: String,
    /// The start of the period.
    pub start: DateTime<Utc>,
}

/// A page of the payments of the completed purchases of a span of time, after a position. Returns
/// the position of the next page, or `None` after the last one.
pub async fn credited(
    db: &Database,
    span: (DateTime<Utc>, DateTime<Utc>),
    after: CreditedPosition,
) -> Result<(Vec<String>, Option<CreditedPosition>), StoreError> {
    let (rows, next) = page(db, CREDITED, span, after).await?;
    let mut payments = Vec::with_capacity(rows.len());
    for row in &rows {
        payments.extend(get::<Option<String>>(row, "purchase_id")?);
    }
    Ok((payments, next))
}

/// A page of the grants of periods that were booked in a span of time and brought credits, after a
/// position, without those of free plans. Returns the position of the next page, or `None` after
/// the last one.
pub async fn granted(
    db: &Database,
    span: (DateTime<Utc>, DateTime<Utc>),
    after: CreditedPosition,
) -> Result<(Vec<GrantedPeriod>, Option<CreditedPosition>), StoreError> {
    let (rows, next) = page(db, GRANTED, span, after).await?;
    let grants = rows.iter().map(|row| {
        Ok(GrantedPeriod {
            reference: get(row, "reference_id")?,
            subscription: get(row, "subscription_id")?,
            start: get(row, "period_start")?,
        })
    });
    Ok((grants.collect::<Result<_, StoreError>>()?, next))
}

async fn page(
    db: &Database,
    sql: &str,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
    after: CreditedPosition,
) -> Result<(Vec<QueryResult>, Option<CreditedPosition>), StoreError> {
    let backend = db.backend();
    let values = [
        bulk::instant(backend, from),
        bulk::instant(backend, until),
        bulk::instant(backend, after.0),
        after.1.into(),
        PAGE.into(),
    ];
    let statement = Statement::from_sql_and_values(backend, sql, values);
    let rows = db.read_connection().query_all_raw(statement);
    let rows = db
        .timeout()
        .wait("list what payments brought", rows)
        .await?;
    let last = match rows.last() {
        Some(row) => Some((get(row, "created_at")?, get(row, "id")?)),
        None => None,
    };
    Ok((rows, last))
}
