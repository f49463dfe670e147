//! Deposits that revocations name: the transactions that brought credits, and how much of them was
//! revoked.

use std::collections::HashMap;

use scrip_types::RevokeTarget;
use uuid::Uuid;

use crate::{
    command::{Command, Origin},
    inconsistency::Inconsistency,
    posting::{Posting, TransactionType},
    rules::References,
};

/// A completed transaction that brought credits, with the state of its revocations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepositRecord {
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
    /// The payment that it credits.
    pub purchase_id: Option<String>,
    /// The line of the payment, if it has several.
    pub purchase_line: Option<String>,
    /// The purchase that a bonus belongs to.
    pub related_id: Option<Uuid>,
    /// The credits that it brought.
    pub issued: i64,
    /// The credits of its batches that have expired and were removed.
    pub expired: i64,
    /// What was revoked of it.
    pub revoked: RevokedCredits,
}

/// What was revoked of a deposit. It falls if a revocation is reinstated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RevokedCredits {
    /// The credits that were revoked, whether they were taken, are owed or had expired.
    pub revoked: i64,
    /// The part of a credit that rounding left out of `revoked`, in millionths: 0 to 999,999.
    pub fraction: i64,
    /// The credits that were taken from batches.
    pub taken: i64,
    /// The credits that became debt.
    pub indebted: i64,
}

/// A deposit of which a group revoked or reinstated credits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevokedDeposit<'a> {
    /// The id of the transaction.
    pub transaction_id: Uuid,
    /// The owner of the wallet.
    pub user_id: &'a str,
    /// The credits that it brought.
    pub issued: i64,
    /// What this group adds to the columns `revoked`, `fraction`, `taken` and `indebted`. Each may
    /// be negative.
    pub change: RevokedCredits,
}

impl DepositRecord {
    /// The credits that are left to revoke.
    pub const fn left(&self) -> i64 {
        self.issued.saturating_sub(self.revoked.revoked)
    }

    /// The account that the credits came from.
    pub fn account(&self) -> String {
        match (self.kind, &self.purchase_id) {
            (TransactionType::Purchase, Some(purchase_id)) => format!("PAYMENT:{purchase_id}"),
            (TransactionType::Bonus, _) => "SYSTEM:purchase-bonus".to_owned(),
            (TransactionType::MonthlyGrant, _) => "SYSTEM:subscription-grant".to_owned(),
            (TransactionType::RegistrationBonus, _) => "SYSTEM:registration-bonus".to_owned(),
            _ => "SYSTEM:promotion".to_owned(),
        }
    }

    fn is_named_by(&self, target: &RevokeTarget) -> bool {
        match target {
            RevokeTarget::Reference(of) => self.reference_id == *of,
            RevokeTarget::Payment {
                purchase_id,
                purchase_line,
            } => {
                self.kind == TransactionType::Purchase
                    && self.purchase_id.as_ref() == Some(purchase_id)
                    && self.purchase_line == *purchase_line
            }
        }
    }
}

impl From<&Posting> for DepositRecord {
    fn from(posting: &Posting) -> Self {
        Self {
            transaction_id: posting.id,
            kind: posting.kind,
            user_id: posting.user_id.clone(),
            origin: posting.origin,
            sender: posting.sender.clone(),
            reference_id: posting.reference_id.clone(),
            purchase_id: posting.purchase_id.clone(),
            purchase_line: posting.purchase_line.clone(),
            related_id: posting.related_id,
            issued: posting.amount,
            expired: 0,
            revoked: RevokedCredits::default(),
        }
    }
}

/// The deposits of a book, by id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deposits(HashMap<Uuid, Known>);

#[derive(Clone, Debug)]
struct Known {
    deposit: DepositRecord,
    /// What was revoked before this group.
    stored: RevokedCredits,
}

impl Deposits {
    /// Adds a deposit with what was revoked of it before this group. It is ignored if it is known,
    /// or if it brought no credits.
    pub fn add(&mut self, deposit: DepositRecord) {
        if deposit.kind.is_deposit() && deposit.issued > 0 {
            let stored = deposit.revoked;
            let id = deposit.transaction_id;
            self.0.entry(id).or_insert(Known { deposit, stored });
        }
    }

    /// Adds the deposits of this group that belong to a user.
    pub fn add_posted(&mut self, postings: &[Posting], user_id: &str) {
        let completed = postings.iter().filter(|posting| posting.refusal.is_none());
        for posting in completed.filter(|posting| posting.user_id == user_id) {
            self.add(posting.into());
        }
    }

    /// The deposit that a command names: the one of its own origin and sender, or else the only one
    /// of its sender, such as a bonus, or else the only one.
    pub fn named_by(
        &self,
        target: &RevokeTarget,
        command: &Command,
        references: References,
    ) -> Option<&DepositRecord> {
        let deposits = self.0.values().map(|known| &known.deposit);
        let named = deposits
            .filter(|deposit| deposit.user_id == command.user_id && deposit.is_named_by(target));
        let named: Vec<_> = named.collect();
        let owner = references.owner(command.sender.as_deref());
        let is_of_owner =
            |deposit: &&DepositRecord| references.owner(deposit.sender.as_deref()) == owner;
        let of_owner: Vec<_> = named.iter().copied().filter(is_of_owner).collect();
        let own = of_owner
            .iter()
            .find(|deposit| deposit.origin == command.origin);
        match (own, of_owner.as_slice(), named.as_slice()) {
            (Some(own), ..) => Some(own),
            (None, [only], _) | (None, [], [only]) => Some(only),
            _ => None,
        }
    }

    /// The bonus of a purchase.
    pub fn bonus_of(&self, purchase: &DepositRecord) -> Option<&DepositRecord> {
        let mut deposits = self.0.values().map(|known| &known.deposit);
        deposits.find(|deposit| {
            deposit.kind == TransactionType::Bonus
                && deposit.related_id == Some(purchase.transaction_id)
        })
    }

    /// A deposit that was added.
    pub fn get(&self, id: Uuid) -> Result<&DepositRecord, Inconsistency> {
        let known = self.0.get(&id);
        known.map(|known| &known.deposit).ok_or_else(|| unknown(id))
    }

    /// What was revoked of a deposit that was added.
    pub fn revoked_mut(&mut self, id: Uuid) -> Result<&mut RevokedCredits, Inconsistency> {
        let known = self.0.get_mut(&id);
        known
            .map(|known| &mut known.deposit.revoked)
            .ok_or_else(|| unknown(id))
    }

    /// Forgets what rounding left out of a deposit, and of the bonus of a purchase, if none of its
    /// credits is revoked any more. Rounding may have left out all that was revoked of a bonus.
    pub fn forget_rounding(&mut self, id: Uuid) -> Result<(), Inconsistency> {
        let bonus = self.bonus_of(self.get(id)?);
        let bonus_id = bonus.map(|bonus| bonus.transaction_id);
        for id in [Some(id), bonus_id].into_iter().flatten() {
            let changed = self.revoked_mut(id)?;
            if changed.revoked == 0 {
                changed.fraction = 0;
            }
        }
        Ok(())
    }

    /// The deposits of which this group revoked or reinstated credits.
    pub fn changed(&self) -> impl Iterator<Item = RevokedDeposit<'_>> {
        let known = self.0.values();
        let changed = known.filter(|known| known.deposit.revoked != known.stored);
        changed.map(|Known { deposit, stored }| {
            let now = deposit.revoked;
            RevokedDeposit {
                transaction_id: deposit.transaction_id,
                user_id: &deposit.user_id,
                issued: deposit.issued,
                change: RevokedCredits {
                    revoked: now.revoked - stored.revoked,
                    fraction: now.fraction - stored.fraction,
                    taken: now.taken - stored.taken,
                    indebted: now.indebted - stored.indebted,
                },
            }
        })
    }
}

fn unknown(id: Uuid) -> Inconsistency {
    Inconsistency {
        table: "credits_transaction",
        id: id.to_string(),
        message: "it is not a completed deposit".to_owned(),
    }
}
