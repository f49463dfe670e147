//! What users have.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use ledger::Rules;
use producer_sdk::contract::{BalanceResult, ExpiringBatch, NextGrant};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, FromQueryResult, Statement, Value};

use super::{ReadError, sql, subscriptions};

#[derive(FromQueryResult)]
struct Row {
    user_id: String,
    balance: i64,
    held: i64,
    total_earned: i64,
    total_spent: i64,
    status: String,
    version: i64,
    lapsed: i64,
    next_amount: Option<i64>,
    next_expires_at: Option<DateTime<Utc>>,
}

/// All of it in one statement, so that what it says fits together. `{users}` is the list of users.
const SQL: &str = "\
SELECT w.user_id, w.balance, w.held, w.total_earned, w.total_spent, w.status, w.version,
       (SELECT CAST(coalesce(sum(b.remaining - b.held), 0) AS bigint) FROM credits_batch b
         WHERE b.user_id = w.user_id AND b.status = 'ACTIVE' AND b.expires_at <= $2) AS lapsed,
       (SELECT CAST(sum(b.remaining - b.held) AS bigint) FROM credits_batch b
         WHERE b.user_id = w.user_id AND b.status = 'ACTIVE' AND b.expires_at > $2 AND b.remaining > b.held
         GROUP BY b.expires_at ORDER BY b.expires_at LIMIT 1) AS next_amount,
       (SELECT min(b.expires_at) FROM credits_batch b
         WHERE b.user_id = w.user_id AND b.status = 'ACTIVE' AND b.expires_at > $2 AND b.remaining > b.held)
         AS next_expires_at
  FROM credits_balance w
 WHERE w.user_id IN ({users})";

/// Whether `user` has a wallet.
pub async fn has_wallet(db: &DatabaseConnection, user: &str) -> Result<bool, ReadError> {
    let text = "SELECT 1 FROM credits_balance WHERE user_id = $1";
    let statement = Statement::from_sql_and_values(db.get_database_backend(), text, [user.into()]);
    let row = db.query_one_raw(statement).await;
    Ok(row.map_err(ReadError::of("balance"))?.is_some())
}

/// What `user` has at `now`, by the plans of `rules`; `None` if he has no wallet.
pub async fn balance(
    db: &DatabaseConnection,
    user: &str,
    rules: &Rules,
    now: DateTime<Utc>,
) -> Result<Option<BalanceResult>, ReadError> {
    Ok(balances(db, &[user], rules, now).await?.pop())
}

/// The same for several users, in two statements; those without a wallet are left out.
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
    let values = [values, sql::instant(backend, now)];
    let rows = Row::find_by_statement(Statement::from_sql_and_values(
        backend,
        SQL.replace("{users}", list),
        values,
    ))
    .all(db)
    .await
    .map_err(ReadError::of("balance"))?;
    // After the wallets: a version of a wallet never goes with subscriptions that are older than it.
    let subscriptions = subscriptions(db, users).await?;
    Ok(rows
        .into_iter()
        .map(|row| result(row, &subscriptions, rules, now))
        .collect())
}

/// A page of wallets in the order of their users: those after `$1` up to `$3`, `$4` at most.
const PAGE: &str =
    "SELECT user_id FROM credits_balance WHERE user_id > $1 AND user_id <= $3 ORDER BY user_id LIMIT $4";

/// What the first `limit` users after `after` up to `last` have at `now`, in their order, in two statements.
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
        sql::instant(backend, now),
        last.into(),
        i64::from(limit).into(),
    ];
    let text = format!("{} ORDER BY w.user_id", SQL.replace("{users}", PAGE));
    let rows = Row::find_by_statement(Statement::from_sql_and_values(backend, text, values))
        .all(db)
        .await
        .map_err(ReadError::of("wallets"))?;
    let users: Vec<&str> = rows.iter().map(|row| row.user_id.as_str()).collect();
    let subscriptions = subscriptions(db, &users).await?;
    let results = rows
        .into_iter()
        .map(|row| result(row, &subscriptions, rules, now));
    Ok(results.collect())
}

fn result(
    row: Row,
    subscriptions: &HashMap<String, Vec<ledger::Subscription>>,
    rules: &Rules,
    now: DateTime<Utc>,
) -> BalanceResult {
    let subscriptions = subscriptions.get(&row.user_id).map_or(&[][..], Vec::as_slice);
    let next_grant = ledger::next_grant(subscriptions, rules, now).filter(|_| rules.enabled);
    BalanceResult {
        user_id: row.user_id,
        available_credits: row.balance.saturating_sub(row.held).saturating_sub(row.lapsed),
        balance: row.balance,
        held: row.held,
        total_earned: row.total_earned,
        total_spent: row.total_spent,
        status: row.status,
        next_expiring_batch: row
            .next_amount
            .zip(row.next_expires_at)
            .map(|(amount, expires_at)| ExpiringBatch { amount, expires_at }),
        next_grant_info: next_grant.map(|grant| NextGrant {
            amount: grant.amount,
            grant_date: grant.at,
            plan_name: grant.plan,
        }),
        version: row.version,
    }
}
