//! The commands `hold` and `release`. They reserve credits for a service, and return them.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    action::{Action, Hold, Release},
    decision::{Context, Verdict},
    expire,
    hold_record::{HoldRecord, HoldStatus},
    inconsistency::Inconsistency,
    posting::{Posting, TransactionType},
    pricing::cost,
    refusal::{Refusal, Refused},
    rules::DEFAULT_HOLD,
    wallet::Wallet,
};

pub(crate) fn decide(
    wallet: Option<&mut Wallet>,
    hold: &Hold,
    context: &mut Context<'_>,
) -> Result<Verdict, Inconsistency> {
    let cost = cost(&hold.service, hold.amount, hold.quantity, context.rules);
    let (cost, expires_at) = match cost.and_then(|cost| Ok((cost, expiry(hold, context)?))) {
        Ok(both) => both,
        Err(refusal) => return Ok(refusal.into()),
    };
    let Some(wallet) = wallet else {
        return Ok(Refusal::WalletNotFound.into());
    };
    if let Err(refusal) = wallet.check_spending(context.rules) {
        return Ok(refusal.into());
    }
    let available = wallet.spendable_at(context.at);
    if cost > available {
        return Ok(Verdict::Refuse(Refused::insufficient(cost, available)));
    }
    let mut posting = context.posting(TransactionType::Hold);
    posting.service = Some(hold.service.clone());
    posting.quantity = hold.quantity;
    posting.detail.default_price = context.rules.uses_default_price(&hold.service, hold.amount);
    let record = HoldRecord {
        id: posting.id,
        origin: posting.origin,
        sender: posting.sender.clone(),
        reference_id: posting.reference_id.clone(),
        service: hold.service.clone(),
        price: context.rules.price(&hold.service),
        amount: cost,
        captured: 0,
        status: HoldStatus::Open,
        expires_at,
        closed_at: None,
        slices: Vec::new(),
    };
    posting.detail.held = Some(record.reserved_at(context.now));
    posting.detail.hold_expires_at = Some(expires_at);
    wallet.reserve(record, context.at)?;
    wallet.post(0)?;
    posting.balance_after = Some(wallet.balance);
    Ok(Verdict::Post(vec![posting]))
}

/// The expiry of a hold. It is after the effective time, by at most the maximum.
fn expiry(hold: &Hold, context: &Context<'_>) -> Result<DateTime<Utc>, Refusal> {
    let latest = context.at.checked_add_signed(context.rules.max_hold);
    let expires_at = match (hold.expires_at, hold.expires_in_seconds) {
        (Some(expires_at), _) => Some(expires_at),
        (None, Some(seconds)) => TimeDelta::try_seconds(seconds)
            .and_then(|duration| context.at.checked_add_signed(duration)),
        (None, None) => context
            .at
            .checked_add_signed(DEFAULT_HOLD.min(context.rules.max_hold)),
    };
    expires_at
        .filter(|expires_at| *expires_at > context.at)
        .filter(|expires_at| latest.is_none_or(|latest| *expires_at <= latest))
        .ok_or(Refusal::InvalidExpiry)
}

/// Decides the command `release`.
pub(crate) fn release(
    wallet: Option<&mut Wallet>,
    release: &Release,
    context: &mut Context<'_>,
) -> Result<Verdict, Inconsistency> {
    let Some(wallet) = wallet else {
        return Ok(Refusal::WalletNotFound.into());
    };
    let references = context.rules.references;
    let Some(position) = wallet.find_hold(&release.hold, context.command, references) else {
        return Ok(Refusal::HoldNotFound.into());
    };
    if !wallet.hold_at(position).is_open() {
        return Ok(Refusal::HoldClosed.into());
    }
    let mut posting = context.posting(TransactionType::Release);
    posting.related_id = Some(wallet.hold_at(position).id);
    posting.detail.held = Some(0);
    wallet.close_hold(position, HoldStatus::Released, context.now)?;
    wallet.post(0)?;
    posting.balance_after = Some(wallet.balance);
    Ok(Verdict::Post(vec![posting]))
}

/// Closes the holds that have expired. Before a capture that was sent in time, its hold stays
/// open. Returns the expirations of the credits that were returned to expired batches.
pub(crate) fn close_ended(
    wallet: &mut Wallet,
    is_before: bool,
    context: &mut Context<'_>,
) -> Result<Vec<Posting>, Inconsistency> {
    let spared = match &context.command.action {
        Action::Capture(capture) if is_before => {
            let references = context.rules.references;
            let named = wallet.find_hold(&capture.hold, context.command, references);
            named.filter(|position| context.at < wallet.hold_at(*position).expires_at)
        }
        _ => None,
    };
    while let Some(position) = wallet.ended_hold(context.now, spared) {
        wallet.close_hold(position, HoldStatus::Expired, context.now)?;
    }
    expire::returned(wallet, context)
}
