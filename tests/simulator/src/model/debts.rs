//! The deposits, revocations and debts of a user.

use super::{Account, Answer, Model, decide::Refused};
use crate::{
    At,
    message::{Message, Target},
};

pub(super) const MILLION: i128 = 1_000_000;

/// A transaction that brought credits.
#[derive(Clone, Debug)]
pub(super) struct Deposit {
    pub(super) reference: String,
    /// The payment of a purchase.
    payment: Option<String>,
    /// The index of its batch.
    pub(super) batch: usize,
    pub(super) credits: i64,
    /// The index of the bonus that came with it.
    pub(super) bonus: Option<usize>,
    /// The credits that were revoked, in millionths.
    pub(super) millionths: i128,
    pub(super) taken: i64,
    pub(super) owed: i64,
}

/// What a revocation left of one deposit as a debt.
#[derive(Clone, Debug)]
pub(super) struct Owed {
    pub(super) deposit: usize,
    pub(super) amount: i64,
    pub(super) open: i64,
    pub(super) repaid: i64,
}

/// What a revocation did to one deposit.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) deposit: usize,
    pub(super) revoked: i64,
    /// The batches by index, and the credits of each.
    pub(super) taken: Vec<(usize, i64)>,
    /// The index of the debt.
    pub(super) debt: Option<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct Revocation {
    pub(super) reference: String,
    pub(super) parts: Vec<Part>,
    pub(super) is_reinstated: bool,
}

/// The deposits, revocations and debts of one user.
#[derive(Clone, Debug, Default)]
pub struct Debts {
    pub(super) deposits: Vec<Deposit>,
    pub(super) revocations: Vec<Revocation>,
    /// The oldest first.
    pub(super) owed: Vec<Owed>,
}

impl Deposit {
    pub(super) fn revoked(&self) -> i64 {
        i64::try_from(self.millionths / MILLION).expect("credits")
    }
}

impl Debts {
    /// Adds a deposit with the batch that it brought.
    pub(super) fn deposit(&mut self, reference: &str, batch: usize, credits: i64) -> usize {
        self.deposits.push(Deposit {
            reference: reference.to_owned(),
            payment: None,
            batch,
            credits,
            bonus: None,
            millionths: 0,
            taken: 0,
            owed: 0,
        });
        self.deposits.len() - 1
    }

    /// Adds the payment and the bonus of a purchase.
    pub(super) fn purchased(&mut self, purchase: usize, payment: &str, bonus: Option<usize>) {
        self.deposits[purchase].payment = Some(payment.to_owned());
        self.deposits[purchase].bonus = bonus;
    }

    pub(super) fn named(&self, target: &Target) -> Result<usize, Refused> {
        let named = self.deposits.iter().position(|deposit| match target {
            Target::Reference(of) => deposit.reference == *of,
            Target::Payment(payment) => deposit.payment.as_ref() == Some(payment),
        });
        named.ok_or(Refused::bare("original_not_found"))
    }

    /// Reduces debts, the oldest first, and returns by how much.
    fn settle(&mut self, credits: i64, of: impl Fn(&Owed) -> bool, repays: bool) -> i64 {
        let mut left = credits;
        for debt in self.owed.iter_mut().filter(|debt| of(debt)) {
            let part = debt.open.min(left);
            debt.open -= part;
            debt.repaid += if repays { part } else { 0 };
            left -= part;
        }
        credits - left
    }
}

pub(super) fn add(total: &mut Option<i64>, credits: i64) {
    *total = Some(total.unwrap_or(0) + credits);
}

impl Model {
    pub(super) fn debts(&mut self, user: &str) -> (&mut Debts, &mut Account) {
        let debts = self.debts.entry(user.to_owned()).or_default();
        (debts, self.accounts.entry(user.to_owned()).or_default())
    }

    /// Adds the deposit that brought a batch, and returns its index.
    pub(super) fn deposited(
        &mut self,
        user: &str,
        reference: &str,
        batch: Option<usize>,
        credits: i64,
    ) -> Option<usize> {
        let (debts, _) = self.debts(user);
        batch.map(|batch| debts.deposit(reference, batch, credits))
    }

    /// Repays debts with the credits of a new batch.
    pub(super) fn repay_with(
        &mut self,
        user: &str,
        batch: Option<usize>,
        credits: i64,
        at: At,
        answer: &mut Answer,
    ) {
        if let Some(batch) = batch {
            self.repay(user, &[(batch, credits)], at, answer);
        }
    }

    /// Repays debts with the credits that one transaction added to batches.
    pub(super) fn repay(
        &mut self,
        user: &str,
        added: &[(usize, i64)],
        at: At,
        answer: &mut Answer,
    ) {
        let (debts, account) = self.debts(user);
        let mut parts = Vec::new();
        for (batch, credits) in added {
            parts.push((*batch, debts.settle(*credits, |_| true, true)));
        }
        account.repay(parts, at, answer);
    }

    /// Repays the debts of the deposits that returned credits came from.
    pub(super) fn repay_own(
        &mut self,
        user: &str,
        returned: &[(usize, i64)],
        at: At,
        answer: &mut Answer,
    ) {
        let (debts, account) = self.debts(user);
        let mut parts = Vec::new();
        for (batch, credits) in returned {
            let root = account.batches[*batch].root;
            let deposits: Vec<usize> = debts.deposits.iter().map(|deposit| deposit.batch).collect();
            let repaid = debts.settle(*credits, |debt| deposits[debt.deposit] == root, true);
            parts.push((*batch, repaid));
        }
        account.repay(parts, at, answer);
    }

    pub(super) fn forgive(
        &mut self,
        message: &Message,
        amount: Option<i64>,
        at: At,
        answer: &mut Answer,
    ) -> Result<(), Refused> {
        self.existing(&message.user)?;
        let (debts, account) = self.debts(&message.user);
        let forgiven = amount.unwrap_or(account.debt);
        if forgiven == 0 || forgiven > account.debt {
            return Err(Refused {
                code: "forgive_exceeds_debt",
                short: amount.map(|amount| (amount, account.debt)),
            });
        }
        debts.settle(forgiven, |_| true, false);
        answer.forgiven = Some(forgiven);
        let reference = message.reference.clone();
        account.record_debt("forgiveness", (0, -forgiven), reference, at, answer);
        Ok(())
    }
}

pub(super) fn derived() -> String {
    "derived".to_owned()
}

impl Account {
    /// Adds the movements of batches to the answer, in the order of spending.
    pub(super) fn move_sorted(&self, moved: &[(usize, i64)], sign: i64, answer: &mut Answer) {
        let mut indices: Vec<usize> = moved.iter().map(|(index, _)| *index).collect();
        indices.sort_unstable();
        self.sort_in_spending_order(&mut indices);
        for index in indices {
            let (_, part) = moved[moved.iter().position(|one| one.0 == index).expect("moved")];
            answer.moved.push((sign * part, self.batches[index].left));
        }
    }

    /// Takes credits of batches that repay debts.
    fn repay(&mut self, mut parts: Vec<(usize, i64)>, at: At, answer: &mut Answer) {
        parts.retain(|(_, credits)| *credits > 0);
        if parts.is_empty() {
            return;
        }
        for (index, credits) in &parts {
            self.batches[*index].left -= credits;
        }
        let repaid: i64 = parts.iter().map(|(_, credits)| credits).sum();
        self.move_sorted(&parts, -1, answer);
        self.earned -= repaid;
        add(&mut answer.repaid, repaid);
        self.record_debt("repayment", (-repaid, -repaid), derived(), at, answer);
    }
}
