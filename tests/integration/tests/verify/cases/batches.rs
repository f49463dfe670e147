//! Corruptions of batches and allocations.

use super::{BOUGHT, Case, SIGN_UP, SPENT_FROM_BOUGHT, case};

pub const BATCHES: &[Case] = &[
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
];
