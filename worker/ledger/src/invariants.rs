//! The invariants that hold for every wallet after every command, as named checks.

mod debts;
mod holds;

use std::{collections::HashMap, fmt};

use uuid::Uuid;

use crate::{
    batch::{Batch, BatchStatus},
    posting::{Posting, TransactionType},
    wallet::Wallet,
};

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Name of the invariant.
    pub invariant: &'static str,
    /// The values that violate it.
    pub found: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.found)
    }
}

fn holds(
    invariant: &'static str,
    condition: bool,
    found: impl FnOnce() -> String,
) -> Result<(), Broken> {
    if condition {
        Ok(())
    } else {
        Err(Broken {
            invariant,
            found: found(),
        })
    }
}

fn equal(invariant: &'static str, stored: i64, sum: i128) -> Result<(), Broken> {
    holds(invariant, i128::from(stored) == sum, || {
        format!("stored {stored}, the sum is {sum}")
    })
}

/// Checks a wallet against all its batches, including closed ones, its holds and all its postings.
///
/// # Errors
/// Returns the first invariant that does not hold.
pub fn check_wallet(
    wallet: &Wallet,
    batches: &[Batch],
    postings: &[Posting],
) -> Result<(), Broken> {
    let sum = |amounts: &mut dyn Iterator<Item = i64>| amounts.map(i128::from).sum::<i128>();
    let active = || {
        batches
            .iter()
            .filter(|batch| batch.status == BatchStatus::Active)
    };
    let completed = || postings.iter().filter(|posting| posting.refusal.is_none());
    let total = |is_included: fn(TransactionType) -> bool| {
        completed()
            .filter(|p| is_included(p.kind))
            .map(|p| i128::from(p.amount))
            .sum::<i128>()
    };
    equal(
        "balance = Σ remaining of ACTIVE batches",
        wallet.balance,
        sum(&mut active().map(|b| b.remaining)),
    )?;
    equal(
        "balance = Σ COMPLETED amounts",
        wallet.balance,
        sum(&mut completed().map(|p| p.amount)),
    )?;
    equal(
        "held = Σ held of batches",
        wallet.held,
        sum(&mut batches.iter().map(|b| b.held)),
    )?;
    equal(
        "total_earned = Σ credits added − revoked − repaid + reinstated",
        wallet.total_earned,
        total(|kind| {
            use TransactionType::{Reinstatement, Repayment, Revocation};
            kind.is_deposit() || matches!(kind, Revocation | Repayment | Reinstatement)
        }),
    )?;
    equal(
        "debt = Σ COMPLETED changes of the debt",
        wallet.debt,
        sum(&mut completed().map(|p| p.debt_change)),
    )?;
    equal(
        "total_spent = Σ consumed − refunded",
        wallet.total_spent,
        -total(|kind| {
            use TransactionType::{Capture, Consumption, Refund};
            matches!(kind, Consumption | Capture | Refund)
        }),
    )?;
    equal(
        "transaction_count = number of COMPLETED transactions",
        wallet.transaction_count,
        i128::try_from(completed().count()).unwrap_or(i128::MAX),
    )?;
    check_batches(batches, postings)?;
    check_refunds(postings)?;
    debts::check(postings)?;
    holds::check(wallet, batches, postings)?;
    postings.iter().try_for_each(check_posting)
}

fn check_batches(batches: &[Batch], postings: &[Posting]) -> Result<(), Broken> {
    let mut moved: HashMap<Uuid, i128> = HashMap::new();
    for allocation in postings.iter().flat_map(|posting| &posting.allocations) {
        *moved.entry(allocation.batch_id).or_default() += i128::from(allocation.amount);
    }
    for batch in batches {
        let found = || format!("{batch:?}");
        holds(
            "0 ≤ remaining ≤ amount",
            (0..=batch.amount).contains(&batch.remaining),
            found,
        )?;
        holds(
            "0 ≤ held ≤ remaining",
            (0..=batch.remaining).contains(&batch.held),
            found,
        )?;
        holds(
            "ACTIVE ⇔ remaining > 0",
            (batch.status == BatchStatus::Active) == (batch.remaining > 0),
            found,
        )?;
        equal(
            "remaining = Σ allocations of the batch",
            batch.remaining,
            moved.remove(&batch.id).unwrap_or_default(),
        )?;
        let origin = postings
            .iter()
            .find(|posting| posting.id == batch.transaction_id);
        let mut brought = origin.into_iter().flat_map(|posting| &posting.allocations);
        holds(
            "the batch has its transaction",
            brought.any(|part| part.batch_id == batch.id && part.amount == batch.amount),
            found,
        )?;
    }
    holds("every allocation has its batch", moved.is_empty(), || {
        format!("{moved:?}")
    })
}

fn check_refunds(postings: &[Posting]) -> Result<(), Broken> {
    let mut refunded: HashMap<Uuid, i128> = HashMap::new();
    for refund in postings
        .iter()
        .filter(|posting| posting.kind == TransactionType::Refund)
    {
        if let Some(original) = refund.related_id {
            *refunded.entry(original).or_default() += i128::from(refund.amount);
        }
    }
    refunded.into_iter().try_for_each(|(id, total)| {
        let mut originals = postings.iter().filter(|posting| posting.id == id);
        holds(
            "refunds ≤ what was consumed",
            originals.any(|it| it.kind.is_refundable() && total <= -i128::from(it.amount)),
            || format!("{total} were refunded of {id}"),
        )
    })
}

fn check_posting(posting: &Posting) -> Result<(), Broken> {
    let found = || format!("{posting:?}");
    let wallet = format!("WALLET:{}", posting.user_id);
    let allocated: i128 = posting
        .allocations
        .iter()
        .map(|a| i128::from(a.amount))
        .sum();
    equal(
        "amount = Σ allocations of the transaction",
        posting.amount,
        allocated,
    )?;
    holds(
        "amount > 0 ⇔ the wallet is credited",
        (posting.amount > 0) == (posting.credit_account().as_deref() == Some(&wallet)),
        found,
    )?;
    holds(
        "amount < 0 ⇔ the wallet is debited",
        (posting.amount < 0) == (posting.debit_account().as_deref() == Some(&wallet)),
        found,
    )?;
    holds(
        "a refusal moves nothing",
        posting.refusal.is_none() || posting.amount == 0,
        found,
    )?;
    holds(
        "no balance or remainder below 0",
        posting.balance_after.is_none_or(|balance| balance >= 0)
            && posting
                .allocations
                .iter()
                .all(|allocation| allocation.batch_remaining >= 0),
        found,
    )
}
