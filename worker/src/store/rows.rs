//! The rows of a group as columns, in the order of the parameters of the statements in
//! [`super::sql`].

use chrono::{DateTime, Utc};
use ledger::{
    Batch, Changes, HoldRecord, HoldSlice, Posting, RefundedOriginal, Refusal, Subscription,
    Wallet, status::stored_name,
};
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

/// The earliest expiry of the open holds of each changed wallet.
pub fn hold_ends(wallets: &[&Wallet]) -> Column {
    Column::instants(wallets.iter().map(|wallet| wallet.holds_end_at))
}

/// The debt of each changed wallet.
pub fn debts_of(wallets: &[&Wallet]) -> Column {
    Column::Number(wallets.iter().map(|wallet| wallet.debt).collect())
}

/// The change of debt of each transaction.
pub fn debt_changes(postings: &[&Posting]) -> Column {
    let changes = postings.iter().map(|posting| posting.debt_change);
    Column::numbers(changes.map(|change| Some(change).filter(|change| *change != 0)))
}

/// The deposit of each new batch, if another transaction than the deposit adds it.
pub fn deposits_of(batches: &[(&str, &Batch)]) -> Column {
    Column::ids(batches.iter().map(|(_, batch)| {
        let deposit_id = Some(batch.deposit_id);
        deposit_id.filter(|deposit_id| *deposit_id != batch.transaction_id)
    }))
}

/// New holds with their users.
pub fn new_holds(holds: &[(&str, &HoldRecord)]) -> Vec<Column> {
    let text = |of: fn(&HoldRecord) -> &str| {
        Column::Text(holds.iter().map(|(_, h)| of(h).to_owned()).collect())
    };
    let number =
        |of: fn(&HoldRecord) -> i64| Column::Number(holds.iter().map(|(_, h)| of(h)).collect());
    vec![
        Column::Id(holds.iter().map(|(_, h)| h.id).collect()),
        Column::Text(holds.iter().map(|(user, _)| (*user).to_owned()).collect()),
        text(|h| h.origin.as_str()),
        text(|h| &h.reference_id),
        text(|h| &h.service),
        number(|h| h.amount),
        number(|h| h.captured),
        text(|h| h.status.as_str()),
        Column::Instant(holds.iter().map(|(_, h)| h.expires_at).collect()),
        Column::texts(holds.iter().map(|(_, h)| h.sender.as_deref())),
        Column::numbers(holds.iter().map(|(_, h)| Some(h.price?.credits))),
        Column::numbers(holds.iter().map(|(_, h)| Some(h.price?.per))),
        Column::instants(holds.iter().map(|(_, h)| h.closed_at)),
    ]
}

/// The slices of new holds.
pub fn new_slices(holds: &[(&str, &HoldRecord)]) -> Vec<Column> {
    let rows: Vec<(Uuid, i64, &HoldSlice)> = holds
        .iter()
        .flat_map(|(_, hold)| {
            let slices = (0..).zip(&hold.slices);
            slices.map(|(position, slice)| (hold.id, position, slice))
        })
        .collect();
    vec![
        Column::Id(rows.iter().map(|(hold_id, ..)| *hold_id).collect()),
        Column::Number(rows.iter().map(|(_, position, _)| *position).collect()),
        Column::Id(rows.iter().map(|(.., slice)| slice.batch_id).collect()),
        Column::Number(rows.iter().map(|(.., slice)| slice.amount).collect()),
        Column::Number(rows.iter().map(|(.., slice)| slice.captured).collect()),
    ]
}

/// Changed holds.
pub fn changed_holds(holds: &[&HoldRecord]) -> Vec<Column> {
    let statuses = holds.iter().map(|hold| hold.status.as_str().to_owned());
    vec![
        Column::Id(holds.iter().map(|hold| hold.id).collect()),
        Column::Number(holds.iter().map(|hold| hold.captured).collect()),
        Column::Text(statuses.collect()),
        Column::instants(holds.iter().map(|hold| hold.closed_at)),
    ]
}

/// Changed slices of holds.
pub fn changed_slices(slices: &[(Uuid, &HoldSlice)]) -> Vec<Column> {
    vec![
        Column::Id(slices.iter().map(|(hold_id, _)| *hold_id).collect()),
        Column::Id(slices.iter().map(|(_, slice)| slice.batch_id).collect()),
        Column::Number(slices.iter().map(|(_, slice)| slice.captured).collect()),
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

/// Consumptions and captures of which credits were returned.
pub fn refunded(originals: &[RefundedOriginal<'_>]) -> Vec<Column> {
    let number =
        |of: fn(&RefundedOriginal<'_>) -> i64| Column::Number(originals.iter().map(of).collect());
    let users = originals.iter().map(|original| original.user_id.to_owned());
    vec![
        Column::Id(originals.iter().map(|one| one.transaction_id).collect()),
        Column::Text(users.collect()),
        number(|original| original.taken),
        number(|original| original.returned),
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
