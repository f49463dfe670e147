//! The contents of the batches at an instant: their current contents, less the movements since.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, QueryResult, Statement};
use serde::Serialize;

use super::{
    money::{Money, MoneyByCurrency},
    movements::{PRICE, Price},
};
use crate::{
    db::bulk,
    read::sql::{sum, summed},
};

/// Credits that were owed at an instant: credits that were spendable then, or held.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Owed {
    /// Purchased credits.
    pub paid: i128,
    /// Money paid for these credits, by currency. For each batch: remainder ÷ amount × price,
    /// rounded once at the end.
    pub value: Vec<Money>,
    /// Part of `paid`: credits of purchases without a reported price, which `value` excludes.
    pub paid_without_price: i128,
    /// Credits granted by plans.
    pub subscription: i128,
    /// Credits granted otherwise.
    pub bonus: i128,
    /// Credits by month of expiry. Credits that never expire come last.
    pub months: Vec<Month>,
    /// Credits that had expired and that the expiry job had not booked yet. They are not owed.
    pub lapsed: i128,
}

impl Owed {
    /// All owed credits.
    pub const fn credits(&self) -> i128 {
        self.paid + self.free()
    }

    /// Credits that were granted, not purchased.
    pub const fn free(&self) -> i128 {
        self.subscription + self.bonus
    }
}

/// Credits that expire in one month.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Month {
    /// `YYYY-MM` (UTC). Absent for credits that never expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub month: Option<String>,
    /// Purchased credits.
    pub paid: i128,
    /// Granted credits.
    pub free: i128,
}

/// Batches `b` as they were at `$1`, with their contents as `held_then`.
const THEN: &str = "\
WITH since AS (
  SELECT a.batch_id, sum(a.amount) AS moved
    FROM credits_transaction t JOIN credits_allocation a ON a.transaction_id = t.id
   WHERE t.created_at >= $1 GROUP BY a.batch_id),
b AS (
  SELECT batch.source_type, batch.expires_at, batch.amount, batch.paid_micros, batch.currency,
         CAST(batch.remaining - coalesce(since.moved, 0) AS bigint) AS held_then
    FROM credits_batch batch LEFT JOIN since ON since.batch_id = batch.id
   WHERE batch.status = 'ACTIVE' OR since.batch_id IS NOT NULL)
";

/// The sum of the balances of all wallets at `at`: the current balances, less the bookings since.
pub(super) async fn balances(db: &DatabaseTransaction, at: DateTime<Utc>) -> Result<i128, DbErr> {
    let text = format!(
        "SELECT {} FROM (SELECT balance AS credits FROM credits_balance
         UNION ALL SELECT -amount FROM credits_transaction WHERE created_at >= $1 AND status = 'COMPLETED') w",
        sum("w.credits", "credits")
    );
    let rows = rows(db, text, at).await?;
    rows.first().map_or(Ok(0), |row| summed(row, "credits"))
}

/// The contents of all batches at `at`. They include expired credits that the expiry job had not
/// booked yet.
pub(super) async fn held(db: &DatabaseTransaction, at: DateTime<Utc>) -> Result<i128, DbErr> {
    let text = format!(
        "{THEN}SELECT {} FROM b WHERE b.held_then > 0",
        sum("b.held_then", "credits")
    );
    let rows = rows(db, text, at).await?;
    rows.first().map_or(Ok(0), |row| summed(row, "credits"))
}

/// The credits owed at `at`, and the contents of all batches.
pub(super) async fn owed(
    db: &DatabaseTransaction,
    at: DateTime<Utc>,
) -> Result<(Owed, i128), DbErr> {
    let month = match db.get_database_backend() {
        DbBackend::Sqlite => "substr(b.expires_at, 1, 7)",
        _ => "to_char(b.expires_at AT TIME ZONE 'UTC', 'YYYY-MM')",
    };
    let text = format!(
        "{THEN}SELECT {PRICE}, b.source_type, coalesce({month}, '') AS month,
                CASE WHEN b.expires_at <= $1 THEN 1 ELSE 0 END AS is_lapsed, {}
           FROM b WHERE b.held_then > 0 GROUP BY 1, 2, 3, 4, 5, 6, 7",
        sum("b.held_then", "credits"),
    );
    let mut owed = Owed::default();
    let mut value = MoneyByCurrency::default();
    let mut months: BTreeMap<String, Month> = BTreeMap::new();
    for row in rows(db, text, at).await? {
        let credits = summed(&row, "credits")?;
        if row.try_get_by::<i32, _>("is_lapsed")? == 1 {
            owed.lapsed += credits;
            continue;
        }
        let month = months.entry(row.try_get_by("month")?).or_default();
        let Price { paid, price } = Price::from_row(&row)?;
        if paid {
            owed.paid += credits;
            month.paid += credits;
            match price {
                Some((currency, amount, micros)) => value
                    .in_currency(&currency)
                    .add_part(credits, amount, micros),
                None => owed.paid_without_price += credits,
            }
            continue;
        }
        month.free += credits;
        match row.try_get_by::<String, _>("source_type")?.as_str() {
            "SUBSCRIPTION" => owed.subscription += credits,
            _ => owed.bonus += credits,
        }
    }
    owed.value = value.into_money();
    let never = months.remove("");
    let named = months.into_iter().map(|(name, month)| Month {
        month: Some(name),
        ..month
    });
    owed.months = named.chain(never).collect();
    let all = owed.credits() + owed.lapsed;
    Ok((owed, all))
}

async fn rows(
    db: &DatabaseTransaction,
    text: String,
    at: DateTime<Utc>,
) -> Result<Vec<QueryResult>, DbErr> {
    let backend = db.get_database_backend();
    let values = [bulk::instant(backend, at)];
    db.query_all_raw(Statement::from_sql_and_values(backend, text, values))
        .await
}
