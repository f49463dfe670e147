//! Corruptions of transactions, of subscriptions, and of the book as a whole.

use super::{BOBS, Case, SPENT, case};

pub const TRANSACTIONS: &[Case] = &[
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
        "book.is_balanced",
        "UPDATE credits_balance SET balance = 1000 WHERE user_id = 'cyd'",
        "",
        "299 were issued, but 1299 are accounted for: balances 1172 + consumed 57 - refunded 4 + \
         expired 50 + revoked 20 + repaid 4",
    ),
    case(
        "book.accounts_fit_types",
        "UPDATE credits_transaction SET credit_account = 'PAYMENT:pi_1' WHERE user_id = 'cyd' \
         AND type = 'consumption'",
        "",
        "transactions of type consumption took 0 from PAYMENT accounts and brought 12 to them; it \
         should be 0 and 0",
    ),
];
