//! Refunds and revocations by month, revenue, and debt.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, QueryResult};
use serde::Serialize;

use super::{
    Sold, Span,
    money::{Money, MoneyByCurrency},
    movements::{BOOKED, booked, name, times},
};
use crate::read::sql::{sum, summed};

/// The refunds of one service in one month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refunds {
    /// `YYYY-MM` (UTC) in which they were booked.
    pub month: String,
    /// Name of the service.
    pub service: String,
    /// Number of refunds.
    pub refunds: u64,
    /// Returned credits.
    pub credits: i128,
}

/// The revocations of the deposits of one kind in one month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Revocations {
    /// `YYYY-MM` (UTC) in which they were booked.
    pub month: String,
    /// The type of the deposits.
    pub kind: String,
    /// The plan, or the package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Number of revocations of a deposit.
    pub revocations: u64,
    /// Revoked credits: taken from wallets, owed, or expired.
    pub revoked: i128,
    /// Credits of `revoked` that were taken from wallets.
    pub taken: i128,
    /// Credits of `revoked` that became debt.
    pub indebted: i128,
    /// Credits that reinstatements returned.
    pub reinstated: i128,
}

/// Money in one currency.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Revenue {
    /// What was paid for purchases.
    pub paid: Money,
    /// The price of the purchased credits that were revoked, less those that were reinstated.
    pub revoked: Money,
    /// `paid` less `revoked`. It is negative if more was revoked than was paid in this time.
    pub net: Money,
}

/// What users owe, in credits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DebtTotals {
    /// Owed at the beginning.
    pub opening: i128,
    /// What revocations could not take.
    pub created: i128,
    /// What new credits repaid.
    pub repaid: i128,
    /// What was written off.
    pub forgiven: i128,
    /// What reinstatements cancelled.
    pub cancelled: i128,
    /// Owed at the end.
    pub closing: i128,
}

/// The month of the booking of the transaction `t`.
const fn month(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Sqlite => "substr(t.created_at, 1, 7)",
        _ => "to_char(t.created_at AT TIME ZONE 'UTC', 'YYYY-MM')",
    }
}

/// The id of the deposit in the detail of the transaction `{t}`.
const fn deposit(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Sqlite => "unhex(replace({t}.detail ->> 'depositId', '-', ''))",
        _ => "CAST({t}.detail ->> 'depositId' AS uuid)",
    }
}

pub(super) async fn refunds(db: &DatabaseTransaction, span: Span) -> Result<Vec<Refunds>, DbErr> {
    let month = month(db.get_database_backend());
    let text = format!(
        "SELECT {month} AS month, coalesce(t.service, '') AS service, count(*) AS times, {}
           FROM credits_transaction t
          WHERE {BOOKED} AND t.status = 'COMPLETED' AND t.type = 'refund'
          GROUP BY 1, 2 ORDER BY 1, 2",
        sum("t.amount", "credits"),
    );
    let rows = booked(db, span, text, None).await?;
    let refunds = rows.iter().map(|row| {
        Ok(Refunds {
            month: row.try_get_by("month")?,
            service: row.try_get_by("service")?,
            refunds: times(row)?,
            credits: summed(row, "credits")?,
        })
    });
    refunds.collect()
}

/// The plan or package is that of the batch that the deposit itself added.
pub(super) async fn revocations(
    db: &DatabaseTransaction,
    span: Span,
) -> Result<Vec<Revocations>, DbErr> {
    let backend = db.get_database_backend();
    let (month, deposit) = (month(backend), deposit(backend).replace("{t}", "t"));
    let text = format!(
        "SELECT {month} AS month, d.type AS kind, coalesce(b.source_plan, '') AS plan,
                count(CASE WHEN t.type = 'revocation' THEN 1 END) AS times, {}, {}, {}, {}
           FROM credits_transaction t
           JOIN credits_transaction d ON d.id = {deposit}
           LEFT JOIN credits_batch b ON b.transaction_id = d.id
          WHERE {BOOKED} AND t.status = 'COMPLETED' AND t.type IN ('revocation', 'debt', 'reinstatement')
          GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        sum(
            "CASE WHEN t.type = 'revocation' THEN CAST(t.detail ->> 'revoked' AS bigint) ELSE 0 END",
            "revoked"
        ),
        sum(
            "CASE WHEN t.type = 'revocation' THEN -t.amount ELSE 0 END",
            "taken"
        ),
        sum(
            "CASE WHEN t.type = 'debt' THEN t.debt_change ELSE 0 END",
            "indebted"
        ),
        sum(
            "CASE WHEN t.type = 'reinstatement' THEN t.amount ELSE 0 END",
            "reinstated"
        ),
    );
    let rows = booked(db, span, text, None).await?;
    let revocations = rows.iter().map(|row| {
        Ok(Revocations {
            month: row.try_get_by("month")?,
            kind: row.try_get_by("kind")?,
            plan: name(row, "plan")?,
            revocations: times(row)?,
            revoked: summed(row, "revoked")?,
            taken: summed(row, "taken")?,
            indebted: summed(row, "indebted")?,
            reinstated: summed(row, "reinstated")?,
        })
    });
    revocations.collect()
}

/// A reinstatement subtracts the value of all parts of its revocation again.
pub(super) async fn revenue(
    db: &DatabaseTransaction,
    span: Span,
    sold: &Sold,
) -> Result<Vec<Revenue>, DbErr> {
    let backend = db.get_database_backend();
    let (own, part) = (
        deposit(backend).replace("{t}", "t"),
        deposit(backend).replace("{t}", "v"),
    );
    let text = format!(
        "SELECT b.currency, b.amount, b.paid_micros, {}
           FROM (SELECT {own} AS deposit, CAST(t.detail ->> 'revoked' AS bigint) AS revoked
                   FROM credits_transaction t
                  WHERE {BOOKED} AND t.status = 'COMPLETED' AND t.type = 'revocation'
                 UNION ALL
                 SELECT {part}, -CAST(v.detail ->> 'revoked' AS bigint)
                   FROM credits_transaction t
                   JOIN credits_transaction v ON v.type = 'revocation' AND v.user_id = t.user_id
                    AND (v.id = t.related_id OR v.related_id = t.related_id)
                  WHERE {BOOKED} AND t.status = 'COMPLETED' AND t.type = 'reinstatement'
                    AND t.origin <> 'internal') r
           JOIN credits_batch b ON b.transaction_id = r.deposit
          WHERE b.source_type = 'PURCHASE' AND b.paid_micros IS NOT NULL AND b.currency IS NOT NULL
          GROUP BY 1, 2, 3",
        sum("r.revoked", "revoked"),
    );
    let mut revoked = MoneyByCurrency::default();
    let mut net = MoneyByCurrency::default();
    let mut paid = MoneyByCurrency::default();
    for money in sold.items.iter().filter_map(|item| item.paid.as_ref()) {
        paid.in_currency(money.currency()).add_money(money);
        net.in_currency(money.currency()).add_money(money);
    }
    for row in booked(db, span, text, None).await? {
        let (currency, amount, micros) = price(&row)?;
        let credits = summed(&row, "revoked")?;
        revoked
            .in_currency(&currency)
            .add_part(credits, amount, micros);
        net.in_currency(&currency)
            .add_part(-credits, amount, micros);
    }
    let by_currency = |money: MoneyByCurrency| -> BTreeMap<String, Money> {
        let money = money.into_money().into_iter();
        money
            .map(|money| (money.currency().to_owned(), money))
            .collect()
    };
    let (mut paid, mut revoked) = (by_currency(paid), by_currency(revoked));
    let revenue = net.into_money().into_iter().map(|net| {
        let currency = net.currency().to_owned();
        let of = |all: &mut BTreeMap<String, Money>| {
            let none = || Money::none(currency.clone());
            all.remove(&currency).unwrap_or_else(none)
        };
        Revenue {
            paid: of(&mut paid),
            revoked: of(&mut revoked),
            net,
        }
    });
    Ok(revenue.collect())
}

fn price(row: &QueryResult) -> Result<(String, i64, i64), DbErr> {
    Ok((
        row.try_get_by("currency")?,
        row.try_get_by("amount")?,
        row.try_get_by("paid_micros")?,
    ))
}

pub(super) async fn debt(db: &DatabaseTransaction, span: Span) -> Result<DebtTotals, DbErr> {
    let text = format!(
        "SELECT '' AS kind, {} FROM (
           SELECT debt AS credits FROM credits_balance
           UNION ALL
           SELECT -t.debt_change FROM credits_transaction t
            WHERE t.created_at >= $2 AND t.debt_change IS NOT NULL) w
         UNION ALL
         SELECT t.type AS kind, {} FROM credits_transaction t
          WHERE {BOOKED} AND t.debt_change IS NOT NULL GROUP BY t.type",
        sum("w.credits", "credits"),
        sum("t.debt_change", "credits"),
    );
    let mut totals = DebtTotals::default();
    for row in booked(db, span, text, None).await? {
        let kind: String = row.try_get_by("kind")?;
        let credits = summed(&row, "credits")?;
        match kind.as_str() {
            "" => totals.closing = credits,
            "debt" => totals.created = credits,
            "repayment" => totals.repaid = -credits,
            "forgiveness" => totals.forgiven = -credits,
            _ => totals.cancelled = -credits,
        }
    }
    let settled = totals.repaid + totals.forgiven + totals.cancelled;
    totals.opening = totals.closing - totals.created + settled;
    Ok(totals)
}
