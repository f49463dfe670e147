//! The movements that were booked in a span of time.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, QueryResult, Statement, Value};
use serde::Serialize;

use super::{
    Span,
    money::{Money, MoneyByCurrency},
};
use crate::{
    db::bulk,
    read::sql::{sum, summed},
};

/// The purchases.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sold {
    /// Number of purchases.
    pub purchases: u64,
    /// Purchased credits. The bonus of a package is a grant.
    pub credits: i128,
    /// The purchases by package and currency.
    pub items: Vec<SoldItem>,
}

/// The purchases of one package in one currency.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SoldItem {
    /// The package. Absent for credits that were purchased by number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// Number of purchases.
    pub purchases: u64,
    /// Purchased credits.
    pub credits: i128,
    /// The paid amount. Absent if the commands reported no price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paid: Option<Money>,
}

/// The grants of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Granted {
    /// The type of the transaction.
    pub kind: String,
    /// The plan, or the package of a bonus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Number of grants.
    pub grants: u64,
    /// Granted credits.
    pub credits: i128,
}

/// The grants of one kind that exceeded the cap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Clipped {
    /// The type of the transaction.
    pub kind: String,
    /// Number of grants that did not fit completely.
    pub grants: u64,
    /// Credits that did not fit.
    pub credits: i128,
}

/// The consumption, captures included.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Consumed {
    /// Number of commands, including those that cost nothing.
    pub commands: u64,
    /// Consumed credits. Refunds are not subtracted.
    pub credits: i128,
    /// The services with the largest consumption.
    pub services: Vec<Service>,
    /// The sum of all other services. Absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub others: Option<Service>,
}

/// The consumption of one service, or the sum of several services.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// Name of the service. Empty in a sum.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service: String,
    /// Number of commands.
    pub commands: u64,
    /// Consumed credits.
    pub credits: i128,
    /// Number of refunds. The consumption may be older than the report.
    pub refunds: u64,
    /// Credits of refunds.
    pub refunded: i128,
}

/// The credits that the expiry job booked as expired.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Expired {
    /// Purchased credits.
    pub paid: i128,
    /// Money paid for these credits, by currency.
    pub value: Vec<Money>,
    /// Part of `paid`: credits of purchases without a reported price, which `value` excludes.
    #[serde(rename = "paidWithoutPrice")]
    pub without_price: i128,
    /// Granted credits.
    pub free: i128,
}

impl Expired {
    /// All expired credits.
    pub const fn credits(&self) -> i128 {
        self.paid + self.free
    }
}

/// The refused commands with one error code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    pub code: String,
    /// Number of commands.
    pub commands: u64,
}

/// Selects the transactions `t` of the report.
pub(super) const BOOKED: &str = "t.created_at >= $1 AND t.created_at < $2";

/// Transactions that created a batch, by type, by plan or package, and, for purchases, by currency.
async fn credited(
    db: &DatabaseTransaction,
    span: Span,
    types: &'static str,
) -> Result<Vec<QueryResult>, DbErr> {
    let text = format!(
        "SELECT t.type AS kind, coalesce(b.source_plan, '') AS plan,
                CASE WHEN b.paid_micros IS NULL THEN '' ELSE coalesce(b.currency, '') END AS currency,
                count(*) AS times, {}, {}
           FROM credits_transaction t JOIN credits_batch b ON b.transaction_id = t.id
          WHERE {BOOKED} AND t.status = 'COMPLETED' AND t.amount > 0 AND t.type IN ({types})
          GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        sum("t.amount", "credits"),
        sum("coalesce(b.paid_micros, 0)", "paid"),
    );
    booked(db, span, text, None).await
}

pub(super) async fn sold(db: &DatabaseTransaction, span: Span) -> Result<Sold, DbErr> {
    let mut sold = Sold::default();
    for row in credited(db, span, "'purchase'").await? {
        let currency: String = row.try_get_by("currency")?;
        let paid = if currency.is_empty() {
            None
        } else {
            let mut paid = Money::none(currency);
            paid.add(summed(&row, "paid")?);
            Some(paid)
        };
        let item = SoldItem {
            package: name(&row, "plan")?,
            purchases: times(&row)?,
            credits: summed(&row, "credits")?,
            paid,
        };
        sold.purchases += item.purchases;
        sold.credits += item.credits;
        sold.items.push(item);
    }
    Ok(sold)
}

pub(super) async fn granted(db: &DatabaseTransaction, span: Span) -> Result<Vec<Granted>, DbErr> {
    let types = "'bonus', 'registration_bonus', 'monthly_grant', 'promotion'";
    let rows = credited(db, span, types).await?;
    let granted = rows.iter().map(|row| {
        Ok(Granted {
            kind: row.try_get_by("kind")?,
            plan: name(row, "plan")?,
            grants: times(row)?,
            credits: summed(row, "credits")?,
        })
    });
    granted.collect()
}

pub(super) async fn clipped(db: &DatabaseTransaction, span: Span) -> Result<Vec<Clipped>, DbErr> {
    let text = format!(
        "SELECT t.type AS kind, count(*) AS times, {}
           FROM credits_transaction t
          WHERE {BOOKED} AND t.type IN ('registration_bonus', 'monthly_grant', 'promotion')
            AND t.detail ->> 'clipped' IS NOT NULL
          GROUP BY 1 ORDER BY 1",
        sum("CAST(t.detail ->> 'clipped' AS bigint)", "credits"),
    );
    let rows = booked(db, span, text, None).await?;
    let clipped = rows.iter().map(|row| {
        Ok(Clipped {
            kind: row.try_get_by("kind")?,
            grants: times(row)?,
            credits: summed(row, "credits")?,
        })
    });
    clipped.collect()
}

/// By type: the number of transactions, and the credits that they added to wallets.
pub(super) struct Totals(BTreeMap<String, (u64, i128)>);

impl Totals {
    pub fn credits(&self, kind: &str) -> i128 {
        self.0.get(kind).map_or(0, |(_, credits)| *credits)
    }

    fn times(&self, kind: &str) -> u64 {
        self.0.get(kind).map_or(0, |(times, _)| *times)
    }
}

pub(super) async fn totals(db: &DatabaseTransaction, span: Span) -> Result<Totals, DbErr> {
    let text = format!(
        "SELECT t.type AS kind, count(*) AS times, {} FROM credits_transaction t
          WHERE {BOOKED} AND t.status = 'COMPLETED' GROUP BY 1",
        sum("t.amount", "credits"),
    );
    let rows = booked(db, span, text, None).await?;
    let totals = rows.iter().map(|row| {
        let kind = row.try_get_by("kind")?;
        Ok((kind, (times(row)?, summed(row, "credits")?)))
    });
    Ok(Totals(totals.collect::<Result<_, DbErr>>()?))
}

pub(super) async fn consumed(
    db: &DatabaseTransaction,
    span: Span,
    top: u32,
    totals: &Totals,
) -> Result<Consumed, DbErr> {
    let text = format!(
        "SELECT coalesce(t.service, '') AS service,
                count(CASE WHEN t.type <> 'refund' THEN 1 END) AS times,
                count(CASE WHEN t.type = 'refund' THEN 1 END) AS refunds, {}, {}
           FROM credits_transaction t
          WHERE {BOOKED} AND t.status = 'COMPLETED'
            AND t.type IN ('consumption', 'capture', 'refund')
          GROUP BY 1
          ORDER BY sum(CASE WHEN t.type <> 'refund' THEN t.amount * 1.0 ELSE 0 END), 1 LIMIT $3",
        sum(
            "CASE WHEN t.type <> 'refund' THEN -t.amount ELSE 0 END",
            "credits"
        ),
        sum(
            "CASE WHEN t.type = 'refund' THEN t.amount ELSE 0 END",
            "refunded"
        ),
    );
    let mut consumed = Consumed {
        commands: totals.times("consumption") + totals.times("capture"),
        credits: -totals.credits("consumption") - totals.credits("capture"),
        ..Consumed::default()
    };
    let mut others = Service {
        service: String::new(),
        commands: consumed.commands,
        credits: consumed.credits,
        refunds: totals.times("refund"),
        refunded: totals.credits("refund"),
    };
    for row in booked(db, span, text, Some(top)).await? {
        let service = Service {
            service: row.try_get_by("service")?,
            commands: times(&row)?,
            credits: summed(&row, "credits")?,
            refunds: row.try_get_by::<i64, _>("refunds")?.unsigned_abs(),
            refunded: summed(&row, "refunded")?,
        };
        others.commands -= service.commands;
        others.credits -= service.credits;
        others.refunds -= service.refunds;
        others.refunded -= service.refunded;
        consumed.services.push(service);
    }
    consumed.others = (others.commands + others.refunds > 0).then_some(others);
    Ok(consumed)
}

pub(super) async fn expired(db: &DatabaseTransaction, span: Span) -> Result<Expired, DbErr> {
    let text = format!(
        "SELECT {}, {}
           FROM credits_transaction t
           JOIN credits_allocation a ON a.transaction_id = t.id
           JOIN credits_batch b ON b.id = a.batch_id
          WHERE {BOOKED} AND t.status = 'COMPLETED' AND t.type = 'expiration'
          GROUP BY 1, 2, 3, 4",
        PRICE,
        sum("-a.amount", "credits"),
    );
    let mut expired = Expired::default();
    let mut value = MoneyByCurrency::default();
    for row in booked(db, span, text, None).await? {
        let credits = summed(&row, "credits")?;
        let Price { paid, price } = Price::from_row(&row)?;
        if !paid {
            expired.free += credits;
            continue;
        }
        expired.paid += credits;
        match price {
            Some((currency, amount, micros)) => value
                .in_currency(&currency)
                .add_part(credits, amount, micros),
            None => expired.without_price += credits,
        }
    }
    expired.value = value.into_money();
    Ok(expired)
}

pub(super) async fn refused(db: &DatabaseTransaction, span: Span) -> Result<Vec<Refused>, DbErr> {
    let text = format!(
        "SELECT coalesce(t.error_code, '') AS code, count(*) AS times FROM credits_transaction t
          WHERE {BOOKED} AND t.status = 'FAILED' GROUP BY 1 ORDER BY 2 DESC, 1"
    );
    let rows = booked(db, span, text, None).await?;
    let refused = rows.iter().map(|row| {
        Ok(Refused {
            code: row.try_get_by("code")?,
            commands: times(row)?,
        })
    });
    refused.collect()
}

pub(super) async fn booked(
    db: &DatabaseTransaction,
    span: Span,
    text: String,
    limit: Option<u32>,
) -> Result<Vec<QueryResult>, DbErr> {
    let backend = db.get_database_backend();
    let mut values: Vec<Value> = vec![
        bulk::instant(backend, span.from),
        bulk::instant(backend, span.until),
    ];
    values.extend(limit.map(|limit| i64::from(limit).into()));
    db.query_all_raw(Statement::from_sql_and_values(backend, text, values))
        .await
}

pub(super) fn times(row: &QueryResult) -> Result<u64, DbErr> {
    Ok(row.try_get_by::<i64, _>("times")?.unsigned_abs())
}

pub(super) fn name(row: &QueryResult, column: &str) -> Result<Option<String>, DbErr> {
    let name: String = row.try_get_by(column)?;
    Ok((!name.is_empty()).then_some(name))
}

/// Whether credits were purchased, and their price: currency, number of credits, millionths.
pub(super) struct Price {
    pub paid: bool,
    pub price: Option<(String, i64, i64)>,
}

/// The columns of a batch `b` that [`Price::from_row`] reads. All batches without a price form one
/// group.
pub(super) const PRICE: &str = "\
CASE WHEN b.source_type = 'PURCHASE' THEN 1 ELSE 0 END AS is_paid,
CASE WHEN b.source_type = 'PURCHASE' AND b.paid_micros IS NOT NULL THEN b.currency END AS currency,
CASE WHEN b.source_type = 'PURCHASE' AND b.paid_micros IS NOT NULL AND b.currency IS NOT NULL THEN b.amount END AS amount,
CASE WHEN b.source_type = 'PURCHASE' AND b.currency IS NOT NULL THEN b.paid_micros END AS paid_micros";

impl Price {
    pub fn from_row(row: &QueryResult) -> Result<Self, DbErr> {
        let paid: i32 = row.try_get_by("is_paid")?;
        let currency: Option<String> = row.try_get_by("currency")?;
        let amount: Option<i64> = row.try_get_by("amount")?;
        let micros: Option<i64> = row.try_get_by("paid_micros")?;
        let price = match (currency, amount, micros) {
            (Some(currency), Some(amount), Some(micros)) => Some((currency, amount, micros)),
            _ => None,
        };
        Ok(Self {
            paid: paid == 1,
            price,
        })
    }
}
