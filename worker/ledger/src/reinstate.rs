//! The command `reinstate`. It undoes a revocation: what was taken returns, what is still owed is
//! cancelled, and what was repaid comes back as a new batch.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    debt::{Debts, Settlement},
    decision::{Context, Verdict},
    deposit::expiry,
    deposit_record::Deposits,
    inconsistency::Inconsistency,
    posting::{Posting, TransactionType},
    refund::{self, Replacement, replace},
    refusal::Refusal,
    revocation_record::{RevocationPart, RevocationRecord},
    wallet::Wallet,
};

pub(crate) fn decide(
    wallet: Option<&mut Wallet>,
    revocation: Option<&mut RevocationRecord>,
    deposits: &mut Deposits,
    debts: &mut Debts,
    context: &mut Context<'_>,
) -> Result<Verdict, Inconsistency> {
    let Ok(grace) = expiry(context.at, Some(context.rules.refund_grace_days)) else {
        return Ok(Refusal::InvalidAmount.into());
    };
    let Some(wallet) = wallet else {
        return Ok(Refusal::WalletNotFound.into());
    };
    let Some(revocation) = revocation else {
        return Ok(Refusal::OriginalNotFound.into());
    };
    if revocation.is_reinstated {
        return Ok(Refusal::AlreadyReinstated.into());
    }
    revocation.is_reinstated = true;
    let mut own = context.posting(TransactionType::Reinstatement);
    own.related_id = Some(revocation.transaction_id);
    own.audit.request = Some(Box::new(context.command.clone()));
    let own_id = own.id;
    let mut next = Some(own);
    let mut postings = Vec::new();
    for part in &revocation.parts {
        let mut posting = next.take().unwrap_or_else(|| {
            let reference = format!("reinstatement:{}", part.transaction_id);
            context.derived(TransactionType::Reinstatement, reference, Some(own_id))
        });
        posting.detail.deposit_id = Some(part.deposit_id);
        let debt = debts.left_by(revocation, part).cloned();
        let repaid = debt.as_ref().map_or(0, |debt| debt.repaid);
        give_back(wallet, part, repaid, grace, &mut posting, context)?;
        let deposit = deposits.get(part.deposit_id)?;
        posting.other_account = (posting.amount > 0).then(|| deposit.account());
        let account = deposit.account();
        let changed = deposits.revoked_mut(part.deposit_id)?;
        changed.revoked -= part.revoked;
        changed.taken -= part.taken.iter().map(|(_, credits)| credits).sum::<i64>();
        changed.indebted -= debt.as_ref().map_or(0, |debt| debt.amount);
        deposits.forget_rounding(part.deposit_id)?;
        if posting.amount > 0 || posting.id == own_id {
            wallet.earn(posting.amount)?;
            posting.balance_after = Some(wallet.balance);
            posting.detail.debt = Some(wallet.debt);
            postings.push(posting);
        }
        let open = debt.filter(|debt| debt.open() > 0);
        if let Some(debt) = open {
            let cancelled = cancel(wallet, debts, debt.id, (own_id, account), context)?;
            postings.push(cancelled);
        }
    }
    Ok(Verdict::Post(postings))
}

/// Returns the credits that a part of a revocation took to their batches, and those that had repaid
/// its debt as a new batch.
fn give_back(
    wallet: &mut Wallet,
    part: &RevocationPart,
    repaid: i64,
    grace: Option<DateTime<Utc>>,
    posting: &mut Posting,
    context: &mut Context<'_>,
) -> Result<(), Inconsistency> {
    for taken in &part.taken {
        let allocation = refund::give_back(wallet, *taken, grace, posting, context)?;
        posting.allocations.push(allocation);
    }
    if repaid > 0 {
        let mut batches = wallet.batches().iter();
        let own = batches.find(|batch| batch.transaction_id == part.deposit_id);
        let own = own.map(|batch| (batch.id, batch.expires_at));
        let Some((batch_id, expires_at)) = own else {
            let deposit_id = part.deposit_id;
            return Err(wallet.inconsistent(format!("it has no batch of deposit {deposit_id}")));
        };
        // A batch that never expires is replaced by one that never expires.
        let replacement = Replacement {
            replaces: batch_id,
            credits: repaid,
            expires_at: expires_at.and_then(|at| grace.map(|grace| grace.max(at))),
            // These were other credits. The price of the deposit belongs to those that were spent.
            has_price: false,
        };
        let allocation = replace(wallet, &replacement, posting, context)?;
        posting.allocations.push(allocation);
    }
    wallet.sort_allocations(&mut posting.allocations);
    posting.amount = posting.allocations.iter().map(|part| part.amount).sum();
    Ok(())
}

/// Cancels what is open of a debt.
fn cancel(
    wallet: &mut Wallet,
    debts: &mut Debts,
    debt_id: Uuid,
    (own_id, account): (Uuid, String),
    context: &mut Context<'_>,
) -> Result<Posting, Inconsistency> {
    let reference = format!("cancellation:{debt_id}");
    let mut posting = context.derived(TransactionType::Reinstatement, reference, Some(own_id));
    let cancelled = Settlement::Cancelled;
    posting.audit.debts = debts.settle(&wallet.user_id, i64::MAX, cancelled, |debt| {
        debt.id == debt_id
    });
    let amount: i64 = posting.audit.debts.iter().map(|(_, part)| part).sum();
    wallet.owe(-amount)?;
    wallet.post(0)?;
    posting.debt_change = -amount;
    posting.other_account = Some(account);
    posting.balance_after = Some(wallet.balance);
    posting.detail.debt = Some(wallet.debt);
    Ok(posting)
}
