//! The command `capture`. It spends credits that a hold reserves.
//!
//! A capture that was sent in time finds its hold also if it is delivered late: either the hold is
//! still open, or the capture takes from the hold's batches what they still have free. Only the
//! rest depends on the option `late`.

use crate::{
    action::Capture,
    decision::{Context, Verdict},
    hold_record::{HoldRecord, HoldStatus},
    inconsistency::Inconsistency,
    posting::{Allocation, TransactionType},
    refusal::{Refusal, Refused},
    wallet::Wallet,
};
use scrip_types::{Late, Overrun};

/// The credits that a capture takes.
struct Plan {
    /// From each slice of the hold.
    slices: Vec<i64>,
    /// From available credits.
    extra: i64,
    /// The part of the cost that is not available.
    uncaptured: i64,
}

pub(crate) fn decide(
    wallet: Option<&mut Wallet>,
    capture: &Capture,
    context: &mut Context<'_>,
) -> Result<Verdict, Inconsistency> {
    let Some(wallet) = wallet else {
        return Ok(Refusal::WalletNotFound.into());
    };
    let references = context.rules.references;
    let Some(position) = wallet.find_hold(&capture.hold, context.command, references) else {
        return Ok(Refusal::HoldNotFound.into());
    };
    let cost = match cost(capture, wallet.hold_at(position)) {
        Ok(cost) => cost,
        Err(refusal) => return Ok(refusal.into()),
    };
    let plan = match plan(wallet, position, cost, capture, context) {
        Ok(plan) => plan,
        Err(refused) => return Ok(Verdict::Refuse(refused)),
    };
    let amount = cost - plan.uncaptured;
    let hold = wallet.hold_at(position);
    let charged = amount.min(hold.rest());
    let mut posting = context.posting(TransactionType::Capture);
    posting.service = Some(hold.service.clone());
    posting.quantity = capture.quantity;
    posting.related_id = Some(hold.id);
    posting.other_account = (amount > 0).then(|| format!("SERVICE:{}", hold.service));
    posting.amount = -amount;
    posting.detail.uncaptured = (plan.uncaptured > 0).then_some(plan.uncaptured);
    posting.detail.beyond_hold = (amount > charged).then_some(amount - charged);
    posting.allocations = wallet.take_held(position, &plan.slices)?;
    for taken in wallet.take(plan.extra, context.at)? {
        add(&mut posting.allocations, taken);
    }
    wallet.sort_allocations(&mut posting.allocations);
    wallet.hold_at(position).captured += charged;
    wallet.spend(amount)?;
    posting.balance_after = Some(wallet.balance);
    if capture.is_final.unwrap_or(true) {
        wallet.close_hold(position, HoldStatus::Captured, context.now)?;
    }
    let hold = wallet.hold_at(position);
    let is_reserving = hold.is_open() && context.now < hold.expires_at;
    posting.detail.held = Some(hold.reserved_at(context.now));
    posting.detail.hold_expires_at = is_reserving.then_some(hold.expires_at);
    Ok(Verdict::Post(vec![posting]))
}

/// The cost of a capture: the amount in the command, else the price of the hold times the quantity,
/// else all that was not captured yet.
fn cost(capture: &Capture, hold: &HoldRecord) -> Result<i64, Refusal> {
    match (capture.amount, capture.quantity) {
        (Some(amount), _) => Ok(amount),
        (None, Some(quantity)) => {
            let price = hold.price.ok_or(Refusal::UnknownService)?;
            price.total(quantity).ok_or(Refusal::InvalidAmount)
        }
        (None, None) => Ok(hold.rest()),
    }
}

fn plan(
    wallet: &mut Wallet,
    position: usize,
    cost: i64,
    capture: &Capture,
    context: &Context<'_>,
) -> Result<Plan, Refused> {
    let hold = wallet.hold_at(position);
    if matches!(hold.status, HoldStatus::Captured | HoldStatus::Released) {
        return Err(Refusal::HoldClosed.into());
    }
    let is_in_time = context.at < hold.expires_at;
    let rest = hold.rest();
    let within = cost.min(rest);
    let mut slices = vec![0; hold.slices.len()];
    let mut missing = within;
    if is_in_time {
        for (taken, free) in slices.iter_mut().zip(wallet.capturable(position)) {
            *taken = missing.min(free);
            missing -= *taken;
        }
    }
    if missing > 0 && capture.late.unwrap_or_default() == Late::Reject {
        return Err(Refusal::HoldClosed.into());
    }
    let overrun = capture.overrun.unwrap_or_default();
    if cost > rest && overrun == Overrun::Reject {
        return Err(Refused::insufficient(cost, rest));
    }
    let available = wallet.spendable_without(position, &slices, context.at);
    let extra = cost - within + missing;
    if extra > available && overrun != Overrun::Cap {
        let from_hold = within - missing;
        return Err(Refused::insufficient(
            cost,
            from_hold.saturating_add(available),
        ));
    }
    Ok(Plan {
        slices,
        extra: extra.min(available),
        uncaptured: (extra - available).max(0),
    })
}

/// Adds a change of a batch. A transaction has one allocation for each batch.
fn add(allocations: &mut Vec<Allocation>, taken: Allocation) {
    match allocations
        .iter_mut()
        .find(|one| one.batch_id == taken.batch_id)
    {
        Some(one) => {
            one.amount += taken.amount;
            one.batch_remaining = taken.batch_remaining;
        }
        None => allocations.push(taken),
    }
}
