//! A simple model that computes the balance of every wallet after a list of commands. Tests compare
//! the ledger with it, so it shares neither code nor ideas with the ledger.
//!
//! It supports registration bonuses, packages and consumption by quantity. Nothing expires, because
//! all credits in these tests are valid for at least a month. Of several commands with the same
//! reference only the first one counts.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

/// Credits that arrived together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The validity in days.
    pub days: i64,
    /// 0 for free credits, 1 for purchased credits.
    pub paid: u8,
    /// The credits that are left.
    pub remaining: i64,
}

/// The state of one user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The user's batches in the order in which they are spent, including empty ones.
    pub batches: Vec<Batch>,
    /// The number of consumptions that were completed.
    pub completed: u64,
    /// The number of consumptions that exceeded the balance.
    pub insufficient: u64,
}

impl Account {
    /// The credits that the user can spend.
    pub fn balance(&self) -> i64 {
        self.batches.iter().map(|batch| batch.remaining).sum()
    }

    fn add(&mut self, days: i64, paid: u8, remaining: i64) {
        self.batches.push(Batch {
            days,
            paid,
            remaining,
        });
    }

    fn take(&mut self, mut price: i64) {
        if price > self.balance() {
            self.insufficient += 1;
            return;
        }
        self.completed += 1;
        self.batches.sort_by_key(|batch| (batch.days, batch.paid));
        for batch in &mut self.batches {
            let part = price.min(batch.remaining);
            batch.remaining -= part;
            price -= part;
        }
    }
}

/// Every user's account after these commands. Each command is one JSON object.
pub fn accounts<'a>(json_lines: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, Account> {
    let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
    let mut seen = HashSet::new();
    for line in json_lines {
        let command: Value = serde_json::from_str(line).expect("a command is JSON");
        let text = |field: &str| command[field].as_str().unwrap_or_default().to_owned();
        let origin = if text("type") == "consume" {
            "usage"
        } else {
            "funding"
        };
        if !seen.insert((origin, text("referenceId"))) {
            continue;
        }
        let account = accounts.entry(text("userId")).or_default();
        match (text("type").as_str(), text("packageId").as_str()) {
            ("grant", _) => account.add(30, 0, 20),
            ("purchase", package) => {
                let (credits, bonus) = match package {
                    "lite" => (100, 10),
                    "standard" => (500, 50),
                    "pro" => (1_500, 200),
                    other => panic!("the model knows no package {other}"),
                };
                account.add(90, 1, credits);
                account.add(90, 0, bonus);
            }
            ("consume", _) => {
                let quantity = command["quantity"].as_i64().expect("a quantity");
                account.take((quantity + 999) / 1_000);
            }
            (other, _) => panic!("the model knows no command {other}"),
        }
    }
    accounts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace;

    const SIGN_UP: &str =
        r#"{"type":"grant","referenceId":"g","userId":"u","reason":"registration_bonus"}"#;
    const LITE: &str =
        r#"{"type":"purchase","referenceId":"p","userId":"u","packageId":"lite","purchaseId":"p"}"#;

    fn consume(reference: &str, quantity: i64) -> String {
        format!(
            r#"{{"type":"consume","referenceId":"{reference}","userId":"u","service":"llm:tokens","quantity":{quantity}}}"#
        )
    }

    fn left(account: &Account) -> Vec<i64> {
        account
            .batches
            .iter()
            .map(|batch| batch.remaining)
            .collect()
    }

    #[test]
    fn the_credits_that_expire_first_are_spent_first_and_free_before_paid() {
        // 25,000 tokens cost 25: the 20 of the bonus, then 5 of the package's 10 free credits.
        // 5,001 tokens cost 6: the other 5 free credits, then 1 paid credit.
        let commands = [
            LITE.to_owned(),
            SIGN_UP.to_owned(),
            consume("a", 25_000),
            consume("b", 5_001),
        ];
        let accounts = accounts(commands.iter().map(String::as_str));
        assert_eq!(left(&accounts["u"]), [0, 10 - 5 - 5, 100 - 1]);
        assert_eq!(
            (accounts["u"].completed, accounts["u"].insufficient),
            (2, 0)
        );
    }

    #[test]
    fn a_consumption_above_the_balance_takes_nothing_and_a_duplicate_counts_once() {
        let commands = [
            SIGN_UP.to_owned(),
            consume("a", 20_001),
            consume("b", 1),
            consume("b", 1),
            consume("c", 19_000),
            consume("d", 1),
        ];
        let accounts = accounts(commands.iter().map(String::as_str));
        assert_eq!(accounts["u"].balance(), 0);
        assert_eq!(
            (accounts["u"].completed, accounts["u"].insufficient),
            (2, 2)
        );
    }

    #[test]
    fn the_trace_leads_to_the_totals_of_a_script_in_another_language() {
        let commands = trace::commands();
        let accounts = accounts(commands.iter().map(String::as_str));
        assert_eq!(accounts.len(), trace::USERS);
        let of = |user: &str| {
            (
                accounts[user].balance(),
                accounts[user].completed,
                accounts[user].insufficient,
            )
        };
        assert_eq!(of("user-0001"), (0, 69, 3_360));
        assert_eq!(of("user-0003"), (0, 878, 150));
        assert_eq!(of("user-0009"), (1_194, 290, 0));
        assert_eq!(of("user-1000"), (125, 1, 0));
        assert_eq!(
            accounts.values().map(Account::balance).sum::<i64>(),
            781_957
        );
        assert_eq!(
            accounts
                .values()
                .map(|account| account.completed)
                .sum::<u64>(),
            12_532
        );
        assert_eq!(
            accounts
                .values()
                .map(|account| account.insufficient)
                .sum::<u64>(),
            6_834
        );
    }
}
