//! Encodes decisions: the outcome of a command becomes its reply.

use ledger::{Command, Decision, Outcome, Refused};
use producer_sdk::contract::{self, AllocationItem, OutcomeError, Posting};

/// The wire form of `decision`.
pub fn wire(command: &Command, decision: &Decision) -> contract::Outcome {
    match decision {
        Decision::Settled(outcome) => settled(&name(command), outcome),
        Decision::Unapplied(refused) => {
            let outcome = Outcome::refused(refused.clone(), None, None);
            settled(&name(command), &outcome)
        }
    }
}

/// What an outcome repeats of its command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<'a> {
    pub reference_id: &'a str,
    /// The `type` of the command.
    pub kind: &'a str,
    pub user_id: &'a str,
}

fn name(command: &Command) -> Named<'_> {
    Named {
        reference_id: &command.reference_id,
        kind: command.kind(),
        user_id: &command.user_id,
    }
}

/// The wire form of `outcome`.
pub fn settled(command: &Named<'_>, outcome: &Outcome) -> contract::Outcome {
    let debt = outcome.debt.as_deref().copied().unwrap_or_default();
    let added = outcome.amount.saturating_add(debt.repaid.unwrap_or(0));
    contract::Outcome {
        reference_id: command.reference_id.to_owned(),
        kind: command.kind.to_owned(),
        user_id: command.user_id.to_owned(),
        status: outcome.status(),
        replayed: outcome.replayed,
        amount: Some(outcome.amount),
        balance: outcome.balance,
        available: outcome.available,
        transactions: outcome
            .transactions
            .iter()
            .map(|(id, kind, amount)| Posting {
                id: *id,
                kind: kind.as_str().to_owned(),
                amount: *amount,
            })
            .collect(),
        allocations: outcome
            .allocations
            .iter()
            .map(|allocation| AllocationItem {
                batch_id: allocation.batch_id,
                amount: allocation.amount,
                batch_remaining: allocation.batch_remaining,
            })
            .collect(),
        held: outcome.held,
        hold_expires_at: outcome.hold_expires_at,
        uncaptured: outcome.uncaptured,
        revoked: debt.revoked,
        taken: debt.taken,
        indebted: debt.indebted,
        restored: debt.restored,
        cancelled: debt.cancelled,
        forgiven: debt.forgiven,
        repaid: debt.repaid,
        debt: debt.debt,
        granted: outcome.clipped.map(|_| added),
        clipped: outcome.clipped,
        skipped: outcome.skipped.map(|skipped| skipped.as_str().to_owned()),
        stale: outcome.stale.then_some(true),
        over_cap: outcome.over_cap.then_some(true),
        default_price: outcome.default_price.then_some(true),
        error: outcome.refused.as_ref().map(error),
    }
}

fn error(refused: &Refused) -> OutcomeError {
    OutcomeError {
        code: refused.code.as_str().to_owned(),
        message: refused.to_string(),
        required: refused.required,
        available: refused.available,
        first_reference_id: refused
            .first
            .as_ref()
            .map(|first| first.reference_id.clone()),
        first_transaction_id: refused.first.as_ref().map(|first| first.transaction_id),
    }
}
