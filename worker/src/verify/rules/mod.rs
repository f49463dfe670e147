//! The list of rules.

mod allocation;
mod batch;
mod subscription;
mod transaction;
mod wallet;

use super::Rule;

/// All rules that are asked of rows, in the order in which they are checked.
///
/// Two more are asked of the sums of the whole book: `book.is_balanced` and `book.accounts_fit_types`.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    [
        wallet::RULES,
        batch::RULES,
        transaction::RULES,
        allocation::RULES,
        subscription::RULES,
    ]
    .into_iter()
    .flatten()
}
