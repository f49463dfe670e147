//! Reads the balances of users.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use ledger::{Book, Debt, Inconsistency, Posting, Rules, Subscription, Wallet};
use producer_sdk::contract::{BalanceResult, ExpiringBatch, NextGrant};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, FromQueryResult, Statement, Value,
    prelude::Uuid,
};

use super::{ReadError, sql, stored_debts::open_debts, subscriptions};
use crate::db::bulk;

#[derive(FromQueryResult)]
struct Row {
    user_id: String,
    balance: i64,
    held: i64,
    holds_end_at: Option<DateTime<Utc>>,
    debt: i64,
    total_earned: i64,
    total_spent: i64,
    status: String,
    version: i64,
    next_due_at: Option<DateTime<Utc>>,
    lapsed: i64,
    next_amount: Option<i64>,
    next_expires_at: Option<DateTime<Utc>>,
}

/// Reads everything in one statement, so that the values are consistent. `{users}` is the list of
/// users. A hold that has expired reserves nothing, also if it was not closed yet: `{ended}` is
/// what such holds of the wallet have reserved, and `{free}` is what is not held of a batch.
const SQL: &str = "\
SELECT w.user_id, w.balance, w.held - {ended} AS held, {holds_end} AS holds_end_at,
       w.debt, w.total_earned, w.total_spent, w.status, w.version, w.next_due_at,
       (SELECT CAST(coalesce(sum({free}), 0) AS bigint) FROM credits_batch b
         WHERE b.user_id = w.user_id AND b.status = 'ACTIVE' AND b.expires_at <= $2) AS lapsed,
       (SELECT CAST(sum({free}) AS bigint) FROM credits_batch b
         WHERE b.user_id = w.user_id AND b.status = 'ACTIVE' AND b.expires_at > $2 AND {free} > 0
         GROUP BY b.expires_at ORDER BY b.expires_at LIMIT 1) AS next_amount,
       (SELECT min(b.expires_at) FROM credits_batch b
         WHERE b.user_id = w.user_id AND b.status = 'ACTIVE' AND b.expires_at > $2 AND {free} > 0)
         AS next_expires_at
  FROM credits_balance w
 WHERE w.user_id IN ({users})";

/// What the holds of the wallet `w` that have expired by `$2` and are still OPEN have reserved.
pub(super) const ENDED: &str = "\
CASE WHEN w.holds_end_at <= $2 THEN (
  SELECT CAST(coalesce(sum(h.amount - h.captured), 0) AS bigint) FROM credits_hold h
   WHERE h.user_id = w.user_id AND h.status = 'OPEN' AND h.expires_at <= $2) ELSE 0 END";

/// When the next hold of the wallet `w` ends.
const HOLDS_END: &str = "\
CASE WHEN w.holds_end_at <= $2 THEN (
  SELECT min(h.expires_at) FROM credits_hold h
   WHERE h.user_id = w.user_id AND h.status = 'OPEN' AND h.expires_at > $2)
  ELSE w.holds_end_at END";

/// What is not held of the batch `b` of the wallet `w`.
const FREE: &str = "\
(b.remaining - b.held + CASE WHEN w.holds_end_at <= $2 THEN (
  SELECT CAST(coalesce(sum(s.amount - s.captured), 0) AS bigint)
    FROM credits_hold h JOIN credits_hold_slice s ON s.hold_id = h.id AND s.batch_id = b.id
   WHERE h.user_id = w.user_id AND h.status = 'OPEN' AND h.expires_at <= $2) ELSE 0 END)";

/// The statement for a list of users.
fn text(users: &str) -> String {
    SQL.replace("{ended}", ENDED)
        .replace("{holds_end}", HOLDS_END)
        .replace("{free}", FREE)
        .replace("{users}", users)
}

/// Whether `user` has a wallet.
pub async fn has_wallet(db: &DatabaseConnection, user: &str) -> Result<bool, ReadError> {
    let text = "SELECT 1 FROM credits_balance WHERE user_id = $1";
    let statement = Statement::from_sql_and_values(db.get_database_backend(), text, [user.into()]);
    let row = db.query_one_raw(statement).await;
    Ok(row.map_err(ReadError::reading("balance"))?.is_some())
}

/// The balance of `user` at `now`, with the plans of `rules`. `None` if the user has no wallet.
pub async fn balance(
    db: &DatabaseConnection,
    user: &str,
    rules: &Rules,
    now: DateTime<Utc>,
) -> Result<Option<BalanceResult>, ReadError> {
    Ok(balances(db, &[user], rules, now).await?.pop())
}

/// The balances of several users. Users without a wallet are left out.
pub async fn balances(
    db: &DatabaseConnection,
    users: &[&str],
    rules: &Rules,
    now: DateTime<Utc>,
) -> Result<Vec<BalanceResult>, ReadError> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let backend = db.get_database_backend();
    let (list, values): (&str, Value) = match backend {
        DbBackend::Sqlite => (
            "SELECT value FROM json_each($1)",
            serde_json::Value::from(users).to_string().into(),
        ),
        _ => (
            "SELECT UNNEST($1)",
            users
                .iter()
                .map(|user| (*user).to_owned())
                .collect::<Vec<_>>()
                .into(),
        ),
    };
    let values = [values, bulk::instant(backend, now)];
    let statement = Statement::from_sql_and_values(backend, text(list), values);
    read(db, statement, rules, now, "balance").await
}

/// A page of wallets in the order of their users: at most `$4` users after `$1` up to `$3`.
const PAGE: &str = "SELECT user_id FROM credits_balance WHERE user_id > $1 AND user_id <= $3 ORDER BY user_id LIMIT $4";

/// The balances at `now` of the first `limit` users after `after` up to `last`, in their order.
pub(super) async fn page(
    db: &DatabaseConnection,
    (after, last): (&str, &str),
    limit: u32,
    rules: &Rules,
    now: DateTime<Utc>,
) -> Result<Vec<BalanceResult>, ReadError> {
    let backend = db.get_database_backend();
    let values: [Value; 4] = [
        after.into(),
        bulk::instant(backend, now),
        last.into(),
        i64::from(limit).into(),
    ];
    let text = format!("{} ORDER BY w.user_id", text(PAGE));
    let statement = Statement::from_sql_and_values(backend, text, values);
    read(db, statement, rules, now, "wallets").await
}

/// The balances of the wallets that `statement` selects, in its order.
async fn read(
    db: &DatabaseConnection,
    statement: Statement,
    rules: &Rules,
    now: DateTime<Utc>,
    what: &'static str,
) -> Result<Vec<BalanceResult>, ReadError> {
    // The wallets are read first, so that a version of a wallet is never reported with older
    // subscriptions.
    let mut rows = wallets(db, statement.clone(), what).await?;
    let is_due = |row: &Row| row.next_due_at.is_some_and(|at| at <= now);
    let (mut subscriptions, debts) = if rows.iter().any(is_due) {
        // Without a snapshot, a grant that commits between the two statements would be missing from
        // both.
        let snapshot = sql::begin_consistent_read(db).await;
        let snapshot = snapshot.map_err(ReadError::reading(what))?;
        rows = wallets(&snapshot, statement, what).await?;
        let subscriptions = of_users(&snapshot, &rows).await?;
        // What is due may repay them.
        let indebted = rows.iter().filter(|row| row.debt > 0 && is_due(row));
        let indebted: Vec<&str> = indebted.map(|row| row.user_id.as_str()).collect();
        let debts = open_debts(&snapshot, &indebted).await?;
        snapshot
            .rollback()
            .await
            .map_err(ReadError::reading(what))?;
        (subscriptions, debts)
    } else {
        (of_users(db, &rows).await?, Vec::new())
    };
    rows.into_iter()
        .map(|row| {
            let of_user = subscriptions.remove(&row.user_id).unwrap_or_default();
            result(row, of_user, &debts, rules, now).map_err(ReadError::inconsistent(what))
        })
        .collect()
}

async fn wallets(
    db: &impl ConnectionTrait,
    statement: Statement,
    what: &'static str,
) -> Result<Vec<Row>, ReadError> {
    let rows = Row::find_by_statement(statement).all(db).await;
    rows.map_err(ReadError::reading(what))
}

async fn of_users(
    db: &impl ConnectionTrait,
    rows: &[Row],
) -> Result<HashMap<String, Vec<Subscription>>, ReadError> {
    let users: Vec<&str> = rows.iter().map(|row| row.user_id.as_str()).collect();
    subscriptions(db, &users).await
}

/// The balance of a user as if the due periods had been granted.
fn result(
    row: Row,
    subscriptions: Vec<Subscription>,
    debts: &[Debt],
    rules: &Rules,
    now: DateTime<Utc>,
) -> Result<BalanceResult, Inconsistency> {
    let mut book = Book::default();
    let mut wallet = Wallet::new(Uuid::nil(), row.user_id.clone());
    // Without the expired credits, no batch is needed to compute the spendable credits.
    wallet.balance = row.balance.saturating_sub(row.lapsed);
    wallet.held = row.held;
    wallet.debt = row.debt;
    wallet.total_earned = row.total_earned;
    wallet.next_due_at = row.next_due_at;
    book.add_wallet(wallet);
    for subscription in subscriptions {
        book.add_subscription(subscription);
    }
    for debt in debts.iter().filter(|debt| debt.user_id == row.user_id) {
        book.add_debt(debt.clone());
    }
    let settled = book.settle(&row.user_id, rules, now, &mut Uuid::now_v7)?;
    let sum = |of: fn(&Posting) -> i64| settled.iter().map(of).fold(0, i64::saturating_add);
    let granted = sum(|posting| posting.amount);
    let debt_change = sum(|posting| posting.debt_change);
    let expiring = book
        .wallet(&row.user_id)
        .into_iter()
        .flat_map(Wallet::batches);
    let expiring = expiring.filter_map(|batch| Some((batch.expires_at?, batch.remaining)));
    let stored = row.next_expires_at.zip(row.next_amount);
    let next_grant = ledger::next_grant(book.subscriptions(&row.user_id), rules, now);
    Ok(BalanceResult {
        available_credits: row
            .balance
            .saturating_sub(row.held)
            .saturating_sub(row.lapsed)
            .saturating_add(granted),
        balance: row.balance.saturating_add(granted),
        held: row.held,
        holds_end_at: row.holds_end_at,
        debt: row.debt.saturating_add(debt_change),
        total_earned: row.total_earned.saturating_add(granted),
        total_spent: row.total_spent,
        status: row.status,
        next_expiring_batch: first_expiring(stored.into_iter().chain(expiring)),
        next_grant_info: next_grant.filter(|_| rules.enabled).map(|grant| NextGrant {
            amount: grant.amount,
            grant_date: grant.at,
            plan_name: grant.plan,
        }),
        version: row.version,
        user_id: row.user_id,
    })
}

/// The sum of the batches with the earliest expiry.
fn first_expiring(expiring: impl Iterator<Item = (DateTime<Utc>, i64)>) -> Option<ExpiringBatch> {
    expiring.fold(
        None,
        |first: Option<ExpiringBatch>, (expires_at, amount)| match first {
            Some(first) if first.expires_at < expires_at => Some(first),
            Some(first) if first.expires_at == expires_at => Some(ExpiringBatch {
                amount: first.amount.saturating_add(amount),
                expires_at,
            }),
            _ => Some(ExpiringBatch { amount, expires_at }),
        },
    )
}
