//! A simple model of the expected outcome of each command. It shares no code with the ledger.
//!
//! It has no clock, unlike the reference model in `tests/simulator`: faults stop and step the clocks
//! of workers, so no test knows when a worker decided. Nothing expires, because all credits in this
//! load are valid for at least a month, and no balance reaches the cap.

use std::collections::HashSet;

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The error code of a refusal; `None` if the command was completed.
    pub refused: Option<String>,
    /// The amount of the command's own transaction.
    pub amount: i64,
}

/// The wallet of one user.
#[derive(Clone, Debug, Default)]
pub struct Wallet {
    pub balance: i64,
    /// Whether a command has opened it.
    open: bool,
    frozen: bool,
    /// The subscriptions that have started.
    begun: HashSet<u32>,
}

impl Wallet {
    /// Applies an intent and returns its expected outcome.
    pub fn decide(&mut self, intent: &Intent) -> Decided {
        let needs_wallet = matches!(intent, Intent::Spend(_) | Intent::Freeze | Intent::Unfreeze);
        if needs_wallet && !self.open {
            return Decided::refused("wallet_not_found");
        }
        self.open = true;
        let (own, other) = match intent {
            Intent::Register => (20, 0),
            Intent::Promotion(credits) | Intent::Credits(credits) => (*credits, 0),
            Intent::Package(name) => {
                let (_, credits, bonus) = PACKAGES
                    .into_iter()
                    .find(|(package, ..)| package == name)
                    .expect("a package");
                (credits, bonus)
            }
            Intent::Spend(_) if self.frozen => return Decided::refused("wallet_frozen"),
            Intent::Spend(credits) if *credits > self.balance => {
                return Decided::refused("insufficient_credits");
            }
            Intent::Spend(credits) => (-credits, 0),
            Intent::Freeze | Intent::Unfreeze => {
                self.frozen = *intent == Intent::Freeze;
                (0, 0)
            }
            Intent::Begin(number) => (0, if self.begun.insert(*number) { PLAN } else { 0 }),
            Intent::End(_) => (0, 0),
        };
        self.balance += own + other;
        Decided {
            refused: None,
            amount: own,
        }
    }
}

impl Decided {
    fn refused(code: &str) -> Self {
        Self {
            refused: Some(code.to_owned()),
            amount: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wallet_gets_credits_spends_them_and_is_frozen() {
        let mut wallet = Wallet::default();
        for intent in [Intent::Spend(1), Intent::Freeze, Intent::Unfreeze] {
            let refused = Decided::refused("wallet_not_found");
            assert_eq!(wallet.decide(&intent), refused, "{intent:?}");
        }
        let amounts: Vec<i64> = [
            Intent::Register,
            Intent::Package("lite"),
            Intent::Begin(1),
            Intent::Begin(1),
            Intent::Spend(30),
            Intent::End(1),
        ]
        .iter()
        .map(|intent| wallet.decide(intent).amount)
        .collect();
        assert_eq!(
            (amounts, wallet.balance),
            (vec![20, 100, 0, 0, -30, 0], 300)
        );
        assert_eq!(
            wallet.decide(&Intent::Spend(301)),
            Decided::refused("insufficient_credits")
        );
        wallet.decide(&Intent::Freeze);
        assert_eq!(
            wallet.decide(&Intent::Spend(1)),
            Decided::refused("wallet_frozen")
        );
        wallet.decide(&Intent::Unfreeze);
        assert_eq!(wallet.decide(&Intent::Spend(300)).amount, -300);
    }
}
