//! The list of all rules.

mod allocation;
mod batch;
mod batch_origin;
mod debt;
mod hold;
mod refund;
mod refusal;
mod revocation;
mod subscription;
mod transaction;
mod transaction_fields;
mod wallet;
mod wallet_history;

use super::Rule;

/// All rules on rows, in the order of their checks.
///
/// Two more rules check the sums of the whole book: `book.is_balanced` and
/// `book.accounts_fit_types`.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    [
        wallet::RULES,
        wallet_history::RULES,
        batch::RULES,
        batch_origin::RULES,
        transaction::RULES,
        transaction_fields::RULES,
        refund::RULES,
        revocation::RULES,
        debt::RULES,
        refusal::RULES,
        allocation::RULES,
        hold::RULES,
        subscription::RULES,
    ]
    .into_iter()
    .flatten()
}
