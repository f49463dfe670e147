//! Checks that the rows of a user's subscriptions and the wallet's `next_due_at` follow from the
//! events.

use chrono::{DateTime, Utc};
use ledger::has_paid_plan;
use proptest::prelude::*;

use super::expected::Sight;

/// Checks the rows of one user. `next_due` is the time at which a command grants the user's next
/// period.
pub fn check(
    sight: Sight<'_>,
    user: &str,
    next_due: Option<DateTime<Utc>>,
) -> Result<(), TestCaseError> {
    let known = sight.book.subscriptions(user);
    let own = || {
        sight
            .histories
            .iter()
            .filter(|(_, history)| history.user == user)
    };
    prop_assert_eq!(known.len(), own().count());
    let mut is_paid = false;
    for (id, history) in own() {
        let Some(row) = known.iter().find(|one| one.id == *id) else {
            return Err(TestCaseError::fail(format!("{id} is missing")));
        };
        if let Some(contradiction) = history.contradicts(row.anchor, &row.state) {
            return Err(TestCaseError::fail(format!(
                "{id}: {contradiction}\n{history:?}"
            )));
        }
        if let Some(start) = history.first_open(sight.rules, sight.now) {
            let due_at = row.state.due_at;
            prop_assert!(
                due_at.is_some_and(|due_at| due_at <= start),
                "the job finds {id} at {due_at:?}, due at {start}: {history:?}"
            );
        }
        let plan = Some(row.state.plan.as_str());
        is_paid |= !history.is_free
            && plan != sight.rules.free_plan.as_deref()
            && history.runs(sight.rules, sight.now);
    }
    prop_assert_eq!(
        has_paid_plan(known, sight.rules, sight.now),
        is_paid,
        "{:?}",
        known
    );
    if let Some(wallet) = sight.book.wallet(user) {
        prop_assert!(
            wallet.next_due_at == next_due,
            "next due is {:?}, not {next_due:?}: {:?}",
            wallet.next_due_at,
            own().collect::<Vec<_>>()
        );
    }
    Ok(())
}
