//! Debts: revoked credits that could not be taken. A wallet may have several, the oldest first.

use std::collections::HashMap;

use uuid::Uuid;

use crate::{
    inconsistency::Inconsistency,
    revocation_record::{RevocationPart, RevocationRecord},
};

/// The debt that a revocation left for one deposit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Debt {
    /// The id of its transaction.
    pub id: Uuid,
    /// The owner of the wallet.
    pub user_id: String,
    /// The own transaction of the revocation.
    pub revocation_id: Uuid,
    /// The deposit whose credits were revoked.
    pub deposit_id: Uuid,
    /// The credits that were owed at first.
    pub amount: i64,
    /// The credits that repaid it.
    pub repaid: i64,
    /// The credits that were written off.
    pub forgiven: i64,
    /// The credits that the reinstatement of its revocation cancelled.
    pub cancelled: i64,
}

/// A debt that a group made or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DebtChange<'a> {
    /// As the group leaves it.
    pub debt: &'a Debt,
    /// Whether the group made it.
    pub is_new: bool,
    /// What the group adds to `repaid`.
    pub repaid: i64,
    /// What the group adds to `forgiven`.
    pub forgiven: i64,
    /// What the group adds to `cancelled`.
    pub cancelled: i64,
}

/// How a debt becomes smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settlement {
    Repaid,
    Forgiven,
    Cancelled,
}

impl Debt {
    /// The credits that are still owed.
    pub const fn open(&self) -> i64 {
        self.amount - self.repaid - self.forgiven - self.cancelled
    }
}

/// The debts of a book, by user, the oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Debts(HashMap<String, Vec<Known>>);

#[derive(Clone, Debug)]
struct Known {
    debt: Debt,
    /// As it is stored. `None` if it is new.
    stored: Option<Debt>,
}

impl Debts {
    /// Adds a stored debt, unless it is known.
    pub fn add(&mut self, debt: Debt) {
        let stored = Some(debt.clone());
        self.insert(Known { debt, stored });
    }

    /// Adds the debt that a command made.
    pub fn open(&mut self, debt: Debt) {
        self.insert(Known { debt, stored: None });
    }

    fn insert(&mut self, known: Known) {
        let debts = self.0.entry(known.debt.user_id.clone()).or_default();
        if let Err(position) = debts.binary_search_by_key(&known.debt.id, |other| other.debt.id) {
            debts.insert(position, known);
        }
    }

    fn of(&self, user_id: &str) -> impl Iterator<Item = &Debt> {
        let debts = self.0.get(user_id).into_iter().flatten();
        debts.map(|known| &known.debt)
    }

    /// The debt that a part of a revocation left.
    pub fn left_by(&self, revocation: &RevocationRecord, part: &RevocationPart) -> Option<&Debt> {
        self.of(&revocation.user_id).find(|debt| {
            debt.revocation_id == revocation.transaction_id && debt.deposit_id == part.deposit_id
        })
    }

    /// Settles up to `amount` credits of a user's debts that `is_included` names, the oldest first.
    /// Returns the debts and the credits of each.
    pub fn settle(
        &mut self,
        user_id: &str,
        amount: i64,
        how: Settlement,
        is_included: impl Fn(&Debt) -> bool,
    ) -> Vec<(Uuid, i64)> {
        let mut left = amount;
        let debts = self.0.get_mut(user_id).into_iter().flatten();
        let mut settled = Vec::new();
        for known in debts.filter(|known| is_included(&known.debt)) {
            let debt = &mut known.debt;
            let part = debt.open().min(left);
            if part <= 0 {
                continue;
            }
            left -= part;
            match how {
                Settlement::Repaid => debt.repaid += part,
                Settlement::Forgiven => debt.forgiven += part,
                Settlement::Cancelled => debt.cancelled += part,
            }
            settled.push((debt.id, part));
        }
        settled
    }

    /// Checks that the open debts of a user are all known.
    pub fn check(&self, user_id: &str, debt: i64) -> Result<(), Inconsistency> {
        let open = self.of(user_id).map(Debt::open);
        let open = open.fold(0, i64::saturating_add);
        if open == debt {
            return Ok(());
        }
        Err(Inconsistency {
            table: "credits_debt",
            id: user_id.to_owned(),
            message: format!("{open} credits of its debts are open, its wallet owes {debt}"),
        })
    }

    /// The debts that this group made or changed.
    pub fn changed(&self) -> impl Iterator<Item = DebtChange<'_>> {
        let known = self.0.values().flatten();
        let changed = known.filter(|known| known.stored.as_ref() != Some(&known.debt));
        changed.map(|Known { debt, stored }| {
            let before = |of: fn(&Debt) -> i64| stored.as_ref().map_or(0, of);
            DebtChange {
                debt,
                is_new: stored.is_none(),
                repaid: debt.repaid - before(|debt| debt.repaid),
                forgiven: debt.forgiven - before(|debt| debt.forgiven),
                cancelled: debt.cancelled - before(|debt| debt.cancelled),
            }
        })
    }
}
