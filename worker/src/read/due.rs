//! Reads the work of the jobs page by page, in the order of an index. A cursor is a position in
//! that order.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use ledger::{DuePeriod, Rules, Subscription};
use sea_orm::{ConnectionTrait, Statement};

use super::{ReadError, subscriptions};
use crate::db::{Database, bulk};

/// Rows of a page.
const PAGE: usize = 1000;
/// The position before the first row.
const START: (DateTime<Utc>, &str) = (DateTime::<Utc>::UNIX_EPOCH, "");

/// One page of due items.
#[derive(Debug)]
pub struct Page<T> {
    /// The items, each with the cursor behind it.
    pub items: Vec<(String, T)>,
    /// The cursor at which the next page begins. `None` on the last page.
    pub next: Option<String>,
}

const SUBSCRIPTIONS: &str = "\
SELECT id, due_at FROM subscription
 WHERE due_at IS NOT NULL AND due_at <= $1 AND (due_at, id) > ($2, $3)
 ORDER BY due_at, id LIMIT $4";

const EXPIRED_BATCHES: &str = "\
SELECT expires_at, user_id FROM credits_batch
 WHERE status = 'ACTIVE' AND expires_at IS NOT NULL AND expires_at <= $1 AND (expires_at, user_id) > ($2, $3)
 GROUP BY expires_at, user_id ORDER BY expires_at, user_id LIMIT $4";

const ENDED_HOLDS: &str = "\
SELECT expires_at, user_id FROM credits_hold
 WHERE status = 'OPEN' AND expires_at <= $1 AND (expires_at, user_id) > ($2, $3)
 GROUP BY expires_at, user_id ORDER BY expires_at, user_id LIMIT $4";

/// Subscriptions behind `cursor` with a period that starts by `until`. Subscriptions for which the
/// rules grant no period are left out. Their periods stay due.
pub async fn due_subscriptions(
    db: &Database,
    rules: &Rules,
    until: DateTime<Utc>,
    cursor: Option<&str>,
) -> Result<Page<Subscription>, ReadError> {
    let failed = || ReadError::reading("due subscriptions");
    let connection = db.read_connection();
    let rows = connection
        .query_all_raw(statement(db, SUBSCRIPTIONS, until, cursor))
        .await;
    let rows = rows.map_err(failed())?;
    let mut positions = Vec::with_capacity(rows.len());
    for row in &rows {
        let id: String = row.try_get_by("id").map_err(failed())?;
        let due_at: DateTime<Utc> = row.try_get_by("due_at").map_err(failed())?;
        positions.push((format!("{}|{id}", text(due_at)), id));
    }
    let next = positions.last().map(|(cursor, _)| cursor.clone());
    let next = next.filter(|_| rows.len() == PAGE);
    let ids: Vec<&str> = positions.iter().map(|(_, id)| id.as_str()).collect();
    let found = subscriptions::with_ids(connection, &ids).await?;
    let mut found: HashMap<String, Subscription> =
        found.into_iter().map(|one| (one.id.clone(), one)).collect();
    let items = positions.into_iter().filter_map(|(cursor, id)| {
        let subscription = found.remove(&id)?;
        let is_granted =
            |due: &DuePeriod| rules.plans.get(&due.plan).is_none_or(|plan| plan.enabled);
        let due = subscription.due_periods(rules, until);
        due.iter().any(is_granted).then_some((cursor, subscription))
    });
    Ok(Page {
        items: items.collect(),
        next,
    })
}

/// Users behind `cursor` with an ACTIVE batch that has expired by `until`. A user may appear again
/// with another batch.
pub async fn users_with_expired_batches(
    db: &Database,
    until: DateTime<Utc>,
    cursor: Option<&str>,
) -> Result<Page<String>, ReadError> {
    users(db, "expired batches", EXPIRED_BATCHES, until, cursor).await
}

/// Users behind `cursor` with an open hold that has expired by `until`. A user may appear again
/// with another hold. Any command closes such holds of its user, for example `expire`.
pub async fn users_with_ended_holds(
    db: &Database,
    until: DateTime<Utc>,
    cursor: Option<&str>,
) -> Result<Page<String>, ReadError> {
    users(db, "expired holds", ENDED_HOLDS, until, cursor).await
}

/// A page of users by an instant `expires_at`.
async fn users(
    db: &Database,
    what: &'static str,
    sql: &str,
    until: DateTime<Utc>,
    cursor: Option<&str>,
) -> Result<Page<String>, ReadError> {
    let failed = || ReadError::reading(what);
    let rows = db
        .read_connection()
        .query_all_raw(statement(db, sql, until, cursor))
        .await
        .map_err(failed())?;
    let full = rows.len() == PAGE;
    let mut items = Vec::with_capacity(rows.len());
    let mut seen = HashSet::new();
    let mut last = None;
    for row in rows {
        let at: DateTime<Utc> = row.try_get_by("expires_at").map_err(failed())?;
        let user: String = row.try_get_by("user_id").map_err(failed())?;
        let cursor = format!("{}|{user}", text(at));
        last = Some(cursor.clone());
        if seen.insert(user.clone()) {
            items.push((cursor, user));
        }
    }
    let next = last.filter(|_| full);
    Ok(Page { items, next })
}

fn statement(db: &Database, sql: &str, until: DateTime<Utc>, cursor: Option<&str>) -> Statement {
    let backend = db.backend();
    let position = cursor.and_then(|cursor| {
        let (at, id) = cursor.split_once('|')?;
        Some((at.parse().ok()?, id))
    });
    let (at, id) = position.unwrap_or(START);
    let values = [
        bulk::instant(backend, until),
        bulk::instant(backend, at),
        id.into(),
        (PAGE as u64).into(),
    ];
    Statement::from_sql_and_values(backend, sql, values)
}

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}
