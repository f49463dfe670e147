//! Credits that a command adds to a wallet as a new batch.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    batch::{Batch, BatchStatus, Source},
    decision::Context,
    inconsistency::Inconsistency,
    posting::{Allocation, BatchNote, Posting},
    refusal::Refusal,
    wallet::Wallet,
};

/// The expiry of credits that are added at `at`.
pub(crate) fn expiry(
    at: DateTime<Utc>,
    validity_days: Option<i64>,
) -> Result<Option<DateTime<Utc>>, Refusal> {
    let Some(days) = validity_days else {
        return Ok(None);
    };
    TimeDelta::try_days(days)
        .and_then(|validity| at.checked_add_signed(validity))
        .map(Some)
        .ok_or(Refusal::InvalidAmount)
}

/// Credits that are added to a wallet as a new batch.
pub(crate) struct Deposit {
    pub amount: i64,
    pub account: String,
    pub source: Source,
    pub source_plan: Option<String>,
    pub grant_period: Option<String>,
    pub expires_at: Option<DateTime<Utc>>,
    pub paid_micros: Option<i64>,
    pub currency: Option<String>,
}

/// Adds the batch and completes the posting. An amount of 0 adds no batch.
pub(crate) fn deposit(
    wallet: &mut Wallet,
    posting: &mut Posting,
    deposit: Deposit,
    context: &mut Context<'_>,
) -> Result<(), Inconsistency> {
    wallet.earn(deposit.amount)?;
    posting.amount = deposit.amount;
    posting.balance_after = Some(wallet.balance);
    if deposit.amount == 0 {
        return Ok(());
    }
    posting.other_account = Some(deposit.account);
    posting.audit.batch = Some(Box::new(BatchNote {
        expires_at: deposit.expires_at,
        plan: deposit.source_plan.clone(),
        paid_micros: deposit.paid_micros,
        currency: deposit.currency.clone(),
    }));
    let batch = Batch {
        id: context.id(),
        amount: deposit.amount,
        remaining: deposit.amount,
        held: 0,
        issued_at: context.at,
        expires_at: deposit.expires_at,
        status: BatchStatus::Active,
        source: deposit.source,
        source_plan: deposit.source_plan,
        grant_period: deposit.grant_period,
        paid_micros: deposit.paid_micros,
        currency: deposit.currency,
        transaction_id: posting.id,
        deposit_id: posting.id,
        expirations: 0,
    };
    posting.allocations.push(Allocation {
        batch_id: batch.id,
        amount: deposit.amount,
        batch_remaining: deposit.amount,
    });
    wallet.add_batch(batch);
    Ok(())
}
