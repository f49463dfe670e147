//! Consumptions and captures that refunds name: where their credits came from, and how many were
//! returned.

use std::collections::HashMap;

use uuid::Uuid;

use crate::{
    action::Refund,
    command::{Command, Origin},
    posting::{Posting, TransactionType},
    rules::References,
};

/// A completed transaction that a refund may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Original {
    /// The id of the transaction.
    pub transaction_id: Uuid,
    /// The type of the transaction.
    pub kind: TransactionType,
    /// The owner of the wallet.
    pub user_id: String,
    /// The origin of its reference.
    pub origin: Origin,
    /// The verified sender of its command.
    pub sender: Option<String>,
    /// Its reference.
    pub reference_id: String,
    /// The service that was used.
    pub service: Option<String>,
    /// The batches that it took from, and the credits of each.
    pub taken: HashMap<Uuid, i64>,
    /// The credits that were returned so far.
    pub refunded: i64,
}

/// A consumption or capture of which a group returned credits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefundedOriginal<'a> {
    /// The id of the transaction.
    pub transaction_id: Uuid,
    /// The owner of the wallet.
    pub user_id: &'a str,
    /// The credits that it took.
    pub taken: i64,
    /// The credits that the group returned.
    pub returned: i64,
}

impl Original {
    /// The credits that it took.
    pub fn total(&self) -> i64 {
        self.taken.values().copied().fold(0, i64::saturating_add)
    }

    /// The credits that are left to return.
    pub fn left(&self) -> i64 {
        self.total().saturating_sub(self.refunded)
    }
}

impl From<&Posting> for Original {
    fn from(posting: &Posting) -> Self {
        let taken = posting.allocations.iter();
        Self {
            transaction_id: posting.id,
            kind: posting.kind,
            user_id: posting.user_id.clone(),
            origin: posting.origin,
            sender: posting.sender.clone(),
            reference_id: posting.reference_id.clone(),
            service: posting.service.clone(),
            taken: taken.map(|part| (part.batch_id, -part.amount)).collect(),
            refunded: 0,
        }
    }
}

/// The originals of a book, by reference.
#[derive(Clone, Debug, Default)]
pub(crate) struct Originals(HashMap<String, Vec<Known>>);

#[derive(Clone, Debug)]
struct Known {
    original: Original,
    /// The credits that were returned before this group.
    stored: i64,
}

impl Originals {
    /// Adds a transaction with the credits that were returned before this group. It is ignored if
    /// it is known, or if credits of its type cannot be returned.
    pub fn add(&mut self, original: Original) {
        if !original.kind.is_refundable() {
            return;
        }
        let known = self.0.entry(original.reference_id.clone()).or_default();
        let id = original.transaction_id;
        if known.iter().all(|one| one.original.transaction_id != id) {
            let stored = original.refunded;
            known.push(Known { original, stored });
        }
    }

    /// Adds the transactions of this group that a refund may name.
    pub fn add_posted(&mut self, postings: &[Posting], command: &Command, refund: &Refund) {
        let named = postings.iter().filter(|posting| {
            posting.reference_id == refund.of
                && posting.user_id == command.user_id
                && posting.refusal.is_none()
        });
        for posting in named {
            self.add(posting.into());
        }
    }

    /// The consumption or capture that a refund names: the one of the same user under this
    /// reference in the command's own origin and scope, or else, for support staff, in the origin
    /// of apps. There several apps may have used the reference; then it names none of them.
    pub fn named_by(
        &mut self,
        command: &Command,
        refund: &Refund,
        references: References,
    ) -> Option<&mut Original> {
        let known = self.0.get_mut(&refund.of)?;
        let scope = references.owner(command.sender.as_deref());
        let only = |is_named: &dyn Fn(&Original) -> bool| {
            let mut matching = known.iter().enumerate().filter(|(_, one)| {
                one.original.user_id == command.user_id && is_named(&one.original)
            });
            let (index, _) = matching.next()?;
            matching.next().is_none().then_some(index)
        };
        let own = only(&|original| {
            let owner = references.owner(original.sender.as_deref());
            original.origin == command.origin && owner == scope
        });
        let by_support = command.origin == Origin::Funding;
        let of_apps = || only(&|original| by_support && original.origin == Origin::Usage);
        let index = own.or_else(of_apps)?;
        known.get_mut(index).map(|known| &mut known.original)
    }

    /// The consumptions and captures of which this group returned credits.
    pub fn refunded(&self) -> impl Iterator<Item = RefundedOriginal<'_>> {
        let changed = self
            .0
            .values()
            .flatten()
            .filter(|known| known.original.refunded != known.stored);
        changed.map(|Known { original, stored }| RefundedOriginal {
            transaction_id: original.transaction_id,
            user_id: &original.user_id,
            taken: original.total(),
            returned: original.refunded.saturating_sub(*stored),
        })
    }
}
