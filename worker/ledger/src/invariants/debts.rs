//! The invariants of revocations and debts.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::{Broken, equal, holds};
use crate::posting::{Posting, TransactionType};

/// Checks the revocations and debts of a wallet against its postings.
pub(super) fn check(postings: &[Posting]) -> Result<(), Broken> {
    let completed = || postings.iter().filter(|posting| posting.refusal.is_none());
    let mut owed: HashMap<Uuid, i128> = HashMap::new();
    let mut debt = 0;
    for posting in completed() {
        check_change(posting)?;
        if posting.kind == TransactionType::Debt {
            owed.insert(posting.id, i128::from(posting.debt_change));
        }
        for (id, credits) in &posting.audit.debts {
            *owed.entry(*id).or_default() -= i128::from(*credits);
        }
        debt += i128::from(posting.debt_change);
        if let Some(stored) = posting.detail.debt {
            equal("the reported debt = Σ changes up to it", stored, debt)?;
        }
    }
    holds(
        "what settles a debt ≤ its amount",
        owed.values().all(|open| *open >= 0),
        || format!("{owed:?}"),
    )?;
    check_revoked(postings)
}

/// Checks the change of the debt of one transaction.
fn check_change(posting: &Posting) -> Result<(), Broken> {
    use TransactionType::{Debt, Forgiveness, Reinstatement, Repayment};
    let change = posting.debt_change;
    let is_right = match posting.kind {
        Debt => change > 0 && posting.amount == 0,
        Repayment => change < 0 && posting.amount == change,
        Forgiveness => change < 0 && posting.amount == 0,
        Reinstatement => change == 0 || (change < 0 && posting.amount == 0),
        _ => change == 0,
    };
    holds("the change of the debt fits the type", is_right, || {
        format!("{posting:?}")
    })?;
    let ids: HashSet<Uuid> = posting.audit.debts.iter().map(|(id, _)| *id).collect();
    holds(
        "a transaction settles a debt once",
        ids.len() == posting.audit.debts.len(),
        || format!("{posting:?}"),
    )?;
    let settled = posting.audit.debts.iter();
    let settled: i128 = settled.map(|(_, credits)| i128::from(*credits)).sum();
    equal(
        "a falling debt = Σ debts that it settles",
        change.min(0),
        -settled,
    )
}

/// Checks that no deposit loses more by revocations than it brought.
fn check_revoked(postings: &[Posting]) -> Result<(), Broken> {
    let is_completed = |posting: &&Posting| posting.refusal.is_none();
    let reinstated: Vec<Uuid> = postings
        .iter()
        .filter(is_completed)
        .filter(|posting| posting.kind == TransactionType::Reinstatement)
        .filter_map(|posting| posting.related_id)
        .collect();
    let mut revoked: HashMap<Uuid, i128> = HashMap::new();
    for posting in postings.iter().filter(is_completed) {
        let (Some(deposit), Some(credits)) = (posting.detail.deposit_id, posting.detail.revoked)
        else {
            continue;
        };
        let is_of_bonus = posting.fingerprint.is_none();
        let own = posting.related_id.filter(|_| is_of_bonus);
        if !reinstated.contains(&own.unwrap_or(posting.id)) {
            *revoked.entry(deposit).or_default() += i128::from(credits);
        }
    }
    revoked.into_iter().try_for_each(|(id, total)| {
        let mut deposits = postings.iter().filter(|posting| posting.id == id);
        holds(
            "revocations ≤ what the deposit brought",
            deposits.any(|it| it.kind.is_deposit() && total <= i128::from(it.amount)),
            || format!("{total} were revoked of {id}"),
        )
    })
}
