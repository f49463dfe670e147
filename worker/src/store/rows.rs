//! The rows of a group as columns, in the order of the parameters of the statements in
//! [`super::sql`].

use chrono::{DateTime, Utc};
use ledger::{Batch, Changes, Posting, Refusal, Subscription, Wallet, status::stored_name};
use uuid::Uuid;

use super::detail;
use crate::db::bulk::Column;

pub fn transactions(postings: &[&Posting]) -> Vec<Column> {
    let text = |of: fn(&Posting) -> &str| {
        Column::Text(postings.iter().map(|p| of(p).to_owned()).collect())
    };
    let number =
        |of: fn(&Posting) -> i64| Column::Number(postings.iter().copied().map(of).collect());
    let id = |of: fn(&Posting) -> Uuid| Column::Id(postings.iter().copied().map(of).collect());
    let maybe_text =
        |of: fn(&Posting) -> Option<&str>| Column::texts(postings.iter().copied().map(of));
    let maybe_number =
        |of: fn(&Posting) -> Option<i64>| Column::numbers(postings.iter().copied().map(of));
    vec![
        id(|p| p.id),
        text(|p| &p.user_id),
        text(|p| p.kind.as_str()),
        number(|p| p.amount),
        text(|p| p.origin.as_str()),
        text(|p| &p.reference_id),
        Column::Instant(postings.iter().map(|p| p.occurred_at).collect()),
        maybe_text(|p| p.other_account.as_deref()),
        Column::bytes(postings.iter().map(|p| p.fingerprint)),
        maybe_text(|p| p.refusal.map(Refusal::as_str)),
        maybe_number(|p| p.balance_after),
        maybe_text(|p| p.service.as_deref()),
        maybe_number(|p| p.quantity),
        maybe_text(|p| p.purchase_id.as_deref()),
        maybe_text(|p| p.purchase_line.as_deref()),
        Column::ids(postings.iter().map(|p| p.related_id)),
        maybe_text(|p| p.description.as_deref()),
        maybe_text(|p| p.metadata.as_deref()),
        Column::texts(postings.iter().map(|p| detail::to_text(p))),
        maybe_text(|p| p.subscription_id.as_deref()),
        Column::instants(postings.iter().map(|p| p.period_start)),
        maybe_text(|p| p.sender.as_deref()),
    ]
}

/// New batches with their users.
pub fn new_batches(batches: &[(&str, &Batch)]) -> Vec<Column> {
    let text = |of: fn(&Batch) -> &str| {
        Column::Text(batches.iter().map(|(_, b)| of(b).to_owned()).collect())
    };
    let number =
        |of: fn(&Batch) -> i64| Column::Number(batches.iter().map(|(_, b)| of(b)).collect());
    let id = |of: fn(&Batch) -> Uuid| Column::Id(batches.iter().map(|(_, b)| of(b)).collect());
    let maybe_text =
        |of: fn(&Batch) -> Option<&str>| Column::texts(batches.iter().map(|(_, b)| of(b)));
    vec![
        id(|b| b.id),
        Column::Text(
            batches
                .iter()
                .map(|(user_id, _)| (*user_id).to_owned())
                .collect(),
        ),
        number(|b| b.amount),
        number(|b| b.remaining),
        number(|b| b.held),
        Column::Instant(batches.iter().map(|(_, b)| b.issued_at).collect()),
        text(|b| b.status.as_str()),
        text(|b| b.source.as_str()),
        id(|b| b.transaction_id),
        number(|b| b.expirations.into()),
        Column::instants(batches.iter().map(|(_, b)| b.expires_at)),
        maybe_text(|b| b.source_plan.as_deref()),
        maybe_text(|b| b.grant_period.as_deref()),
        Column::numbers(batches.iter().map(|(_, b)| b.paid_micros)),
        maybe_text(|b| b.currency.as_deref()),
    ]
}

/// Allocations of the transactions: the batches that they moved.
pub fn allocations(postings: &[&Posting]) -> Vec<Column> {
    let rows: Vec<_> = postings
        .iter()
        .flat_map(|posting| {
            posting
                .allocations
                .iter()
                .map(|allocation| (posting.id, allocation))
        })
        .collect();
    vec![
        Column::Id(rows.iter().map(|(id, _)| *id).collect()),
        Column::Id(rows.iter().map(|(_, a)| a.batch_id).collect()),
        Column::Number(rows.iter().map(|(_, a)| a.amount).collect()),
        Column::Number(rows.iter().map(|(_, a)| a.batch_remaining).collect()),
    ]
}

/// Changed batches.
pub fn changed_batches(batches: &[&Batch]) -> Vec<Column> {
    let number = |of: fn(&Batch) -> i64| Column::Number(batches.iter().map(|b| of(b)).collect());
    vec![
        Column::Id(batches.iter().map(|b| b.id).collect()),
        number(|b| b.remaining),
        number(|b| b.held),
        Column::Text(
            batches
                .iter()
                .map(|b| b.status.as_str().to_owned())
                .collect(),
        ),
        number(|b| b.expirations.into()),
    ]
}

/// Changed wallets.
pub fn changed_wallets(wallets: &[&Wallet]) -> Vec<Column> {
    let number = |of: fn(&Wallet) -> i64| Column::Number(wallets.iter().map(|w| of(w)).collect());
    vec![
        Column::Id(wallets.iter().map(|wallet| wallet.id).collect()),
        number(|w| w.balance),
        number(|w| w.held),
        number(|w| w.total_earned),
        number(|w| w.total_spent),
        number(|w| w.transaction_count),
        number(Wallet::next_version),
        Column::Text(
            wallets
                .iter()
                .map(|w| w.status.as_str().to_owned())
                .collect(),
        ),
        Column::instants(wallets.iter().map(|wallet| wallet.next_due_at)),
    ]
}

/// All wallets with the versions that were read, if some wallets are not changed. Otherwise empty,
/// because the write of a changed wallet checks its version itself.
pub fn held_wallets(changes: &Changes<'_>) -> Vec<Column> {
    let mut wallets = changes.unchanged_wallets.clone();
    if !wallets.is_empty() {
        wallets.extend(&changes.changed_wallets);
        wallets.sort_unstable_by(|a, b| a.user_id.cmp(&b.user_id));
    }
    vec![
        Column::Id(wallets.iter().map(|wallet| wallet.id).collect()),
        Column::Number(wallets.iter().map(|wallet| wallet.version).collect()),
    ]
}

pub fn subscriptions(subscriptions: &[&Subscription]) -> Vec<Column> {
    let text = |of: fn(&Subscription) -> &str| {
        Column::Text(subscriptions.iter().map(|s| of(s).to_owned()).collect())
    };
    let instant = |of: fn(&Subscription) -> DateTime<Utc>| {
        Column::Instant(subscriptions.iter().copied().map(of).collect())
    };
    let maybe_instant = |of: fn(&Subscription) -> Option<DateTime<Utc>>| {
        Column::instants(subscriptions.iter().copied().map(of))
    };
    vec![
        text(|s| &s.id),
        text(|s| &s.user_id),
        text(|s| &s.state.plan),
        Column::Text(
            subscriptions
                .iter()
                .map(|s| stored_name(s.state.status))
                .collect(),
        ),
        instant(|s| s.anchor),
        instant(|s| s.state.reported_at),
        instant(|s| s.state.since),
        maybe_instant(|s| s.state.activated_at),
        maybe_instant(|s| s.state.ended_at),
        maybe_instant(|s| s.state.paid_through),
        maybe_instant(|s| s.state.due_at),
    ]
}
