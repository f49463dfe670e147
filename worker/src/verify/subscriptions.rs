//! Checks that the row of each subscription follows from its events and grants. The core derives
//! the row, so SQL does not repeat the formula.

use chrono::{DateTime, SecondsFormat, Utc};
use ledger::{Rules, Subscription, SubscriptionStatus, status::stored_name};
use sea_orm::{ConnectionTrait, DatabaseTransaction, Statement, Value};

use super::{Report, VerifyError, Violation};
use crate::read::stored_subscriptions;

/// The name of the rule.
pub(super) const RULE: &str = "subscription.follows_from_its_events";

/// Subscriptions to check. Rows of an earlier version (`status_since` is null) follow other rules
/// until their next event.
const IDS: &str =
    "SELECT id FROM subscription WHERE user_id > $1 AND user_id <= $2 AND status_since IS NOT NULL";

/// Checks the subscriptions of a range of users.
pub(super) async fn check(
    db: &DatabaseTransaction,
    bounds: (&str, &str),
    report: &mut Report,
) -> Result<(), VerifyError> {
    let backend = db.get_database_backend();
    let values: [Value; 2] = [bounds.0.into(), bounds.1.into()];
    let ids = Statement::from_sql_and_values(backend, IDS, values);
    let ids = db
        .query_all_raw(ids)
        .await
        .map_err(VerifyError::reading(RULE))?;
    let ids = ids.iter().map(|row| row.try_get_by_index(0));
    let ids: Vec<String> = ids
        .collect::<Result<_, _>>()
        .map_err(VerifyError::reading(RULE))?;
    if ids.is_empty() {
        return Ok(());
    }
    let statement = stored_subscriptions::statement(backend, [], ids.iter().map(String::as_str));
    let rows = db
        .query_all_raw(statement)
        .await
        .map_err(VerifyError::reading(RULE))?;
    let read = stored_subscriptions::from_rows(&rows);
    let read = read
        .map_err(|error| VerifyError::reading(RULE)(sea_orm::DbErr::Custom(error.to_string())))?;
    let found: Vec<Violation> = read
        .iter()
        .flat_map(|one| match one {
            Ok(subscription) => contradictions(subscription),
            Err(unreadable) => vec![Violation {
                rule: RULE,
                table: "subscription",
                id: unreadable.id.clone(),
                user_id: None,
                message: unreadable.message.clone(),
            }],
        })
        .collect();
    report.add(found.len() as u64, found);
    Ok(())
}

/// Violations of a row: columns that differ from the values derived from its events.
///
/// A trial or a late payment is granted according to the configuration of its time. So for such a
/// subscription only the columns that do not depend on the configuration are compared.
fn contradictions(subscription: &Subscription) -> Vec<Violation> {
    let (anchor, derived) = subscription.derived(&Rules::default());
    let stored = &subscription.state;
    let mut columns = vec![
        ("plan", stored.plan.clone(), derived.plan),
        (
            "status",
            stored_name(stored.status),
            stored_name(derived.status),
        ),
        ("status_since", text(stored.since), text(derived.since)),
        (
            "status_at",
            text(stored.reported_at),
            text(derived.reported_at),
        ),
        (
            "paid_through",
            text(stored.paid_through),
            text(derived.paid_through),
        ),
        ("anchor", text(subscription.anchor), text(anchor)),
    ];
    if subscription.id.starts_with("free:") {
        // The registration created it, and no event changes it.
        let active = stored_name(SubscriptionStatus::Active);
        columns.push(("status", stored_name(stored.status), active));
        columns.push(("paid_through", text(stored.paid_through), text(None)));
    }
    let mut events = subscription.events().iter();
    let is_configured = events.any(|event| {
        matches!(
            event.status,
            SubscriptionStatus::Trialing | SubscriptionStatus::PastDue
        )
    });
    if !is_configured {
        columns.push((
            "activated_at",
            text(stored.activated_at),
            text(derived.activated_at),
        ));
        columns.push(("ended_at", text(stored.ended_at), text(derived.ended_at)));
        columns.push(("due_at", text(stored.due_at), text(derived.due_at)));
    }
    let wrong = columns
        .into_iter()
        .filter(|(_, stored, derived)| stored != derived);
    wrong
        .map(|(column, stored, derived)| Violation {
            rule: RULE,
            table: "subscription",
            id: subscription.id.clone(),
            user_id: Some(subscription.user_id.clone()),
            message: format!(
                "`{column}` is {stored}; by its events and grants it should be {derived}"
            ),
        })
        .collect()
}

fn text(at: impl Into<Option<DateTime<Utc>>>) -> String {
    let at = at.into();
    at.map_or_else(
        || "absent".to_owned(),
        |at| at.to_rfc3339_opts(SecondsFormat::Micros, true),
    )
}
