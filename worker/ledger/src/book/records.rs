//! Stored outcomes: a command with a known reference is a replay or a conflict.

use chrono::{DateTime, Utc};

use super::Book;
use crate::{
    action::Action,
    command::Command,
    outcome::{Decision, Outcome},
    posting::{Posting, RecordedTransaction, TransactionType},
    record::Record,
    refusal::{Refusal, Refused},
    rules::References,
};

impl Book {
    /// The decision of an earlier command with the same reference.
    pub(super) fn recorded(&self, command: &Command, references: References) -> Option<Decision> {
        if matches!(command.action, Action::Expire(_)) {
            return None;
        }
        let owner = references
            .owner(command.sender.as_deref())
            .map(str::to_owned);
        let record = self
            .records
            .get(&(command.origin, owner))?
            .get(&command.reference_id)?;
        if record.fingerprint == Some(command.fingerprint()) {
            let outcome = Outcome {
                replayed: true,
                available: None,
                ..record.outcome.clone()
            };
            return Some(Decision::Settled(outcome));
        }
        let conflict = Refused::from(Refusal::ReferenceConflict);
        Some(if command.is_paid() {
            Decision::Unapplied(conflict)
        } else {
            Decision::Settled(Outcome::refused(conflict, None, None))
        })
    }

    /// Adds the postings of an applied or refused command, and stores its outcome.
    pub(super) fn post(
        &mut self,
        command: &Command,
        postings: Vec<Posting>,
        references: References,
        now: DateTime<Utc>,
    ) -> Decision {
        let wallet = self.wallet(&command.user_id);
        let available = wallet.map(|wallet| wallet.spendable_at(now));
        let mut outcome =
            Outcome::from_transactions(postings.iter().map(RecordedTransaction::from), available);
        outcome.balance = outcome.balance.or(wallet.map(|wallet| wallet.balance));
        if !matches!(command.action, Action::Expire(_)) {
            let is_own = |posting: &&Posting| {
                posting.origin == command.origin && posting.reference_id == command.reference_id
            };
            let own = postings.iter().find(is_own);
            let fingerprint = own.and_then(|posting| posting.fingerprint);
            let record = Record {
                fingerprint: fingerprint.or_else(|| Some(command.fingerprint())),
                outcome: outcome.clone(),
            };
            let owner = references
                .owner(command.sender.as_deref())
                .map(str::to_owned);
            self.add_record(command.origin, owner, command.reference_id.clone(), record);
        }
        if !matches!(command.action, Action::MonthlyGrant(_)) {
            self.record_grants(&postings);
        }
        self.postings.extend(postings);
        Decision::Settled(outcome)
    }

    /// Records the outcomes of grants, because a job may request the same grants later.
    pub(super) fn record_grants(&mut self, postings: &[Posting]) {
        let grants = postings.iter();
        for grant in grants.filter(|posting| posting.kind == TransactionType::MonthlyGrant) {
            let repaid = postings.iter().filter(|posting| {
                posting.kind == TransactionType::Repayment && posting.related_id == Some(grant.id)
            });
            let transactions = std::iter::once(grant).chain(repaid);
            let record = Record {
                fingerprint: grant.fingerprint,
                outcome: Outcome::from_transactions(transactions.map(Into::into), None),
            };
            self.add_record(grant.origin, None, grant.reference_id.clone(), record);
        }
    }
}
