//! Corruptions of revocations and debts.

use super::{CYD, Case, case};

/// The deposit that was revoked, and its revocation and debt.
const REVOKED: &str = "SELECT transaction_id FROM credits_revocation WHERE user_id = 'cyd'";
const REVOCATION: &str =
    "SELECT id FROM credits_transaction WHERE user_id = 'cyd' AND type = 'revocation'";
const DEBT: &str = "SELECT id FROM credits_debt WHERE user_id = 'cyd'";
const FORGIVENESS: &str = "SELECT id FROM credits_transaction WHERE type = 'forgiveness'";
const REPAYMENT: &str =
    "SELECT id FROM credits_transaction WHERE user_id = 'cyd' AND type = 'repayment'";
/// The row about the bonus of a purchase.
const OF_BONUS: &str = "SELECT id FROM credits_transaction
    WHERE type = 'revocation' AND origin = 'internal'";
const REINSTATEMENT: &str = "SELECT id FROM credits_transaction
    WHERE type = 'reinstatement' AND origin = 'funding'";
const REINSTATEMENT_OF_BONUS: &str = "SELECT id FROM credits_transaction
    WHERE type = 'reinstatement' AND origin = 'internal' AND amount > 0";
const CANCELLATION: &str = "SELECT id FROM credits_transaction
    WHERE type = 'reinstatement' AND amount = 0";

pub const DEBTS: &[Case] = &[
    case(
        "wallet.debt_is_sum_of_open_debts",
        "UPDATE credits_balance SET debt = 4 WHERE user_id = 'cyd'",
        CYD,
        "`debt` is 4; 3 of its debts are open",
    ),
    case(
        "wallet.debt_is_sum_of_open_debts",
        "DELETE FROM credits_debt WHERE user_id = 'cyd'",
        CYD,
        "`debt` is 3; 0 of its debts are open",
    ),
    case(
        "wallet.debt_is_balance_of_its_account",
        "UPDATE credits_balance SET debt = 2 WHERE user_id = 'cyd'",
        CYD,
        "`debt` is 2; 3 more left the account of its debt than reached it",
    ),
    case(
        "wallet.debt_is_balance_of_its_account",
        "DELETE FROM credits_transaction WHERE type = 'forgiveness'",
        CYD,
        "`debt` is 3; 6 more left the account of its debt than reached it",
    ),
    // A replay would return another debt.
    case(
        "wallet.debts_after_form_a_chain",
        "UPDATE credits_transaction SET detail = '{\"debt\": 6}' WHERE type = 'forgiveness'",
        CYD,
        "do not follow on from each other at a debt of 5",
    ),
    case(
        "transaction.found_a_debt_of_the_wallet",
        "UPDATE credits_transaction SET detail = '{\"debt\": 7, \"revoked\": 30}'
          WHERE user_id = 'cyd' AND type = 'revocation'",
        REVOCATION,
        "`detail.debt` is 7, but the wallet never had that debt",
    ),
    case(
        "transaction.debt_change_fits_type",
        "UPDATE credits_transaction SET debt_change = 2 WHERE user_id = 'cyd' AND type = 'repayment'",
        REPAYMENT,
        "a change of debt of 2 from WALLET:cyd to DEBT:cyd does not fit a COMPLETED repayment of -2",
    ),
    case(
        "transaction.debt_change_fits_type",
        "UPDATE credits_transaction SET debt_change = -4 WHERE user_id = 'ann' AND amount = -40",
        super::SPENT,
        "a change of debt of -4",
    ),
    case(
        "transaction.debt_change_fits_type",
        "UPDATE credits_transaction SET credit_account = 'DEBT:bob' WHERE type = 'forgiveness'",
        FORGIVENESS,
        "to DEBT:bob does not fit a COMPLETED forgiveness of 0",
    ),
    case(
        "transaction.other_account_fits_type",
        "UPDATE credits_transaction SET debit_account = 'SYSTEM:promotion' WHERE type = 'forgiveness'",
        FORGIVENESS,
        "the other account is SYSTEM:promotion, which does not fit a forgiveness of 0",
    ),
    case(
        "transaction.settles_debts_of_its_user",
        "UPDATE credits_transaction SET detail = '{\"debt\": 5}' WHERE type = 'forgiveness'",
        FORGIVENESS,
        "it names 0 credits of debts; it should be 3",
    ),
    case(
        "transaction.settles_debts_of_its_user",
        "UPDATE credits_debt SET user_id = 'bob' WHERE user_id = 'cyd'",
        FORGIVENESS,
        "it names 0 credits of debts; it should be 3",
    ),
    case(
        "transaction.repays_with_its_command",
        "UPDATE credits_transaction SET related_id = {new_id} WHERE user_id = 'cyd' \
         AND type = 'repayment'",
        REPAYMENT,
        "it belongs to no transaction",
    ),
    case(
        "transaction.repays_with_its_command",
        "UPDATE credits_transaction SET reference_id = 'repayment:another' WHERE user_id = 'cyd' \
         AND type = 'repayment'",
        REPAYMENT,
        "it belongs to the promotion",
    ),
    case(
        "debt.has_transaction",
        "UPDATE credits_debt SET amount = 9 WHERE user_id = 'cyd'",
        DEBT,
        "`amount` differs from its transaction",
    ),
    case(
        "debt.has_transaction",
        "UPDATE credits_debt SET revocation_id = {new_id} WHERE user_id = 'cyd'",
        DEBT,
        "`revocation_id` differs from its transaction",
    ),
    case(
        "debt.has_transaction",
        "UPDATE credits_debt SET deposit_id = {new_id} WHERE user_id = 'cyd'",
        DEBT,
        "`deposit_id` differs from its transaction",
    ),
    case(
        "debt.has_transaction",
        "UPDATE credits_debt SET updated_at = {anchor} WHERE user_id = 'cyd'",
        DEBT,
        "`updated_at` differs from its transaction",
    ),
    case(
        "debt.is_within_its_amount",
        "UPDATE credits_debt SET forgiven = 7 WHERE user_id = 'cyd'",
        DEBT,
        "2 + 7 + 0 of 8 are settled",
    ),
    case(
        "debt.settled_by_what_its_transactions_say",
        "UPDATE credits_debt SET repaid = 3, forgiven = 2 WHERE user_id = 'cyd'",
        DEBT,
        "it was settled by 3 + 2 + 0; its transactions say 2 + 3 + 0",
    ),
    case(
        "debt.settled_by_what_its_transactions_say",
        "UPDATE credits_debt SET cancelled = 2 WHERE user_id = 'eva'",
        "SELECT id FROM credits_debt WHERE user_id = 'eva'",
        "it was settled by 2 + 0 + 2; its transactions say 2 + 0 + 3",
    ),
    case(
        "transaction.has_its_debt",
        "DELETE FROM credits_debt WHERE user_id = 'cyd'",
        "SELECT id FROM credits_transaction WHERE user_id = 'cyd' AND type = 'debt'",
        "its debt of 8 is missing",
    ),
    case(
        "revocation.is_within_its_deposit",
        "UPDATE credits_revocation SET issued = 31 WHERE user_id = 'cyd'",
        REVOKED,
        "30 of 31, taken 22, owed 8, and 0 millionths does not fit the purchase of 30 of cyd",
    ),
    case(
        "revocation.is_within_its_deposit",
        "UPDATE credits_revocation SET taken = 23 WHERE user_id = 'cyd'",
        REVOKED,
        "taken 23, owed 8",
    ),
    case(
        "revocation.is_within_its_deposit",
        "UPDATE credits_revocation SET fraction = 1 WHERE user_id = 'cyd'",
        REVOKED,
        "and 1 millionths does not fit",
    ),
    case(
        "revocation.counts_its_revocations",
        "UPDATE credits_revocation SET revoked = 29, taken = 21 WHERE user_id = 'cyd'",
        REVOKED,
        "it counts 29 revoked, 21 taken, 8 owed; its revocations say 30 revoked, 22 taken, 8 owed",
    ),
    case(
        "revocation.counts_its_revocations",
        "DELETE FROM credits_revocation WHERE user_id = 'cyd'",
        REVOKED,
        "it counts 0 revoked, 0 taken, 0 owed",
    ),
    // A reinstated revocation counts no more.
    case(
        "revocation.counts_its_revocations",
        "UPDATE credits_revocation SET revoked = 10, taken = 10 WHERE user_id = 'eva' \
         AND issued = 10",
        "SELECT transaction_id FROM credits_revocation WHERE user_id = 'eva' AND issued = 10",
        "its revocations say 0 revoked, 0 taken, 0 owed",
    ),
    case(
        "revocation.instants_are_those_of_its_revocations",
        "UPDATE credits_revocation SET updated_at = {anchor} WHERE user_id = 'cyd'",
        REVOKED,
        "`updated_at` is that of no revocation",
    ),
    case(
        "transaction.revokes_its_deposit",
        "UPDATE credits_transaction SET related_id = {new_id} WHERE user_id = 'cyd' \
         AND type = 'revocation'",
        REVOCATION,
        "`related_id` does not fit a revocation of the purchase",
    ),
    case(
        "transaction.revokes_its_deposit",
        "UPDATE credits_transaction SET credit_account = 'PAYMENT:another' WHERE user_id = 'cyd' \
         AND type = 'revocation'",
        REVOCATION,
        "`credit_account` does not fit a revocation of the purchase",
    ),
    case(
        "transaction.revokes_its_deposit",
        "UPDATE credits_transaction SET credit_account = 'PAYMENT:another' WHERE user_id = 'cyd' \
         AND type = 'debt'",
        "SELECT id FROM credits_transaction WHERE user_id = 'cyd' AND type = 'debt'",
        "`credit_account` does not fit a debt of the purchase",
    ),
    case(
        "transaction.revokes_its_deposit",
        "UPDATE credits_transaction SET reference_id = 'revocation:another' WHERE user_id = 'eva' \
         AND type = 'revocation' AND origin = 'internal'",
        OF_BONUS,
        "`reference_id` does not fit a revocation of the bonus",
    ),
    case(
        "transaction.reinstates_its_revocation",
        "UPDATE credits_transaction SET related_id = {new_id} WHERE type = 'reinstatement' \
         AND origin = 'funding'",
        REINSTATEMENT,
        "`related_id` does not fit a reinstatement of nothing",
    ),
    case(
        "transaction.reinstates_its_revocation",
        "UPDATE credits_transaction SET reference_id = 'reinstatement:another' \
         WHERE type = 'reinstatement' AND origin = 'internal' AND amount > 0",
        REINSTATEMENT_OF_BONUS,
        "`reference_id` does not fit a reinstatement of the reinstatement",
    ),
    case(
        "transaction.reinstates_its_revocation",
        "UPDATE credits_transaction SET reference_id = 'cancellation:another' \
         WHERE type = 'reinstatement' AND amount = 0",
        CANCELLATION,
        "`reference_id` does not fit a reinstatement of the reinstatement",
    ),
    case(
        "transaction.reinstates_what_was_taken_and_repaid",
        "UPDATE credits_transaction SET amount = 16 WHERE type = 'reinstatement' AND amount = 17",
        REINSTATEMENT,
        "its rows return 26; its revocation took 27, repayments included",
    ),
    case(
        "batch.replaces_an_expired_one",
        "UPDATE credits_batch SET deposit_id = {new_id} WHERE deposit_id IS NOT NULL",
        "SELECT id FROM credits_batch WHERE deposit_id IS NOT NULL",
        "`deposit_id` does not fit the batch that it replaces",
    ),
    case(
        "batch.is_what_its_transaction_brought",
        "UPDATE credits_batch SET deposit_id = {new_id} WHERE user_id = 'ann' AND amount = 20",
        super::SIGN_UP,
        "`deposit_id` differs from its originating transaction",
    ),
    // A second reinstatement, after the unique index was dropped.
    case(
        "transaction.reinstated_once",
        "DROP INDEX IF EXISTS credits_transaction_reinstated_key;
         INSERT INTO credits_transaction (id, user_id, type, amount, origin, reference_id,
           fingerprint, status, balance_after, related_id, occurred_at, created_at)
         SELECT {new_id}, user_id, type, 0, origin, 'again', fingerprint, status, balance_after,
           related_id, occurred_at, created_at
           FROM credits_transaction WHERE type = 'reinstatement' AND origin = 'funding'",
        REINSTATEMENT,
        "it is one of 2 reinstatements of its revocation",
    ),
    case(
        "book.accounts_fit_types",
        "UPDATE credits_transaction SET debit_account = 'SYSTEM:promotion' WHERE type = 'forgiveness'",
        "",
        "transactions of type forgiveness took 3 from SYSTEM:promotion accounts and brought 0 to \
         them; it should be 0 and 0",
    ),
];
