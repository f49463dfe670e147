//! Grants of subscriptions, compared with the payments of an export.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use ledger::{Subscription, SubscriptionStatus};
use strum::VariantArray;
use uuid::Uuid;

use super::{CHUNK, Differences, ReconcileError, Scope};
use crate::{
    db::Database,
    payments::{
        Provider,
        mapped::Period,
        tables::{self, PaidSpan},
    },
    read::{self, GrantedPeriod},
};

/// The periods that the payments of an export paid, by subscription.
pub type PaidPeriods = BTreeMap<String, BTreeSet<(DateTime<Utc>, DateTime<Utc>)>>;

/// Notes that a payment of the export paid a period.
pub fn note(paid: &mut PaidPeriods, period: &Period) {
    let spans = paid.entry(period.subscription.clone()).or_default();
    spans.insert((period.start, period.end));
}

/// Compares the grants that were booked in a span of time with the periods that the export paid.
///
/// A payment of several months brings a grant each month. The first of them is compared: the
/// payment of the others is in an earlier export.
pub async fn compare(
    db: &Database,
    scope: Scope,
    paid: &PaidPeriods,
    differences: &mut Differences,
) -> Result<(), ReconcileError> {
    let span = (scope.from, scope.until);
    let mut open = Vec::new();
    let mut position = Some((DateTime::UNIX_EPOCH, Uuid::nil()));
    while let Some(after) = position {
        let (page, next) = read::granted(db, span, after).await?;
        open.extend(page.into_iter().filter(|grant| !is_paid(paid, grant)));
        position = next;
    }
    let ids = open.iter().map(|grant| grant.subscription.as_str());
    let ids: BTreeSet<&str> = ids.collect();
    let known = tables::paid_spans(db, scope.provider, &ids).await?;
    let others = known_to_others(db, scope.provider, &ids).await?;
    let mut unpaid = Vec::new();
    for grant in &open {
        let Some(spans) = known.get(&grant.subscription) else {
            if !others.contains(&grant.subscription) {
                differences.not_compared += 1;
            }
            continue;
        };
        let spans = spans.iter().filter(|span| contains(span, grant.start));
        let spans: Vec<&PaidSpan> = spans.collect();
        let is_compared = match spans.first() {
            Some(_) if spans.iter().any(|span| span.is_free) => false,
            Some(first) => is_first(db, grant, first).await?,
            None => true,
        };
        if is_compared {
            unpaid.push((grant, !spans.is_empty()));
        }
    }
    let trials = if scope.trial_grants {
        trials(db, &unpaid).await?
    } else {
        BTreeSet::new()
    };
    for (grant, _) in unpaid {
        if trials.contains(grant.reference.as_str()) {
            differences.trials += 1;
        } else {
            differences.credited_not_paid.push(grant.reference.clone());
        }
    }
    Ok(())
}

fn is_paid(paid: &PaidPeriods, grant: &GrantedPeriod) -> bool {
    let mut spans = paid.get(&grant.subscription).into_iter().flatten();
    spans.any(|(start, end)| *start <= grant.start && grant.start < *end)
}

fn contains(span: &PaidSpan, at: DateTime<Utc>) -> bool {
    span.start <= at && at < span.end
}

/// The subscriptions among `ids` that events of other providers named.
async fn known_to_others(
    db: &Database,
    provider: Provider,
    ids: &BTreeSet<&str>,
) -> Result<BTreeSet<String>, ReconcileError> {
    let mut known = BTreeSet::new();
    for other in Provider::VARIANTS {
        if *other != provider {
            let found = tables::paid_spans(db, *other, ids).await?;
            known.extend(found.into_keys());
        }
    }
    Ok(known)
}

/// Whether a grant is the first one of a period that was paid.
async fn is_first(
    db: &Database,
    grant: &GrantedPeriod,
    span: &PaidSpan,
) -> Result<bool, ReconcileError> {
    let grants = read::grants(db, &grant.subscription, (span.start, span.end)).await?;
    Ok(grants.first() == Some(&grant.reference))
}

/// The references of the grants that a trial brought, of those whose period no event reported as
/// paid.
async fn trials<'a>(
    db: &Database,
    unpaid: &[(&'a GrantedPeriod, bool)],
) -> Result<BTreeSet<&'a str>, ReconcileError> {
    let without_payment = unpaid.iter().filter(|(_, is_reported)| !is_reported);
    let grants: Vec<&GrantedPeriod> = without_payment.map(|(grant, _)| *grant).collect();
    let ids: BTreeSet<&str> = grants
        .iter()
        .map(|grant| grant.subscription.as_str())
        .collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let mut subscriptions = BTreeMap::new();
    for chunk in ids.chunks(CHUNK) {
        let found = read::subscriptions_with_ids(db.read_connection(), chunk).await?;
        subscriptions.extend(found.into_iter().map(|one| (one.id.clone(), one)));
    }
    let is_trial = |grant: &&GrantedPeriod| {
        let subscription = subscriptions.get(&grant.subscription);
        subscription.is_some_and(|subscription| is_trial(subscription, grant.start))
    };
    let trials = grants.into_iter().filter(is_trial);
    Ok(trials.map(|grant| grant.reference.as_str()).collect())
}

/// Whether a trial brought the period that starts at `start`: it was in force then, or it is the
/// first status after that in which the subscription runs.
fn is_trial(subscription: &Subscription, start: DateTime<Utc>) -> bool {
    use SubscriptionStatus::{Active, PastDue, Trialing};
    let events = subscription.events();
    let in_force = events.iter().rfind(|event| event.at <= start);
    let in_force = in_force.filter(|event| matches!(event.status, Active | Trialing | PastDue));
    let first = || {
        let mut later = events.iter().filter(|event| event.at > start);
        later.find(|event| matches!(event.status, Active | Trialing))
    };
    in_force.or_else(first).is_some_and(|event| {
        event.status == Trialing && event.paid_through.is_none_or(|end| start < end)
    })
}
