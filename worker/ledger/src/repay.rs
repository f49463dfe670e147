//! Repayments: credits that a command adds or returns reduce the debts of the wallet.

use uuid::Uuid;

use crate::{
    batch::BatchStatus,
    command::Origin,
    debt::{Debts, Settlement},
    decision::Context,
    inconsistency::Inconsistency,
    posting::{Posting, TransactionType},
    rules::DebtPolicy,
    wallet::Wallet,
};

/// Credits that repay debts: batches with the credits of each, and debts with the credits of each.
#[derive(Default)]
pub(crate) struct Repayment {
    pub batches: Vec<(Uuid, i64)>,
    pub debts: Vec<(Uuid, i64)>,
}

/// Repays debts with the credits that new postings have added, unless the policy is only to report
/// debts. Adds a posting for each one whose credits repay something.
pub(crate) fn with_new_credits(
    wallet: &mut Wallet,
    debts: &mut Debts,
    postings: &mut Vec<Posting>,
    context: &mut Context<'_>,
) -> Result<(), Inconsistency> {
    if context.rules.debt_policy == DebtPolicy::Report {
        return Ok(());
    }
    for nth in 0..postings.len() {
        let kind = postings[nth].kind;
        let adds = kind.is_deposit() || kind == TransactionType::Reinstatement;
        if wallet.debt == 0 || !adds || postings[nth].amount <= 0 {
            continue;
        }
        debts.check(&wallet.user_id, wallet.debt)?;
        let mut missing = wallet.debt;
        let mut repayment = Repayment::default();
        for added in &postings[nth].allocations {
            let part = added.amount.min(missing);
            missing -= part;
            repayment.batches.push((added.batch_id, part));
        }
        let amount = wallet.debt - missing;
        repayment.debts = debts.settle(&wallet.user_id, amount, Settlement::Repaid, |_| true);
        let repaid = post(wallet, &postings[nth], repayment, context)?;
        postings.push(repaid);
    }
    Ok(())
}

/// The posting of a repayment that belongs to the posting `cause`.
pub(crate) fn post(
    wallet: &mut Wallet,
    cause: &Posting,
    repayment: Repayment,
    context: &mut Context<'_>,
) -> Result<Posting, Inconsistency> {
    // All rows of a command belong to its own row.
    let own = cause
        .related_id
        .filter(|_| cause.origin == Origin::Internal);
    let reference = format!("repayment:{}", cause.id);
    let related_id = Some(own.unwrap_or(cause.id));
    let mut posting = context.derived(TransactionType::Repayment, reference, related_id);
    for (batch_id, credits) in repayment.batches {
        if credits > 0 {
            let taken = wallet.take_from(batch_id, credits, BatchStatus::Consumed)?;
            posting.allocations.push(taken);
        }
    }
    wallet.sort_allocations(&mut posting.allocations);
    posting.amount = posting.allocations.iter().map(|part| part.amount).sum();
    posting.debt_change = posting.amount;
    posting.audit.debts = repayment.debts;
    wallet.earn(posting.amount)?;
    wallet.owe(posting.amount)?;
    posting.other_account = Some(posting.debt_account());
    posting.balance_after = Some(wallet.balance);
    posting.detail.debt = Some(wallet.debt);
    Ok(posting)
}
