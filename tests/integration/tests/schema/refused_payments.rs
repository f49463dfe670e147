//! Events and links of payment providers beyond the limits of the allowed values.

use super::{rows::Values, values::LATER};

/// Rows that must be refused: the table, the differences from the valid row, and the constraint
/// that refuses it.
pub const REFUSED_PAYMENTS: &[(&str, Values<'static>, &str)] = &[
    ("payment_event", &[("id", "#1")], "payment_event_pkey"),
    (
        "payment_event",
        &[("event_id", "'evt_1'")],
        "payment_event_event_id_key",
    ),
    (
        "payment_event",
        &[("provider", "'paypal'")],
        "payment_event_provider_known",
    ),
    (
        "payment_event",
        &[("status", "'DONE'"), ("reason", "NULL")],
        "payment_event_status_known",
    ),
    (
        "payment_event",
        &[("status", "'APPLIED'")],
        "payment_event_reason_of_status",
    ),
    (
        "payment_event",
        &[("reason", "NULL")],
        "payment_event_reason_of_status",
    ),
    (
        "payment_event",
        &[("event_id", "''")],
        "payment_event_event_id_length",
    ),
    (
        "payment_event",
        &[("event_id", "~128")],
        "payment_event_event_id_length",
    ),
    (
        "payment_event",
        &[("kind", "''")],
        "payment_event_kind_length",
    ),
    (
        "payment_event",
        &[("kind", "~51")],
        "payment_event_kind_length",
    ),
    (
        "payment_event",
        &[("reason", "''")],
        "payment_event_reason_length",
    ),
    (
        "payment_event",
        &[("reason", "~33")],
        "payment_event_reason_length",
    ),
    (
        "payment_event",
        &[("detail", "''")],
        "payment_event_detail_length",
    ),
    (
        "payment_event",
        &[("detail", "~513")],
        "payment_event_detail_length",
    ),
    (
        "payment_event",
        &[("waits_for", "''")],
        "payment_event_waits_for_length",
    ),
    (
        "payment_event",
        &[("waits_for", "~151")],
        "payment_event_waits_for_length",
    ),
    (
        "payment_event",
        &[("user_id", "''")],
        "payment_event_user_id_length",
    ),
    (
        "payment_event",
        &[("user_id", "~101")],
        "payment_event_user_id_length",
    ),
    (
        "payment_event",
        &[("body", "''")],
        "payment_event_body_length",
    ),
    (
        "payment_event",
        &[("body", "~131073")],
        "payment_event_body_length",
    ),
    (
        "payment_link",
        &[("external_id", "'pi_1'")],
        "payment_link_pkey",
    ),
    (
        "payment_link",
        &[("provider", "'paypal'")],
        "payment_link_provider_known",
    ),
    (
        "payment_link",
        &[("kind", "'price'")],
        "payment_link_kind_known",
    ),
    (
        "payment_link",
        &[("external_id", "''")],
        "payment_link_external_id_length",
    ),
    (
        "payment_link",
        &[("external_id", "~128")],
        "payment_link_external_id_length",
    ),
    (
        "payment_link",
        &[("user_id", "''")],
        "payment_link_user_id_length",
    ),
    (
        "payment_link",
        &[("user_id", "~101")],
        "payment_link_user_id_length",
    ),
    (
        "payment_link",
        &[("deposit", "''")],
        "payment_link_deposit_length",
    ),
    (
        "payment_link",
        &[("deposit", "~128")],
        "payment_link_deposit_length",
    ),
    (
        "payment_link",
        &[("invoice", "''")],
        "payment_link_invoice_length",
    ),
    (
        "payment_link",
        &[("invoice", "~128")],
        "payment_link_invoice_length",
    ),
    (
        "payment_link",
        &[("subscription_id", "''")],
        "payment_link_subscription_id_length",
    ),
    (
        "payment_link",
        &[("subscription_id", "~128")],
        "payment_link_subscription_id_length",
    ),
    (
        "payment_link",
        &[("subscription_id", "NULL")],
        "payment_link_period_of_subscription",
    ),
    (
        "payment_link",
        &[("period_end", "NULL")],
        "payment_link_period_of_subscription",
    ),
    (
        "payment_link",
        &[("period_start", LATER)],
        "payment_link_period_end_after_start",
    ),
    (
        "payment_wait",
        &[("event", "#1"), ("external_id", "'cus_1'")],
        "payment_wait_pkey",
    ),
    (
        "payment_wait",
        &[("provider", "'paypal'")],
        "payment_wait_provider_known",
    ),
    (
        "payment_wait",
        &[("kind", "'price'")],
        "payment_wait_kind_known",
    ),
    (
        "payment_wait",
        &[("external_id", "''")],
        "payment_wait_external_id_length",
    ),
    (
        "payment_wait",
        &[("external_id", "~128")],
        "payment_wait_external_id_length",
    ),
    (
        "payment_link",
        &[("created_by", "''")],
        "payment_link_created_by_length",
    ),
    (
        "payment_link",
        &[("created_by", "~101")],
        "payment_link_created_by_length",
    ),
    (
        "payment_link",
        &[("amount", "-1")],
        "payment_link_amount_in_range",
    ),
    (
        "payment_link",
        &[("amount", "1000000000000001")],
        "payment_link_amount_in_range",
    ),
];
