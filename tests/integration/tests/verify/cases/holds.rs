//! Corruptions of holds.

use super::{BOB, Case, case};

const HOLD: &str = "SELECT id FROM credits_hold WHERE user_id = 'bob'";
const SLICE: &str = "SELECT hold_id, batch_id FROM credits_hold_slice";
const GRANTED: &str = "SELECT id FROM credits_batch WHERE user_id = 'bob' AND amount = 45";

pub const HOLDS: &[Case] = &[
    case(
        "wallet.holds_end_at_first_expiry",
        "UPDATE credits_balance SET holds_end_at = NULL WHERE user_id = 'bob'",
        BOB,
        "`holds_end_at` is nothing; the earliest expiry of its OPEN holds is 2027-01-30",
    ),
    case(
        "batch.held_is_sum_of_open_holds",
        "UPDATE credits_batch SET held = 4 WHERE user_id = 'bob' AND held = 5",
        GRANTED,
        "`held` is 4; the slices of its OPEN holds reserve 5",
    ),
    // Nothing is held by a closed hold.
    case(
        "batch.held_is_sum_of_open_holds",
        "UPDATE credits_hold SET status = 'RELEASED', closed_at = {anchor}",
        GRANTED,
        "`held` is 5; the slices of its OPEN holds reserve 0",
    ),
    case(
        "hold.has_transaction",
        "UPDATE credits_hold SET service = 'image'",
        HOLD,
        "`service` differs from its transaction",
    ),
    case(
        "hold.has_transaction",
        "UPDATE credits_hold SET expires_at = {anchor}",
        HOLD,
        "`expires_at` differs from its transaction",
    ),
    case(
        "hold.amount_is_sum_of_slices",
        "UPDATE credits_hold SET amount = 6",
        HOLD,
        "`amount` is 6; the sum of its slices is 5",
    ),
    case(
        "hold.captured_is_sum_of_captures",
        "UPDATE credits_hold SET captured = 1",
        HOLD,
        "`captured` is 1; its captures took 0",
    ),
    case(
        "hold.captured_is_sum_of_slices",
        "UPDATE credits_hold_slice SET captured = 1",
        HOLD,
        "`captured` is 0; captures took 1 from its slices",
    ),
    case(
        "hold.closed_by_what_its_status_says",
        "UPDATE credits_hold SET status = 'RELEASED'",
        HOLD,
        "`status` is RELEASED, but its time of closing does not fit",
    ),
    case(
        "hold.closed_by_what_its_status_says",
        "UPDATE credits_hold SET status = 'CAPTURED', closed_at = {anchor}",
        HOLD,
        "`status` is CAPTURED, but no capture belongs to it",
    ),
    case(
        "hold.closed_by_what_its_status_says",
        "UPDATE credits_hold SET status = 'EXPIRED', closed_at = {anchor}",
        HOLD,
        "`status` is EXPIRED, but it was closed before its expiry",
    ),
    case(
        "slice.fits_its_batch",
        "UPDATE credits_hold_slice SET captured = 6",
        SLICE,
        "a slice of 5 of bob captured 6",
    ),
    case(
        "slice.fits_its_batch",
        "UPDATE credits_batch SET user_id = 'cyd' WHERE user_id = 'bob' AND held = 5",
        SLICE,
        "a slice of 5 of cyd captured 0",
    ),
    case(
        "slice.has_hold",
        "DELETE FROM credits_hold",
        SLICE,
        "a slice of 5 has no hold",
    ),
    case(
        "transaction.has_its_hold",
        "DELETE FROM credits_hold",
        "SELECT id FROM credits_transaction WHERE type = 'hold'",
        "is missing",
    ),
    case(
        "transaction.names_its_hold",
        "UPDATE credits_transaction SET type = 'release', related_id = {new_id} \
         WHERE type = 'hold'",
        "SELECT id FROM credits_transaction WHERE type = 'hold'",
        "a release of bob belongs to no hold",
    ),
];
