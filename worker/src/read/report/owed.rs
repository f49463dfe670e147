//! What the batches held at an instant: what they hold now, less what has moved since.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, QueryResult, Statement};
use serde::Serialize;

use super::{
    money::{Money, Purse},
    movements::{PRICE, Price},
};
use crate::read::sql::{self, sum, summed};

/// What was owed at an instant: what could be spent then, or was held.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Owed {
    /// Credits that had been bought.
    pub paid: i128,
    /// What had been paid for them, batch by batch: remainder ÷ amount × price, rounded once at the end.
    pub value: Vec<Money>,
    /// Of these: credits of purchases whose price nobody told, which have no part in the value.
    pub paid_without_price: i128,
    /// Credits that plans had brought.
    pub subscription: i128,
    /// Credits that had been given otherwise.
    pub bonus: i128,
    /// By month of expiry; those that never expire last.
    pub months: Vec<Month>,
    /// Credits that had lapsed and were not swept yet. They are not owed.
    pub lapsed: i128,
}

impl Owed {
    /// All of it.
    pub const fn credits(&self) -> i128 {
        self.paid + self.free()
    }

    /// Credits that nobody paid for one by one.
    pub const fn free(&self) -> i128 {
        self.subscription + self.bonus
    }
}

/// What expires in one month.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Month {
    /// `YYYY-MM` (UTC); absent for what never expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub month: Option<String>,
    /// Credits that had been bought.
    pub paid: i128,
    /// Credits that had been given.
    pub free: i128,
}

/// Batches `b` as they were at `$1`, with what they held as `left`.
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

/// The balances of all wallets at `at`: those of now, less what was booked since.
pub(super) async fn balances(db: &DatabaseTransaction, at: DateTime<Utc>) -> Result<i128, DbErr> {
    let text = format!(
        "SELECT {} FROM (SELECT balance AS credits FROM credits_balance
         UNION ALL SELECT -amount FROM credits_transaction WHERE created_at >= $1 AND status = 'COMPLETED') w",
        sum("w.credits", "credits")
    );
    let rows = rows(db, text, at).await?;
    rows.first().map_or(Ok(0), |row| summed(row, "credits"))
}

/// What all batches held at `at`, lapsed credits included.
pub(super) async fn held(db: &DatabaseTransaction, at: DateTime<Utc>) -> Result<i128, DbErr> {
    let text = format!(
        "{THEN}SELECT {} FROM b WHERE b.held_then > 0",
        sum("b.held_then", "credits")
    );
    let rows = rows(db, text, at).await?;
    rows.first().map_or(Ok(0), |row| summed(row, "credits"))
}

/// What was owed at `at`, and what all wallets held.
pub(super) async fn owed(db: &DatabaseTransaction, at: DateTime<Utc>) -> Result<(Owed, i128), DbErr> {
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
    let mut value = Purse::default();
    let mut months: BTreeMap<String, Month> = BTreeMap::new();
    for row in rows(db, text, at).await? {
        let credits = summed(&row, "credits")?;
        if row.try_get_by::<i32, _>("is_lapsed")? == 1 {
            owed.lapsed += credits;
            continue;
        }
        let month = months.entry(row.try_get_by("month")?).or_default();
        let Price { paid, price } = Price::of(&row)?;
        if paid {
            owed.paid += credits;
            month.paid += credits;
            match price {
                Some((currency, amount, micros)) => value.of(&currency).add_part(credits, amount, micros),
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

async fn rows(db: &DatabaseTransaction, text: String, at: DateTime<Utc>) -> Result<Vec<QueryResult>, DbErr> {
    let backend = db.get_database_backend();
    let values = [sql::instant(backend, at)];
    db.query_all_raw(Statement::from_sql_and_values(backend, text, values))
        .await
}
