//! Corruptions of a ledger.

mod batches;
mod debts;
mod holds;
mod refunds;
mod transactions;
mod wallets;

/// One corruption of a consistent ledger.
pub struct Case {
    /// The rule that must find it.
    pub rule: &'static str,
    /// The corruption as SQL.
    pub harm: &'static str,
    /// A query for the id of the row that must be named. It runs before the corruption.
    pub row: &'static str,
    /// A part of the violation's message.
    pub says: &'static str,
}

const fn case(
    rule: &'static str,
    harm: &'static str,
    row: &'static str,
    says: &'static str,
) -> Case {
    Case {
        rule,
        harm,
        row,
        says,
    }
}

const ANN: &str = "SELECT id FROM credits_balance WHERE user_id = 'ann'";
const BOB: &str = "SELECT id FROM credits_balance WHERE user_id = 'bob'";
const CYD: &str = "SELECT id FROM credits_balance WHERE user_id = 'cyd'";
const BOBS: &str = "SELECT id FROM subscription WHERE user_id = 'bob'";
const BOUGHT: &str =
    "SELECT id FROM credits_batch WHERE user_id = 'ann' AND source_type = 'PURCHASE'";
const SIGN_UP: &str = "SELECT id FROM credits_batch WHERE user_id = 'ann' AND amount = 20";
const SPENT: &str = "SELECT id FROM credits_transaction WHERE user_id = 'ann' AND amount = -40";
const SPENT_FROM_BOUGHT: &str = "SELECT a.transaction_id, a.batch_id FROM credits_allocation a
    JOIN credits_batch b ON b.id = a.batch_id
    WHERE b.user_id = 'ann' AND b.source_type = 'PURCHASE' AND a.amount = -20";

/// All corruptions. Each rule has at least one.
pub fn all() -> impl Iterator<Item = &'static Case> {
    [
        wallets::WALLETS,
        batches::BATCHES,
        holds::HOLDS,
        refunds::REFUNDS,
        debts::DEBTS,
        transactions::TRANSACTIONS,
    ]
    .into_iter()
    .flatten()
}
