//! What a book knows about commands that were decided before.

use uuid::Uuid;

use crate::{
    fingerprint::Fingerprint,
    outcome::Outcome,
    posting::{Allocation, Detail, Posting, TransactionType},
    refusal::Refusal,
};

/// A stored outcome, for the detection of replays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The fingerprint of the command. `None` for derived references.
    pub fingerprint: Option<Fingerprint>,
    /// The outcome of the command.
    pub outcome: Outcome,
}

/// A transaction, with only the fields that the outcome of its command needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedTransaction {
    /// The id of the row.
    pub id: Uuid,
    /// The type of the transaction.
    pub kind: TransactionType,
    /// The change of the balance, in credits.
    pub amount: i64,
    /// The reason for the refusal. `None` if the transaction is completed.
    pub refusal: Option<Refusal>,
    /// The wallet's balance afterwards. `None` if the user has no wallet.
    pub balance_after: Option<i64>,
    /// Further details of the outcome.
    pub detail: Detail,
    /// The changes of batches.
    pub allocations: Vec<Allocation>,
}

impl From<&Posting> for RecordedTransaction {
    fn from(posting: &Posting) -> Self {
        Self {
            id: posting.id,
            kind: posting.kind,
            amount: posting.amount,
            refusal: posting.refusal,
            balance_after: posting.balance_after,
            detail: posting.detail.clone(),
            allocations: posting.allocations.clone(),
        }
    }
}
