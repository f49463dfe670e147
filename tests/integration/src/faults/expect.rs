//! A simple model of the expected outcome of each command. It shares no code with the ledger.
//!
//! It has no clock, unlike the reference model in `tests/simulator`: faults stop and step the
//! clocks of workers, so no test knows when a worker decided. Nothing expires, because all credits
//! in this load are valid for at least a month, no balance reaches the cap, and holds last for a
//! day.
//!
//! It knows no batches either, so it does not know how much of a revocation was still there, or
//! whose debts a refund repays. It takes such a number from the ledger, within the bounds of the
//! rules, and computes everything else from it. The rules of `verify` check these numbers.

use std::collections::{HashMap, HashSet};

/// The intent of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Grant the registration bonus of 20 credits.
    Register,
    /// Grant free credits.
    Promotion(i64),
    /// Purchase a package, which also brings a bonus.
    Package(&'static str),
    /// Purchase credits without a package.
    Credits(i64),
    /// Spend credits, with any of the ways to state the price.
    Spend(i64),
    /// Reserve credits under this reference.
    Hold(String, i64),
    /// Spend credits of the hold with this reference. If `is_final` the hold ends.
    Capture {
        hold: String,
        credits: i64,
        is_final: bool,
    },
    /// Return the credits of the hold with this reference.
    Release(String),
    /// Refund the consumption with this reference: some credits, or all that are left.
    Refund(String, Option<i64>),
    /// Take back credits of the deposit with this reference: some, or all that are left.
    Revoke(String, Option<i64>),
    /// Undo the revocation with this reference.
    Reinstate(String),
    /// Freeze the wallet.
    Freeze,
    /// Unfreeze the wallet.
    Unfreeze,
    /// Start the subscription with this number. Its plan grants 200 credits at once.
    Begin(u32),
    /// End the subscription with this number.
    End(u32),
}

/// The packages that are purchased: name, credits, bonus.
pub const PACKAGES: [(&str, i64, i64); 3] = [
    ("lite", 100, 10),
    ("standard", 500, 50),
    ("pro", 1_500, 200),
];

/// The credits that a plan grants.
const PLAN: i64 = 200;

/// The outcome of a command in the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decided {
    /// The error code of a refusal; `None` if the command was completed.
    pub refused: Option<String>,
    /// The amount of the command's own transaction.
    pub amount: i64,
    /// The credits that repaid debts.
    pub repaid: i64,
}

/// A revocation that was completed.
#[derive(Clone, Debug)]
struct Revocation {
    deposit: String,
    taken: i64,
    indebted: i64,
    is_reinstated: bool,
}

/// The wallet of one user.
#[derive(Clone, Debug, Default)]
pub struct Wallet {
    pub balance: i64,
    pub debt: i64,
    /// Whether a command has opened it.
    open: bool,
    frozen: bool,
    /// The subscriptions that have started.
    begun: HashSet<u32>,
    /// The credits that each hold still reserves. `None` if it has ended.
    holds: HashMap<String, Option<i64>>,
    /// The credits that can still be refunded of each consumption.
    spent: HashMap<String, i64>,
    /// The credits that can still be revoked of each deposit.
    deposits: HashMap<String, i64>,
    revocations: HashMap<String, Revocation>,
}

impl Wallet {
    /// The credits that holds reserve.
    pub fn held(&self) -> i64 {
        self.holds.values().flatten().sum()
    }

    fn available(&self) -> i64 {
        self.balance - self.held()
    }

    /// Applies an intent and returns its expected outcome. `observed` is the outcome in the ledger.
    pub fn decide(&mut self, reference: &str, intent: &Intent, observed: &Decided) -> Decided {
        let needs_wallet = matches!(
            intent,
            Intent::Spend(_)
                | Intent::Refund(..)
                | Intent::Reinstate(_)
                | Intent::Hold(..)
                | Intent::Capture { .. }
                | Intent::Release(_)
                | Intent::Freeze
                | Intent::Unfreeze
        );
        if needs_wallet && !self.open {
            return Decided::refused("wallet_not_found");
        }
        self.open = true;
        let (own, other) = match intent {
            Intent::Register => (20, 0),
            Intent::Promotion(credits) | Intent::Credits(credits) => {
                self.deposits.insert(reference.to_owned(), *credits);
                (*credits, 0)
            }
            Intent::Package(name) => {
                let (_, credits, bonus) = PACKAGES
                    .into_iter()
                    .find(|(package, ..)| package == name)
                    .expect("a package");
                (credits, bonus)
            }
            Intent::Spend(_) | Intent::Hold(..) if self.frozen => {
                return Decided::refused("wallet_frozen");
            }
            Intent::Spend(credits) | Intent::Hold(_, credits) if *credits > self.available() => {
                return Decided::refused("insufficient_credits");
            }
            Intent::Spend(credits) => {
                self.spent.insert(reference.to_owned(), *credits);
                (-credits, 0)
            }
            Intent::Refund(of, credits) => {
                let Some(left) = self.spent.get_mut(of) else {
                    return Decided::refused("original_not_found");
                };
                let credits = credits.unwrap_or(*left);
                if credits == 0 || credits > *left {
                    return Decided::refused("refund_exceeds_consumption");
                }
                *left -= credits;
                (credits, 0)
            }
            Intent::Revoke(of, credits) => match self.revoke(reference, of, *credits, observed) {
                Ok(taken) => (-taken, 0),
                Err(code) => return Decided::refused(code),
            },
            Intent::Reinstate(of) => match self.reinstate(of, observed) {
                Ok(returned) => (returned, 0),
                Err(code) => return Decided::refused(code),
            },
            Intent::Hold(reference, credits) => {
                self.holds.insert(reference.clone(), Some(*credits));
                (0, 0)
            }
            Intent::Capture {
                hold,
                credits,
                is_final,
            } => match self.holds.get(hold).copied() {
                None => return Decided::refused("hold_not_found"),
                Some(None) => return Decided::refused("hold_closed"),
                Some(Some(held)) => {
                    let beyond = (credits - held).max(0);
                    if beyond > self.available() {
                        return Decided::refused("insufficient_credits");
                    }
                    let rest = (held - credits).max(0);
                    self.holds.insert(hold.clone(), (!is_final).then_some(rest));
                    (-credits, 0)
                }
            },
            Intent::Release(hold) => match self.holds.get_mut(hold) {
                None => return Decided::refused("hold_not_found"),
                Some(None) => return Decided::refused("hold_closed"),
                Some(held) => {
                    *held = None;
                    (0, 0)
                }
            },
            Intent::Freeze | Intent::Unfreeze => {
                self.frozen = *intent == Intent::Freeze;
                (0, 0)
            }
            Intent::Begin(number) => (0, if self.begun.insert(*number) { PLAN } else { 0 }),
            Intent::End(_) => (0, 0),
        };
        let added = (own + other).max(0);
        let repaid = match intent {
            Intent::Capture { .. } | Intent::Release(_) => 0,
            // Only the debts of the deposits that the credits came from.
            Intent::Refund(..) => observed.repaid.clamp(0, added.min(self.debt)),
            _ => added.min(self.debt),
        };
        self.debt -= repaid;
        self.balance += own + other - repaid;
        Decided {
            refused: None,
            amount: own,
            repaid,
        }
    }

    /// Returns the credits that were taken.
    fn revoke(
        &mut self,
        reference: &str,
        of: &str,
        credits: Option<i64>,
        observed: &Decided,
    ) -> Result<i64, &'static str> {
        let available = self.available();
        let left = self.deposits.get_mut(of).ok_or("original_not_found")?;
        let credits = credits.unwrap_or(*left);
        if credits == 0 || credits > *left {
            return Err("revoke_exceeds_credits");
        }
        *left -= credits;
        let taken = (-observed.amount).clamp(0, credits.min(available.max(0)));
        self.debt += credits - taken;
        let revocation = Revocation {
            deposit: of.to_owned(),
            taken,
            indebted: credits - taken,
            is_reinstated: false,
        };
        self.revocations.insert(reference.to_owned(), revocation);
        Ok(taken)
    }

    /// Returns the credits that came back.
    fn reinstate(&mut self, of: &str, observed: &Decided) -> Result<i64, &'static str> {
        let revocation = self.revocations.get_mut(of).ok_or("original_not_found")?;
        if std::mem::replace(&mut revocation.is_reinstated, true) {
            return Err("already_reinstated");
        }
        let (taken, indebted) = (revocation.taken, revocation.indebted);
        // What had been repaid returns, too. The rest of the debt is cancelled.
        let returned = observed.amount.clamp(taken, taken + indebted);
        self.debt -= taken + indebted - returned;
        let revoked = self.deposits.get_mut(&revocation.deposit);
        *revoked.expect("a deposit") += taken + indebted;
        Ok(returned)
    }
}

impl Decided {
    fn refused(code: &str) -> Self {
        Self {
            refused: Some(code.to_owned()),
            amount: 0,
            repaid: 0,
        }
    }
}

#[cfg(test)]
mod tests;
