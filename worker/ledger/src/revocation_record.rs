//! Revocations that `reinstate` names.

use std::collections::HashMap;

use uuid::Uuid;

use crate::{
    command::{Command, Origin},
    posting::{Posting, TransactionType},
    rules::References,
};

/// A completed command `revoke`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationRecord {
    /// The id of its own transaction.
    pub transaction_id: Uuid,
    /// The owner of the wallet.
    pub user_id: String,
    /// The origin of its reference.
    pub origin: Origin,
    /// The verified sender of its command.
    pub sender: Option<String>,
    /// Its reference.
    pub reference_id: String,
    /// Whether it was reinstated.
    pub is_reinstated: bool,
    /// What it did to each deposit, in the order of its transactions.
    pub parts: Vec<RevocationPart>,
}

/// What a revocation did to one deposit. It is one transaction of the type `revocation`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationPart {
    /// The id of the transaction.
    pub transaction_id: Uuid,
    /// The deposit.
    pub deposit_id: Uuid,
    /// The credits of the deposit that were revoked.
    pub revoked: i64,
    /// The batches that it took from, and the credits of each.
    pub taken: Vec<(Uuid, i64)>,
}

impl RevocationRecord {
    /// The revocation that a command posted.
    pub(crate) fn from_postings(postings: &[Posting]) -> Option<Self> {
        let rows = postings.iter();
        let rows = rows.filter(|posting| posting.kind == TransactionType::Revocation);
        let own = postings.first()?;
        Some(Self {
            transaction_id: own.id,
            user_id: own.user_id.clone(),
            origin: own.origin,
            sender: own.sender.clone(),
            reference_id: own.reference_id.clone(),
            is_reinstated: false,
            parts: rows.filter_map(RevocationPart::from_posting).collect(),
        })
    }
}

impl RevocationPart {
    fn from_posting(posting: &Posting) -> Option<Self> {
        let taken = posting.allocations.iter();
        Some(Self {
            transaction_id: posting.id,
            deposit_id: posting.detail.deposit_id?,
            revoked: posting.detail.revoked?,
            taken: taken.map(|part| (part.batch_id, -part.amount)).collect(),
        })
    }
}

/// The revocations of a book, by reference.
#[derive(Clone, Debug, Default)]
pub(crate) struct Revocations(HashMap<String, Vec<RevocationRecord>>);

impl Revocations {
    /// Adds a revocation, unless it is known. Its batches are ordered by id, so that it does not
    /// matter in which order they were read.
    pub fn add(&mut self, mut revocation: RevocationRecord) {
        for part in &mut revocation.parts {
            part.taken.sort_unstable();
        }
        let known = self.0.entry(revocation.reference_id.clone()).or_default();
        let id = revocation.transaction_id;
        if known.iter().all(|one| one.transaction_id != id) {
            known.push(revocation);
        }
    }

    /// The revocation that a command names by its reference: the one of its own origin and sender,
    /// or else the only other one of its user.
    pub fn named_by(
        &mut self,
        of: &str,
        command: &Command,
        references: References,
    ) -> Option<&mut RevocationRecord> {
        let known = self.0.get_mut(of)?.iter_mut();
        let mut named: Vec<_> = known
            .filter(|revocation| revocation.user_id == command.user_id)
            .collect();
        let owner = references.owner(command.sender.as_deref());
        let own = named.iter().position(|revocation| {
            revocation.origin == command.origin
                && references.owner(revocation.sender.as_deref()) == owner
        });
        match (own, named.len()) {
            (Some(own), _) => Some(named.swap_remove(own)),
            (None, 1) => named.pop(),
            _ => None,
        }
    }
}
