//! Corruptions of refunds.

use super::{Case, case};

/// The consumption that was refunded in part.
const REFUNDED: &str = "SELECT transaction_id FROM credits_refund";
const REFUND: &str = "SELECT id FROM credits_transaction WHERE type = 'refund'";

pub const REFUNDS: &[Case] = &[
    case(
        "refund.is_within_its_consumption",
        "UPDATE credits_refund SET taken = 11",
        REFUNDED,
        "4 of 11 of the consumption of -12 of cyd were refunded",
    ),
    case(
        "refund.is_within_its_consumption",
        "UPDATE credits_refund SET refunded = 13",
        REFUNDED,
        "13 of 12 of the consumption of -12 of cyd were refunded",
    ),
    case(
        "refund.counts_its_refunds",
        "UPDATE credits_refund SET refunded = 5",
        REFUNDED,
        "`refunded` is 5; the sum of the refunds is 4",
    ),
    case(
        "refund.counts_its_refunds",
        "DELETE FROM credits_refund",
        REFUNDED,
        "`refunded` is 0; the sum of the refunds is 4",
    ),
    case(
        "refund.instants_are_those_of_its_refunds",
        "UPDATE credits_refund SET updated_at = {anchor}",
        REFUNDED,
        "`updated_at` is that of no refund",
    ),
    case(
        "refund.returns_what_was_taken_last",
        "UPDATE credits_refund SET refunded = 5",
        REFUNDED,
        "1 more credits should have come back to the batch 000",
    ),
    case(
        "batch.replaces_an_expired_one",
        "UPDATE credits_batch SET transaction_id = (SELECT id FROM credits_transaction
          WHERE type = 'refund') WHERE user_id = 'cyd'",
        "SELECT id FROM credits_batch WHERE user_id = 'cyd'",
        "its note does not fit the batch that it replaces",
    ),
    case(
        "transaction.fits_what_it_belongs_to",
        "UPDATE credits_transaction SET related_id = (SELECT id FROM credits_transaction
          WHERE user_id = 'cyd' AND type = 'purchase') WHERE type = 'refund'",
        REFUND,
        "it should belong to a consumption or capture of cyd of chat",
    ),
    case(
        "transaction.fields_fit_type",
        "UPDATE credits_transaction SET related_id = NULL WHERE type = 'refund'",
        REFUND,
        "`related_id` does not fit a refund",
    ),
    case(
        "allocation.fits_the_expiry_of_its_batch",
        "UPDATE credits_batch SET expires_at = {anchor} WHERE user_id = 'cyd'",
        "SELECT a.transaction_id, a.batch_id FROM credits_allocation a
           JOIN credits_transaction t ON t.id = a.transaction_id WHERE t.type = 'refund'",
        "its batch expires at 2026-10-21",
    ),
];
