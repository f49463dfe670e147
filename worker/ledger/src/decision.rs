//! How a command decides: what it is given besides the wallet, and what it returns.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    command::{Command, Origin},
    posting::{Audit, Detail, Posting, TransactionType},
    refusal::{Refusal, Refused},
    rules::Rules,
};

/// A source of new ids, unique and ascending. Every `FnMut() -> Uuid` is one.
pub trait IdSource {
    /// The next id.
    fn next_id(&mut self) -> Uuid;
}

impl<F: FnMut() -> Uuid> IdSource for F {
    fn next_id(&mut self) -> Uuid {
        self()
    }
}

/// The input of a decision besides the wallet.
pub(crate) struct Context<'a> {
    pub command: &'a Command,
    pub rules: &'a Rules,
    /// The current time.
    pub now: DateTime<Utc>,
    /// The effective time of the command.
    pub at: DateTime<Utc>,
    pub ids: &'a mut dyn IdSource,
}

impl Context<'_> {
    pub fn id(&mut self) -> Uuid {
        self.ids.next_id()
    }

    /// The command's own posting. It moves no credits yet.
    pub fn posting(&mut self, kind: TransactionType) -> Posting {
        let command = self.command;
        Posting {
            id: self.id(),
            user_id: command.user_id.clone(),
            kind,
            amount: 0,
            debt_change: 0,
            other_account: None,
            origin: command.origin,
            reference_id: command.reference_id.clone(),
            sender: command.sender.clone(),
            fingerprint: Some(command.fingerprint()),
            refusal: None,
            balance_after: None,
            service: None,
            quantity: None,
            purchase_id: None,
            purchase_line: None,
            subscription_id: None,
            period_start: None,
            related_id: None,
            description: command.description.clone(),
            metadata: command.metadata.clone(),
            detail: Detail::default(),
            audit: Audit {
                claimed_at: command.occurred_at.filter(|claimed| *claimed != self.at),
                ..Audit::default()
            },
            occurred_at: self.at,
            allocations: Vec::new(),
        }
    }

    /// A posting under a derived reference that belongs to the transaction `to`. It has no sender,
    /// because any command may cause it.
    pub fn derived(
        &mut self,
        kind: TransactionType,
        reference_id: String,
        to: Option<Uuid>,
    ) -> Posting {
        Posting {
            origin: Origin::Internal,
            reference_id,
            sender: None,
            fingerprint: None,
            related_id: to,
            description: None,
            metadata: None,
            audit: Audit::default(),
            ..self.posting(kind)
        }
    }
}

/// The decision of one kind of command.
pub(crate) enum Verdict {
    /// The command is applied by these postings.
    Post(Vec<Posting>),
    /// The command is refused.
    Refuse(Refused),
    /// The command is about money that was paid or refunded, and cannot be applied.
    Unapplied(Refused),
}

impl From<Refusal> for Verdict {
    fn from(code: Refusal) -> Self {
        Self::Refuse(code.into())
    }
}
