//! What each command must have led to, computed the plain way: nothing here shares code with the ledger.
//!
//! Nothing lapses, since all that is granted here lives for a month at least, and no cap is near.

use std::collections::HashSet;

/// What a producer asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// The sign-up bonus: 20 credits.
    Register,
    /// A gift.
    Promotion(i64),
    /// A package: what was paid for, and its bonus.
    Package(&'static str),
    /// Credits without a package.
    Credits(i64),
    /// Spending so many credits, in whichever way that is said.
    Spend(i64),
    /// A wallet that may not spend.
    Freeze,
    /// It may again.
    Unfreeze,
    /// The subscription of this number begins: its plan brings 200 credits at once.
    Begin(u32),
    /// It ends.
    End(u32),
}

/// The packages that are bought: name, credits, bonus.
pub const PACKAGES: [(&str, i64, i64); 3] = [("lite", 100, 10), ("standard", 500, 50), ("pro", 1_500, 200)];

/// What a plan brings.
const PLAN: i64 = 200;

/// What stands in the ledger for a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Why it was refused, if it was.
    pub refused: Option<String>,
    /// What its own transaction moved.
    pub amount: i64,
}

/// One user's wallet.
#[derive(Clone, Debug, Default)]
pub struct Wallet {
    /// What it holds.
    pub balance: i64,
    frozen: bool,
    begun: HashSet<u32>,
}

impl Wallet {
    /// Carries a wish out.
    pub fn decide(&mut self, wish: &Wish) -> Decided {
        let (own, besides) = match wish {
            Wish::Register => (20, 0),
            Wish::Promotion(credits) | Wish::Credits(credits) => (*credits, 0),
            Wish::Package(name) => {
                let (_, credits, bonus) = PACKAGES
                    .into_iter()
                    .find(|(package, ..)| package == name)
                    .expect("a package");
                (credits, bonus)
            }
            Wish::Spend(_) if self.frozen => return Decided::refused("wallet_frozen"),
            Wish::Spend(credits) if *credits > self.balance => {
                return Decided::refused("insufficient_credits");
            }
            Wish::Spend(credits) => (-credits, 0),
            Wish::Freeze | Wish::Unfreeze => {
                self.frozen = *wish == Wish::Freeze;
                (0, 0)
            }
            Wish::Begin(number) => (0, if self.begun.insert(*number) { PLAN } else { 0 }),
            Wish::End(_) => (0, 0),
        };
        self.balance += own + besides;
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
    fn a_wallet_is_filled_spends_and_is_frozen() {
        let mut wallet = Wallet::default();
        let amounts: Vec<i64> = [
            Wish::Register,
            Wish::Package("lite"),
            Wish::Begin(1),
            Wish::Begin(1),
            Wish::Spend(30),
            Wish::End(1),
        ]
        .iter()
        .map(|wish| wallet.decide(wish).amount)
        .collect();
        assert_eq!((amounts, wallet.balance), (vec![20, 100, 0, 0, -30, 0], 300));
        assert_eq!(
            wallet.decide(&Wish::Spend(301)),
            Decided::refused("insufficient_credits")
        );
        wallet.decide(&Wish::Freeze);
        assert_eq!(wallet.decide(&Wish::Spend(1)), Decided::refused("wallet_frozen"));
        wallet.decide(&Wish::Unfreeze);
        assert_eq!(wallet.decide(&Wish::Spend(300)).amount, -300);
    }
}
