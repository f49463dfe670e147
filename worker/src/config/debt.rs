//! `[debt]`: what a debt means that a revocation left.

use ledger::{DebtPolicy, Rules};
use toml::Table;

use super::section::Section;

const POLICIES: [(&str, DebtPolicy); 3] = [
    ("repay_first", DebtPolicy::RepayFirst),
    ("block", DebtPolicy::Block),
    ("report", DebtPolicy::Report),
];

/// The rules for debt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Debt {
    /// What a debt means for new credits and for spending.
    pub policy: DebtPolicy,
    /// Whether a revocation that leaves a debt freezes the wallet.
    pub freeze_on_debt: bool,
}

impl Default for Debt {
    fn default() -> Self {
        let rules = Rules::default();
        Self {
            policy: rules.debt_policy,
            freeze_on_debt: rules.freeze_on_debt,
        }
    }
}

impl Debt {
    pub(super) fn read(section: Section<'_>) -> Self {
        let default = Self::default();
        let read = Self {
            policy: section.word("policy", &POLICIES, default.policy),
            freeze_on_debt: section.boolean("freeze_on_debt", default.freeze_on_debt),
        };
        section.finish();
        read
    }

    pub(super) fn show(self) -> Table {
        let mut names = POLICIES.iter();
        let named = names.find(|(_, policy)| *policy == self.policy);
        let name = named.map_or("", |(name, _)| name);
        Table::from_iter([
            ("policy".to_owned(), name.into()),
            ("freeze_on_debt".to_owned(), self.freeze_on_debt.into()),
        ])
    }
}
