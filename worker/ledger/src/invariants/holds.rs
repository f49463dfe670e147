//! The invariants of holds.

use std::collections::HashMap;

use uuid::Uuid;

use super::{Broken, equal, holds};
use crate::{
    batch::Batch,
    hold_record::{HoldRecord, HoldStatus},
    posting::{Posting, TransactionType},
    wallet::Wallet,
};

/// Checks the holds of a wallet against its batches and postings.
pub(super) fn check(
    wallet: &Wallet,
    batches: &[Batch],
    postings: &[Posting],
) -> Result<(), Broken> {
    let mut held: HashMap<Uuid, i128> = HashMap::new();
    for hold in wallet.holds() {
        check_hold(hold, postings)?;
        for slice in hold.slices.iter().filter(|_| hold.is_open()) {
            *held.entry(slice.batch_id).or_default() += i128::from(slice.rest());
        }
    }
    for batch in batches {
        equal(
            "held of the batch = Σ rest of its slices in open holds",
            batch.held,
            held.remove(&batch.id).unwrap_or_default(),
        )?;
    }
    let is_left = held.values().any(|amount| *amount != 0);
    holds(
        "every slice of an open hold has its batch",
        !is_left,
        || format!("{held:?}"),
    )?;
    let open = wallet.holds().filter(|hold| hold.is_open());
    let end = open.map(|hold| hold.expires_at).min();
    holds(
        "holds_end_at = min expires_at of open holds",
        wallet.holds_end_at == end,
        || format!("stored {:?}, expected {end:?}", wallet.holds_end_at),
    )
}

fn check_hold(hold: &HoldRecord, postings: &[Posting]) -> Result<(), Broken> {
    let found = || format!("{hold:?}");
    let slices = || hold.slices.iter();
    equal(
        "amount of the hold = Σ amounts of its slices",
        hold.amount,
        slices().map(|slice| i128::from(slice.amount)).sum(),
    )?;
    holds(
        "0 ≤ captured ≤ amount",
        (0..=hold.amount).contains(&hold.captured)
            && slices().all(|slice| (0..=slice.amount).contains(&slice.captured)),
        found,
    )?;
    let captured = postings.iter().filter(|posting| {
        posting.kind == TransactionType::Capture && posting.related_id == Some(hold.id)
    });
    equal(
        "captured of the hold = Σ captures − what was beyond it",
        hold.captured,
        captured
            .map(|capture| i128::from(-capture.amount - capture.detail.beyond_hold.unwrap_or(0)))
            .sum(),
    )?;
    let from_slices: i128 = slices().map(|slice| i128::from(slice.captured)).sum();
    let may_differ = hold.closed_at.is_some_and(|at| at >= hold.expires_at);
    holds(
        "captured of the hold = Σ captured of its slices, unless it expired",
        i128::from(hold.captured) == from_slices
            || (may_differ && i128::from(hold.captured) > from_slices),
        found,
    )?;
    holds(
        "a hold is closed ⇔ it has a time of closing",
        (hold.status == HoldStatus::Open) == hold.closed_at.is_none(),
        found,
    )?;
    let own = postings.iter().find(|posting| posting.id == hold.id);
    holds(
        "the hold has its transaction",
        own.is_some_and(|own| own.kind == TransactionType::Hold && own.refusal.is_none()),
        found,
    )
}
