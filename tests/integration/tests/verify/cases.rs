//! Corruptions of a ledger.

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
pub const CASES: &[Case] = &[
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
        "`total_earned` is 0; the sum of its purchases, bonuses, grants and promotions is 105",
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
        "batch.remaining_within_amount",
        "UPDATE credits_batch SET remaining = 11 WHERE user_id = 'ann' AND amount = 10",
        "SELECT id FROM credits_batch WHERE user_id = 'ann' AND amount = 10",
        "`remaining` is 11; it must be from 0 to 10",
    ),
    case(
        "batch.held_within_remaining",
        "UPDATE credits_batch SET held = 81 WHERE user_id = 'ann' AND amount = 100",
        BOUGHT,
        "`held` is 81; it must be from 0 to 80",
    ),
    case(
        "batch.active_while_something_remains",
        "UPDATE credits_batch SET status = 'EXPIRED' WHERE user_id = 'ann' AND amount = 100",
        BOUGHT,
        "`status` is EXPIRED, but 80 remain",
    ),
    case(
        "batch.active_while_something_remains",
        "UPDATE credits_batch SET status = 'ACTIVE' WHERE user_id = 'ann' AND amount = 20",
        SIGN_UP,
        "`status` is ACTIVE, but 0 remain",
    ),
    case(
        "batch.remaining_is_sum_of_allocations",
        "UPDATE credits_batch SET remaining = 79 WHERE user_id = 'ann' AND amount = 100",
        BOUGHT,
        "`remaining` is 79; the sum of its allocations is 80",
    ),
    case(
        "batch.remainders_form_a_chain",
        "UPDATE credits_allocation SET batch_remaining = 70 WHERE batch_remaining = 80",
        BOUGHT,
        "do not follow on from each other at a remainder of 70: reached 1 times too often",
    ),
    case(
        "batch.has_originating_transaction",
        "UPDATE credits_batch SET transaction_id = {new_id} WHERE user_id = 'ann' AND amount = 100",
        BOUGHT,
        "`transaction_id` names a transaction that does not exist; it should be a COMPLETED \
         transaction of ann",
    ),
    case(
        "batch.has_originating_transaction",
        "UPDATE credits_batch SET transaction_id = (SELECT id FROM credits_transaction
          WHERE user_id = 'dan')
          WHERE user_id = 'ann' AND amount = 100",
        BOUGHT,
        "`transaction_id` names a FAILED transaction of dan",
    ),
    case(
        "batch.amount_is_what_its_transaction_brought",
        "UPDATE credits_batch SET amount = 1000 WHERE user_id = 'ann' AND amount = 100",
        BOUGHT,
        "`amount` is 1000; its originating transaction added 100 to it",
    ),
    case(
        "batch.expirations_counts_its_expirations",
        "UPDATE credits_batch SET expirations = 0 WHERE user_id = 'bob' AND amount = 50",
        "SELECT id FROM credits_batch WHERE user_id = 'bob' AND amount = 50",
        "`expirations` is 0; the number of its expirations is 1",
    ),
    case(
        "batch.owner_has_wallet",
        "DELETE FROM credits_balance WHERE user_id = 'cyd'",
        "SELECT id FROM credits_batch WHERE user_id = 'cyd'",
        "its owner cyd has no wallet",
    ),
    case(
        "transaction.amount_is_sum_of_allocations",
        "DELETE FROM credits_allocation WHERE batch_remaining = 80",
        SPENT,
        "`amount` is -40; the sum of its allocations is -20",
    ),
    case(
        "transaction.failed_moves_nothing",
        "UPDATE credits_transaction SET amount = -3 WHERE user_id = 'ann' AND status = 'FAILED'",
        "SELECT id FROM credits_transaction WHERE user_id = 'ann' AND status = 'FAILED'",
        "a FAILED transaction has amount -3; it should be 0",
    ),
    case(
        "transaction.owner_has_wallet",
        "UPDATE credits_transaction SET status = 'COMPLETED', error_code = NULL, balance_after = 0
          WHERE user_id = 'dan'",
        "SELECT id FROM credits_transaction WHERE user_id = 'dan'",
        "it is COMPLETED, but its user dan has no wallet",
    ),
    case(
        "transaction.wallet_side_fits_sign",
        "UPDATE credits_transaction SET debit_account = 'WALLET:bob' WHERE user_id = 'ann' \
         AND amount = -40",
        SPENT,
        "credits went from WALLET:bob to SERVICE:chat; going by `amount` it should be from \
         WALLET:ann",
    ),
    case(
        "transaction.other_account_fits_type",
        "UPDATE credits_transaction SET credit_account = 'SYSTEM:promotion' WHERE user_id = 'ann' \
         AND amount = -40",
        SPENT,
        "the other account is SYSTEM:promotion, which does not fit a consumption of -40",
    ),
    // A second bonus, and a period that is granted twice, after the unique indexes were dropped.
    case(
        "transaction.registration_bonus_once",
        "DROP INDEX IF EXISTS credits_transaction_registration_key;
         UPDATE credits_transaction SET type = 'registration_bonus',
           debit_account = 'SYSTEM:registration-bonus'
          WHERE user_id = 'ann' AND type = 'bonus'",
        "SELECT id FROM credits_transaction WHERE user_id = 'ann' AND type = 'registration_bonus'",
        "it is one of 2 registration bonuses of its user",
    ),
    case(
        "transaction.payment_credited_once",
        "DROP INDEX IF EXISTS credits_transaction_payment_key;
         UPDATE credits_transaction SET purchase_id = 'pi_9', reference_id = 'evt_1'
          WHERE user_id = 'ann' AND type = 'purchase';
         INSERT INTO credits_transaction (id, user_id, type, amount, debit_account, credit_account,
           origin, reference_id,
           status, balance_after, purchase_id, occurred_at, created_at)
         SELECT {new_id}, user_id, type, amount, debit_account, credit_account, origin, 'evt_2',
           status, balance_after,
                purchase_id, occurred_at, created_at
           FROM credits_transaction WHERE reference_id = 'evt_1'",
        "",
        "it credits payment pi_9 by reference evt_2, which was credited before by reference evt_1 \
         of user ann",
    ),
    // A duplicate payment that is marked.
    case(
        "transaction.payment_credited_once",
        "UPDATE credits_transaction SET purchase_id = 'pi_9', purchase_line = '2',
          duplicate_of = {new_id},
                reference_id = 'evt_1' WHERE user_id = 'ann' AND type = 'purchase'",
        "SELECT id FROM credits_transaction WHERE user_id = 'ann' AND type = 'purchase'",
        "it credits payment pi_9 line 2 by reference evt_1, which was credited before by nothing",
    ),
    case(
        "transaction.period_granted_once",
        "DROP INDEX IF EXISTS credits_transaction_period_key;
         INSERT INTO credits_transaction (id, user_id, type, amount, debit_account, credit_account,
           origin, reference_id,
           status, balance_after, subscription_id, period_start, occurred_at, created_at)
         SELECT {new_id}, user_id, type, amount, debit_account, credit_account, origin, 'again',
           status, balance_after,
                subscription_id, period_start, occurred_at, created_at
           FROM credits_transaction WHERE type = 'monthly_grant'",
        "SELECT id FROM credits_transaction WHERE type = 'monthly_grant'",
        "it is one of 2 grants of the period of 2026-11-22",
    ),
    case(
        "transaction.grant_has_subscription_of_the_same_user",
        "DELETE FROM subscription",
        "SELECT id FROM credits_transaction WHERE type = 'monthly_grant'",
        "`subscription_id` names a subscription of no user, because it does not exist; it should \
         be one of bob",
    ),
    case(
        "subscription.owner_has_wallet",
        "UPDATE subscription SET user_id = 'eve'",
        BOBS,
        "its owner eve has no wallet",
    ),
    case(
        "subscription.follows_from_its_events",
        "UPDATE subscription SET due_at = NULL",
        BOBS,
        "`due_at` is absent; by its events and grants it should be 2026-12-22",
    ),
    case(
        "subscription.next_period_start_is_due_at",
        "UPDATE subscription SET next_period_start = NULL",
        BOBS,
        "`next_period_start` is nothing; it should be 2026-12-22",
    ),
    case(
        "subscription.due_period_counts_from_anchor",
        "UPDATE subscription SET next_period_start = anchor, due_at = anchor, anchor = {anchor}",
        BOBS,
        "counted from its anchor it should be day 21 of a month, 09:00:00",
    ),
    case(
        "subscription.due_period_was_not_handled",
        "UPDATE subscription SET next_period_start = anchor, due_at = anchor",
        BOBS,
        "that period was handled already",
    ),
    case(
        "subscription.free_one_names_its_owner",
        "UPDATE subscription SET id = 'free:ann'",
        "SELECT 'free:ann' FROM subscription",
        "`id` names another user than its owner bob",
    ),
    case(
        "allocation.has_batch_of_the_same_user",
        "UPDATE credits_batch SET user_id = 'cyd' WHERE user_id = 'ann' AND amount = 100",
        SPENT_FROM_BOUGHT,
        "its transaction belongs to ann, its batch belongs to cyd",
    ),
    case(
        "allocation.has_batch_of_the_same_user",
        "DELETE FROM credits_batch WHERE user_id = 'ann' AND amount = 100",
        SPENT_FROM_BOUGHT,
        "its batch belongs to no user, because it does not exist",
    ),
    case(
        "allocation.signed_like_its_transaction",
        "UPDATE credits_allocation SET amount = 20 WHERE batch_remaining = 80",
        SPENT_FROM_BOUGHT,
        "`amount` is 20, but the `amount` of its transaction is -40",
    ),
    case(
        "allocation.has_transaction",
        "DELETE FROM credits_transaction WHERE user_id = 'ann' AND amount = -40",
        SPENT_FROM_BOUGHT,
        "its transaction does not exist; it moves -20",
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
    case(
        "batch.is_what_its_transaction_brought",
        "UPDATE credits_batch SET source_type = 'BONUS' WHERE user_id = 'ann' AND amount = 100",
        BOUGHT,
        "`source_type` differs from its originating transaction, a purchase",
    ),
    case(
        "batch.is_what_its_transaction_brought",
        "UPDATE credits_batch SET paid_micros = 1, currency = 'EUR' WHERE user_id = 'ann' \
         AND amount = 100",
        BOUGHT,
        "`paid_micros` differs from its originating transaction, a purchase",
    ),
    case(
        "batch.closed_by_what_emptied_it",
        "UPDATE credits_batch SET status = 'EXPIRED' WHERE user_id = 'ann' AND amount = 20",
        SIGN_UP,
        "`status` is EXPIRED, but no expiration emptied it",
    ),
    case(
        "batch.written_last_by_an_allocation",
        "UPDATE credits_batch SET updated_at = {anchor} WHERE user_id = 'ann' AND amount = 100",
        BOUGHT,
        "no allocation of the batch was written at 2026-10-21",
    ),
    case(
        "transaction.fields_fit_type",
        "UPDATE credits_transaction SET service = 'image' WHERE user_id = 'ann' AND amount = -40",
        SPENT,
        "`service` does not fit a consumption",
    ),
    case(
        "transaction.fields_fit_type",
        "UPDATE credits_transaction SET fingerprint = {zeros} WHERE user_id = 'ann' \
         AND amount = -40",
        SPENT,
        "`fingerprint` does not fit a consumption",
    ),
    case(
        "transaction.fits_what_it_belongs_to",
        "UPDATE credits_transaction SET reference_id = 'bonus:another' WHERE user_id = 'ann' \
         AND type = 'bonus'",
        "SELECT id FROM credits_transaction WHERE user_id = 'ann' AND type = 'bonus'",
        "it should belong to the purchase of bonus:another",
    ),
    case(
        "transaction.expiration_names_its_batch",
        "UPDATE credits_transaction SET reference_id = substr(reference_id, 1, 44) || '2' \
         WHERE type = 'expiration'",
        "SELECT id FROM credits_transaction WHERE type = 'expiration'",
        ":2; it should be that of one of the 1 expirations of its batch",
    ),
    case(
        "transaction.refusal_fits_request",
        "UPDATE credits_transaction SET error_code = 'wallet_frozen' WHERE user_id = 'dan'",
        "SELECT id FROM credits_transaction WHERE user_id = 'dan'",
        "`error_code` does not fit the refused consumption",
    ),
    case(
        "transaction.found_a_balance_of_the_wallet",
        "UPDATE credits_transaction SET balance_after = 91 WHERE user_id = 'ann' \
         AND status = 'FAILED'",
        "SELECT id FROM credits_transaction WHERE user_id = 'ann' AND status = 'FAILED'",
        "`balance_after` is 91, but the wallet never had that balance",
    ),
    case(
        "allocation.written_with_its_transaction",
        "UPDATE credits_allocation SET created_at = {anchor} WHERE batch_remaining = 80",
        SPENT_FROM_BOUGHT,
        "`created_at` is 2026-10-21",
    ),
    case(
        "allocation.fits_the_expiry_of_its_batch",
        "UPDATE credits_batch SET expires_at = {anchor} WHERE user_id = 'ann' AND amount = 100",
        SPENT_FROM_BOUGHT,
        "its batch expires at 2026-10-21",
    ),
    case(
        "book.is_balanced",
        "UPDATE credits_balance SET balance = 1000 WHERE user_id = 'cyd'",
        "",
        "265 were issued, but 1265 are accounted for: balances 1145 + consumed 52 - refunded 4 + \
         expired 50 + revoked 22",
    ),
    case(
        "book.accounts_fit_types",
        "UPDATE credits_transaction SET credit_account = 'PAYMENT:pi_1' WHERE user_id = 'cyd' \
         AND type = 'consumption'",
        "",
        "transactions of type consumption took 0 from PAYMENT accounts and brought 12 to them; it \
         should be 0 and 0",
    ),
    // A corruption of the last wallet is not reported for another wallet.
    case(
        "wallet.total_spent_is_consumed_less_refunded",
        "UPDATE credits_balance SET total_spent = 13 WHERE user_id = 'cyd'",
        CYD,
        "`total_spent` is 13; its consumption, less the refunds, is 8",
    ),
];
