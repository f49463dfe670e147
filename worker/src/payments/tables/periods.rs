//! The periods in the table `payment_link`, and the subscriptions that it knows.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, QueryResult, Statement};

use super::super::Provider;
use crate::db::{Database, StoreError, get};

/// Links that are read at once.
const PAGE: i64 = 5_000;

/// The links of a provider in the order of the primary key, those of subscriptions and those with
/// a period.
const LINKS: &str = "\
SELECT kind, external_id, amount, subscription_id, period_start, period_end
  FROM payment_link
 WHERE provider = $1 AND (kind, external_id) > ($2, $3)
   AND (kind = 'subscription' OR subscription_id IS NOT NULL)
 ORDER BY kind, external_id LIMIT $4";

/// A period that an event of the provider reported as paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PaidSpan {
    pub start: DateTime<Utc>,
    /// The first instant after the period.
    pub end: DateTime<Utc>,
    /// Whether nothing was to pay for it.
    pub is_free: bool,
}

/// The subscriptions among `ids` that events of the provider named, each with the periods that
/// events reported as paid.
pub async fn paid_spans(
    db: &Database,
    provider: Provider,
    ids: &BTreeSet<&str>,
) -> Result<BTreeMap<String, BTreeSet<PaidSpan>>, StoreError> {
    let mut found: BTreeMap<String, BTreeSet<PaidSpan>> = BTreeMap::new();
    let mut after = (String::new(), String::new());
    loop {
        let values = [
            provider.as_str().into(),
            after.0.as_str().into(),
            after.1.as_str().into(),
            PAGE.into(),
        ];
        let statement = Statement::from_sql_and_values(db.backend(), LINKS, values);
        let rows = db.read_connection().query_all_raw(statement);
        let rows = db.timeout().wait("list payment links", rows).await?;
        for row in &rows {
            let subscription: Option<String> = get(row, "subscription_id")?;
            let id = match &subscription {
                Some(id) => id.clone(),
                None => get(row, "external_id")?,
            };
            if ids.contains(id.as_str()) {
                let spans = found.entry(id).or_default();
                if subscription.is_some() {
                    spans.insert(span(row)?);
                }
            }
        }
        let Some(last) = rows.last() else {
            return Ok(found);
        };
        after = (get(last, "kind")?, get(last, "external_id")?);
    }
}

fn span(row: &QueryResult) -> Result<PaidSpan, StoreError> {
    Ok(PaidSpan {
        start: get(row, "period_start")?,
        end: get(row, "period_end")?,
        is_free: get::<Option<i64>>(row, "amount")? == Some(0),
    })
}
