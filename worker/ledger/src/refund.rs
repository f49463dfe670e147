//! The command `refund`. It returns credits of a consumption or capture to the batches that they
//! were taken from, last taken first.
//!
//! The order of taking is the spending order of the batches. It never changes, so the number of
//! credits that were returned before says which ones come next. A capture that costs more than its
//! hold may take from a batch that was added since and is spent first. Its refund uses the same
//! order.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    action::Refund,
    batch::{Batch, BatchStatus},
    debt::{Debts, Settlement},
    decision::{Context, Verdict},
    deposit::expiry,
    inconsistency::Inconsistency,
    original::Original,
    posting::{Allocation, BatchNote, Posting, ReplacementNote, TransactionType},
    refusal::{Refusal, Refused},
    repay::{self, Repayment},
    wallet::Wallet,
};

pub(crate) fn decide(
    wallet: Option<&mut Wallet>,
    original: Option<&mut Original>,
    refund: &Refund,
    debts: &mut Debts,
    context: &mut Context<'_>,
) -> Result<Verdict, Inconsistency> {
    let Ok(expires_at) = expiry(context.at, Some(context.rules.refund_grace_days)) else {
        return Ok(Refusal::InvalidAmount.into());
    };
    let Some(wallet) = wallet else {
        return Ok(Refusal::WalletNotFound.into());
    };
    let Some(original) = original else {
        return Ok(Refusal::OriginalNotFound.into());
    };
    let left = original.left();
    let amount = refund.amount.unwrap_or(left);
    if amount == 0 || amount > left {
        let refused = Refused::exceeds_consumption(refund.amount, left);
        return Ok(Verdict::Refuse(refused));
    }
    let mut posting = context.posting(TransactionType::Refund);
    posting.related_id = Some(original.transaction_id);
    posting.service.clone_from(&original.service);
    let mut repayment = Repayment::default();
    for (batch_id, credits) in parts(wallet, original, amount)? {
        let part = (batch_id, credits);
        let allocation = give_back(wallet, part, expires_at, &mut posting, context)?;
        settle(wallet, debts, &allocation, &mut repayment)?;
        posting.allocations.push(allocation);
    }
    wallet.sort_allocations(&mut posting.allocations);
    wallet.post(amount)?;
    wallet.total_spent = wallet
        .total_spent
        .checked_sub(amount)
        .filter(|spent| *spent >= 0)
        .ok_or_else(|| {
            wallet.inconsistent(format!("returning {amount} exceeds its total_spent"))
        })?;
    original.refunded = original.refunded.saturating_add(amount);
    posting.amount = amount;
    let service = original.service.as_deref().unwrap_or_default();
    posting.other_account = Some(format!("SERVICE:{service}"));
    posting.balance_after = Some(wallet.balance);
    let mut postings = vec![posting];
    if !repayment.debts.is_empty() {
        postings.push(repay::post(wallet, &postings[0], repayment, context)?);
    }
    Ok(Verdict::Post(postings))
}

/// Repays the debts of the deposit that returned credits came from: they are owed only because the
/// credits had been spent.
fn settle(
    wallet: &Wallet,
    debts: &mut Debts,
    returned: &Allocation,
    repayment: &mut Repayment,
) -> Result<(), Inconsistency> {
    let mut batches = wallet.batches().iter();
    let batch = batches.find(|batch| batch.id == returned.batch_id);
    let Some(batch) = batch.filter(|_| wallet.debt > 0) else {
        return Ok(());
    };
    if repayment.debts.is_empty() {
        debts.check(&wallet.user_id, wallet.debt)?;
    }
    let user_id = &wallet.user_id;
    let settled = debts.settle(user_id, returned.amount, Settlement::Repaid, |debt| {
        debt.deposit_id == batch.deposit_id
    });
    let repaid = settled.iter().map(|(_, credits)| credits).sum();
    repayment.batches.push((returned.batch_id, repaid));
    for (id, credits) in settled {
        // Credits of several batches may repay one debt.
        match repayment.debts.iter_mut().find(|(known, _)| *known == id) {
            Some((_, sum)) => *sum += credits,
            None => repayment.debts.push((id, credits)),
        }
    }
    Ok(())
}

/// The next `amount` credits to return: batches and credits, last taken first.
fn parts(
    wallet: &Wallet,
    original: &Original,
    amount: i64,
) -> Result<Vec<(Uuid, i64)>, Inconsistency> {
    let (mut before, mut missing) = (original.refunded, amount);
    let mut parts = Vec::new();
    let mut known = 0;
    for batch in wallet.batches().iter().rev() {
        let Some(taken) = original.taken.get(&batch.id) else {
            continue;
        };
        known += 1;
        let returned = before.min(*taken);
        before -= returned;
        let part = missing.min(taken - returned);
        missing -= part;
        if part > 0 {
            parts.push((batch.id, part));
        }
    }
    if missing == 0 && known == original.taken.len() {
        return Ok(parts);
    }
    Err(Inconsistency {
        table: "credits_transaction",
        id: original.transaction_id.to_string(),
        message: format!(
            "it took from {} batches, but its wallet has {known} of them",
            original.taken.len()
        ),
    })
}

/// Returns credits to the batch that they were taken from, or, if it has expired, as a new batch.
pub(crate) fn give_back(
    wallet: &mut Wallet,
    (batch_id, credits): (Uuid, i64),
    expires_at: Option<DateTime<Utc>>,
    posting: &mut Posting,
    context: &mut Context<'_>,
) -> Result<Allocation, Inconsistency> {
    if let Some(returned) = wallet.give_back(batch_id, credits, context.at)? {
        return Ok(returned);
    }
    let replacement = Replacement {
        replaces: batch_id,
        credits,
        expires_at,
        has_price: true,
    };
    replace(wallet, &replacement, posting, context)
}

/// Credits that come back as a new batch in place of another one.
pub(crate) struct Replacement {
    /// The id of the other batch.
    pub replaces: Uuid,
    pub credits: i64,
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether they have their share of the price. If not, and if there is one, theirs is 0.
    pub has_price: bool,
}

/// Adds a new batch in place of another one.
pub(crate) fn replace(
    wallet: &mut Wallet,
    replacement: &Replacement,
    posting: &mut Posting,
    context: &mut Context<'_>,
) -> Result<Allocation, Inconsistency> {
    let (credits, expires_at) = (replacement.credits, replacement.expires_at);
    let priced = if replacement.has_price { credits } else { 0 };
    let mut batches = wallet.batches().iter();
    let Some(expired) = batches.find(|batch| batch.id == replacement.replaces) else {
        let id = replacement.replaces;
        return Err(wallet.inconsistent(format!("it has no batch {id}")));
    };
    let batch = Batch {
        id: context.id(),
        amount: credits,
        remaining: credits,
        held: 0,
        issued_at: context.at,
        expires_at,
        status: BatchStatus::Active,
        source: expired.source,
        source_plan: expired.source_plan.clone(),
        grant_period: expired.grant_period.clone(),
        paid_micros: expired
            .paid_micros
            .map(|paid| share(paid, priced, expired.amount)),
        currency: expired.currency.clone(),
        transaction_id: posting.id,
        deposit_id: expired.deposit_id,
        expirations: 0,
    };
    posting.audit.replacements.push(ReplacementNote {
        batch_id: batch.id,
        replaces: replacement.replaces,
        batch: BatchNote {
            expires_at,
            plan: batch.source_plan.clone(),
            paid_micros: batch.paid_micros,
            currency: batch.currency.clone(),
        },
    });
    let allocation = Allocation {
        batch_id: batch.id,
        amount: credits,
        batch_remaining: credits,
    };
    wallet.add_batch(batch);
    Ok(allocation)
}

/// The price of `credits` out of `amount` credits, rounded down. So the shares of all parts never
/// exceed the whole price.
fn share(paid_micros: i64, credits: i64, amount: i64) -> i64 {
    let share = i128::from(paid_micros) * i128::from(credits) / i128::from(amount.max(1));
    i64::try_from(share).unwrap_or(i64::MAX)
}
