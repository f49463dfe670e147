//! `[refunds]`: credits that come back after their batch has expired.

use ledger::Rules;
use producer_sdk::contract::MAX_VALIDITY_DAYS;
use toml::Table;

use super::section::Section;

/// The rules for refunds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refunds {
    /// Days until credits expire that came back after their batch had expired.
    pub grace_days: i64,
}

impl Default for Refunds {
    fn default() -> Self {
        Self {
            grace_days: Rules::default().refund_grace_days,
        }
    }
}

impl Refunds {
    pub(super) fn read(section: Section<'_>) -> Self {
        let default = Self::default();
        let read = Self {
            grace_days: section.integer("grace_days", 1..=MAX_VALIDITY_DAYS, default.grace_days),
        };
        section.finish();
        read
    }

    pub(super) fn show(self) -> Table {
        Table::from_iter([("grace_days".to_owned(), self.grace_days.into())])
    }
}
