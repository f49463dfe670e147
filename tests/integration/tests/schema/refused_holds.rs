//! Holds and slices beyond the limits of the allowed values.

use super::rows::Values;
use super::values::*;

/// Rows that must be refused: the table, the differences from the valid row, and the constraint
/// that refuses it.
pub const REFUSED_HOLDS: &[(&str, Values<'static>, &str)] = &[
    ("credits_hold", &[("id", "#1")], "credits_hold_pkey"),
    (
        "credits_hold",
        &[("user_id", "''")],
        "credits_hold_user_id_length",
    ),
    (
        "credits_hold",
        &[("user_id", "~101")],
        "credits_hold_user_id_length",
    ),
    (
        "credits_hold",
        &[("origin", "'internal'")],
        "credits_hold_origin_known",
    ),
    (
        "credits_hold",
        &[("price_per", "NULL")],
        "credits_hold_price_complete",
    ),
    (
        "credits_hold",
        &[("price_credits", "-1")],
        "credits_hold_price_complete",
    ),
    (
        "credits_hold",
        &[("price_per", "0")],
        "credits_hold_price_complete",
    ),
    (
        "credits_hold",
        &[("amount", "-1"), ("captured", "-1")],
        "credits_hold_amount_in_range",
    ),
    (
        "credits_hold",
        &[("amount", "1000000000000001")],
        "credits_hold_amount_in_range",
    ),
    (
        "credits_hold",
        &[("captured", "11")],
        "credits_hold_captured_within_amount",
    ),
    (
        "credits_hold",
        &[("captured", "-1")],
        "credits_hold_captured_within_amount",
    ),
    (
        "credits_hold",
        &[("status", "'GONE'")],
        "credits_hold_status_known",
    ),
    (
        "credits_hold",
        &[("status", "'OPEN'")],
        "credits_hold_open_until_closed",
    ),
    (
        "credits_hold",
        &[("closed_at", "NULL")],
        "credits_hold_open_until_closed",
    ),
    (
        "credits_hold",
        &[("expires_at", LATER)],
        "credits_hold_expired_at_its_expiry",
    ),
    (
        "credits_hold_slice",
        &[("hold_id", "#1")],
        "credits_hold_slice_pkey",
    ),
    (
        "credits_hold_slice",
        &[("amount", "0"), ("captured", "0")],
        "credits_hold_slice_amount_in_range",
    ),
    (
        "credits_hold_slice",
        &[("amount", "1000000000000001")],
        "credits_hold_slice_amount_in_range",
    ),
    (
        "credits_hold_slice",
        &[("captured", "11")],
        "credits_hold_slice_captured_within_amount",
    ),
];
