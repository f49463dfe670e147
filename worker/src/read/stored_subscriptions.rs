//! Reads subscriptions with their history: each row of the result is one event or grant, together
//! with the columns of its subscription.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use ledger::{
    Event, Inconsistency, Subscription, SubscriptionState, TransactionType,
    status::from_stored_name,
};
use sea_orm::{DbBackend, QueryResult, Statement};
use serde_json::Value;

use super::sql;
use crate::db::{
    StoreError,
    bulk::{self, Column},
    get,
};

/// The statement that reads the subscriptions of `users`, and those with `ids`.
pub(crate) fn statement<'a>(
    backend: DbBackend,
    users: impl IntoIterator<Item = &'a str>,
    ids: impl IntoIterator<Item = &'a str>,
) -> Statement {
    let texts = |values: &mut dyn Iterator<Item = &'a str>| {
        Column::Text(values.map(ToOwned::to_owned).collect())
    };
    let mut values = bulk::rows(backend, vec![texts(&mut users.into_iter())]);
    values.extend(bulk::rows(backend, vec![texts(&mut ids.into_iter())]));
    Statement::from_sql_and_values(backend, sql::SUBSCRIPTIONS.text(backend), values)
}

/// The subscriptions in the rows of [`statement`], each or the contradiction in its rows.
/// Subscriptions with an unknown status, which a later version wrote, are left out.
pub(crate) fn from_rows(
    rows: &[QueryResult],
) -> Result<Vec<Result<Subscription, Inconsistency>>, StoreError> {
    let mut subscriptions = Vec::new();
    let mut rows = rows.iter().peekable();
    while let Some(row) = rows.next() {
        let id: String = get(row, "id")?;
        let mut history = History::default();
        let mut read = history.add(row, &id)?;
        while let Some(row) = rows.peek() {
            if get::<String>(row, "id")? != id {
                break;
            }
            let added = history.add(row, &id)?;
            read = read.and(added);
            rows.next();
        }
        let Some(state) = state(row)? else { continue };
        let owner = (id, get(row, "user_id")?);
        let anchor = get(row, "anchor")?;
        let since = get(row, "status_since")?;
        subscriptions.push(read.map(|()| {
            Subscription::stored(
                owner,
                anchor,
                (state, since),
                history.events,
                history.handled,
            )
        }));
    }
    Ok(subscriptions)
}

#[derive(Default)]
struct History {
    events: Vec<Event>,
    handled: BTreeSet<DateTime<Utc>>,
}

impl History {
    fn add(
        &mut self,
        row: &QueryResult,
        id: &str,
    ) -> Result<Result<(), Inconsistency>, StoreError> {
        let entry: Option<String> = get(row, "entry")?;
        match entry.and_then(|entry| entry.parse().ok()) {
            Some(TransactionType::MonthlyGrant) => {
                self.handled
                    .extend(get::<Option<DateTime<Utc>>>(row, "period_start")?);
            }
            Some(_) => {
                let text: Option<String> = get(row, "detail")?;
                let times = (get(row, "occurred_at")?, get(row, "applied_at")?);
                match event(text.as_deref(), times, id) {
                    Ok(event) => self.events.push(event),
                    Err(inconsistency) => return Ok(Err(inconsistency)),
                }
            }
            None => {}
        }
        Ok(Ok(()))
    }
}

/// The event of a subscription at `at`, applied at `applied_at`, from the command stored with it.
fn event(
    text: Option<&str>,
    (at, applied_at): (DateTime<Utc>, DateTime<Utc>),
    subscription: &str,
) -> Result<Event, Inconsistency> {
    let wrong = |message: &str| Inconsistency {
        table: "subscription",
        id: subscription.to_owned(),
        message: message.to_owned(),
    };
    let detail: Value = text
        .and_then(|text| serde_json::from_str(text).ok())
        .ok_or_else(|| wrong("an event without its command"))?;
    let word = |name: &str| detail["request"][name].as_str();
    let time = |name: &str| {
        let parsed = word(name).map(DateTime::parse_from_rfc3339).transpose();
        parsed
            .map(|at| at.map(|at| at.with_timezone(&Utc)))
            .map_err(|_| wrong("an event with a time that cannot be read"))
    };
    Ok(Event {
        at,
        applied_at,
        status: word("status")
            .and_then(|name| name.parse().ok())
            .ok_or_else(|| wrong("an event without a known status"))?,
        plan: word("plan")
            .ok_or_else(|| wrong("an event without a plan"))?
            .to_owned(),
        quantity: detail["request"]["quantity"].as_i64(),
        anchor: time("anchor")?,
        paid_through: time("paidThrough")?,
    })
}

fn state(row: &QueryResult) -> Result<Option<SubscriptionState>, StoreError> {
    let status: String = get(row, "status")?;
    let Some(status) = from_stored_name(&status) else {
        return Ok(None);
    };
    let reported_at = get(row, "status_at")?;
    Ok(Some(SubscriptionState {
        plan: get(row, "plan")?,
        status,
        since: reported_at,
        reported_at,
        activated_at: get(row, "activated_at")?,
        ended_at: get(row, "ended_at")?,
        paid_through: get(row, "paid_through")?,
        due_at: get(row, "due_at")?,
    }))
}
