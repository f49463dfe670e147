//! Corruptions of wallets.

use super::{ANN, BOB, CYD, Case, case};

pub const WALLETS: &[Case] = &[
    case(
        "wallet.balance_is_sum_of_active_batches",
        "UPDATE credits_balance SET balance = 91 WHERE user_id = 'ann'",
        ANN,
        "`balance` is 91; the sum of the remainders of its ACTIVE batches is 90",
    ),
    case(
        "wallet.balance_is_sum_of_transactions",
        "UPDATE credits_balance SET balance = 89 WHERE user_id = 'ann'",
        ANN,
        "`balance` is 89; the sum of its COMPLETED transactions is 90",
    ),
    case(
        "wallet.held_is_sum_of_batches",
        "UPDATE credits_batch SET held = 0 WHERE user_id = 'bob'",
        BOB,
        "`held` is 5; the sum of `held` of its batches is 0",
    ),
    case(
        "wallet.total_earned_is_sum_of_credits",
        "UPDATE credits_balance SET total_earned = 0 WHERE user_id = 'bob'",
        BOB,
        "`total_earned` is 0; the sum of its purchases, bonuses, grants and promotions, less \
         what was revoked and repaid, is 105",
    ),
    case(
        "wallet.total_spent_is_consumed_less_refunded",
        "UPDATE credits_balance SET total_spent = 41 WHERE user_id = 'ann'",
        ANN,
        "`total_spent` is 41; its consumption, less the refunds, is 40",
    ),
    case(
        "wallet.transaction_count_is_number_of_completed",
        "UPDATE credits_balance SET transaction_count = 6 WHERE user_id = 'ann'",
        ANN,
        "`transaction_count` is 6; the number of its COMPLETED transactions is 5",
    ),
    // A deleted transaction.
    case(
        "wallet.balance_is_sum_of_transactions",
        "DELETE FROM credits_transaction WHERE user_id = 'ann' AND type = 'purchase'",
        ANN,
        "`balance` is 90; the sum of its COMPLETED transactions is -10",
    ),
    // The sums are right, but a stored outcome has an impossible balance.
    case(
        "wallet.balances_after_form_a_chain",
        "UPDATE credits_transaction SET balance_after = 121 WHERE user_id = 'ann' \
         AND type = 'purchase'",
        ANN,
        "do not follow on from each other at a balance of 120: left 1 times too often",
    ),
    case(
        "wallet.status_is_that_of_its_last_freeze",
        "UPDATE credits_balance SET status = 'ACTIVE' WHERE user_id = 'bob'",
        BOB,
        "`status` is ACTIVE, but its last `freeze` or `unfreeze` is freeze",
    ),
    case(
        "wallet.version_counts_its_groups",
        "UPDATE credits_balance SET version = 3 WHERE user_id = 'ann'",
        ANN,
        "`version` is 3, but transactions were booked at 4 instants",
    ),
    case(
        "wallet.instants_are_those_of_its_transactions",
        "UPDATE credits_balance SET updated_at = created_at, created_at = {anchor} \
         WHERE user_id = 'ann'",
        ANN,
        "no transaction of the wallet was booked at `created_at`, 2026-10-21",
    ),
    // A corruption of the last wallet is not reported for another wallet.
    case(
        "wallet.total_spent_is_consumed_less_refunded",
        "UPDATE credits_balance SET total_spent = 13 WHERE user_id = 'cyd'",
        CYD,
        "`total_spent` is 13; its consumption, less the refunds, is 8",
    ),
];
