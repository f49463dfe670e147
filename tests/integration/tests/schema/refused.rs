//! Rows beyond the limits of the allowed values.

use super::rows::Values;
use super::values::*;

/// Rows that must be refused: the table, the differences from the valid row, and the constraint
/// that refuses it.
pub const REFUSED: &[(&str, Values<'static>, &str)] = &[
    ("credits_balance", &[("id", "#1")], "credits_balance_pkey"),
    (
        "credits_balance",
        &[("user_id", "'u'")],
        "credits_balance_user_id_key",
    ),
    (
        "credits_balance",
        &[("user_id", "''")],
        "credits_balance_user_id_length",
    ),
    (
        "credits_balance",
        &[("user_id", "~101")],
        "credits_balance_user_id_length",
    ),
    (
        "credits_balance",
        &[("balance", "-1"), ("held", "0")],
        "credits_balance_not_negative",
    ),
    (
        "credits_balance",
        &[("held", "11")],
        "credits_balance_held_within_balance",
    ),
    (
        "credits_balance",
        &[("held", "-1")],
        "credits_balance_held_within_balance",
    ),
    (
        "credits_balance",
        &[("total_earned", "-1")],
        "credits_balance_totals_not_negative",
    ),
    (
        "credits_balance",
        &[("total_spent", "-1")],
        "credits_balance_totals_not_negative",
    ),
    (
        "credits_balance",
        &[("transaction_count", "-1")],
        "credits_balance_totals_not_negative",
    ),
    (
        "credits_balance",
        &[("version", "-1")],
        "credits_balance_totals_not_negative",
    ),
    (
        "credits_balance",
        &[("status", "'active'")],
        "credits_balance_status_known",
    ),
    ("credits_batch", &[("id", "#1")], "credits_batch_pkey"),
    (
        "credits_batch",
        &[("user_id", "''")],
        "credits_batch_user_id_length",
    ),
    (
        "credits_batch",
        &[("user_id", "~101")],
        "credits_batch_user_id_length",
    ),
    (
        "credits_batch",
        &[
            ZERO,
            ("remaining", "0"),
            ("held", "0"),
            ("status", "'CONSUMED'"),
        ],
        "credits_batch_amount_in_range",
    ),
    (
        "credits_batch",
        &[("amount", "1000000000000001")],
        "credits_batch_amount_in_range",
    ),
    (
        "credits_batch",
        &[("remaining", "101")],
        "credits_batch_remaining_within_amount",
    ),
    (
        "credits_batch",
        &[("held", "41")],
        "credits_batch_held_within_remaining",
    ),
    (
        "credits_batch",
        &[("held", "-1")],
        "credits_batch_held_within_remaining",
    ),
    (
        "credits_batch",
        &[("status", "'GONE'"), ("remaining", "0"), ("held", "0")],
        "credits_batch_status_known",
    ),
    (
        "credits_batch",
        &[("status", "'CONSUMED'")],
        "credits_batch_active_while_something_remains",
    ),
    (
        "credits_batch",
        &[("status", "'EXPIRED'")],
        "credits_batch_active_while_something_remains",
    ),
    (
        "credits_batch",
        &[("status", "'REVOKED'")],
        "credits_batch_active_while_something_remains",
    ),
    (
        "credits_batch",
        &[("remaining", "0"), ("held", "0")],
        "credits_batch_active_while_something_remains",
    ),
    (
        "credits_batch",
        &[("source_type", "'GIFT'")],
        "credits_batch_source_known",
    ),
    (
        "credits_batch",
        &[("grant_period", "'2026-1'")],
        "credits_batch_grant_period_is_a_month",
    ),
    (
        "credits_batch",
        &[("grant_period", "'2026/01'")],
        "credits_batch_grant_period_is_a_month",
    ),
    (
        "credits_batch",
        &[("paid_micros", "-1")],
        "credits_batch_paid_not_negative",
    ),
    (
        "credits_batch",
        &[("expirations", "-1")],
        "credits_batch_expirations_not_negative",
    ),
    (
        "credits_allocation",
        &[("transaction_id", "#1")],
        "credits_allocation_pkey",
    ),
    (
        "credits_allocation",
        &[ZERO],
        "credits_allocation_amount_in_range",
    ),
    (
        "credits_allocation",
        &[("amount", "1000000000000001")],
        "credits_allocation_amount_in_range",
    ),
    (
        "credits_allocation",
        &[("batch_remaining", "-1")],
        "credits_allocation_remaining_in_range",
    ),
    (
        "credits_refund",
        &[("transaction_id", "#1")],
        "credits_refund_pkey",
    ),
    (
        "credits_refund",
        &[("user_id", "''")],
        "credits_refund_user_id_length",
    ),
    (
        "credits_refund",
        &[("user_id", "~101")],
        "credits_refund_user_id_length",
    ),
    (
        "credits_refund",
        &[("taken", "1000000000000001")],
        "credits_refund_taken_in_range",
    ),
    (
        "credits_refund",
        &[("refunded", "6")],
        "credits_refund_within_consumption",
    ),
    (
        "credits_refund",
        &[("refunded", "0")],
        "credits_refund_within_consumption",
    ),
    ("subscription", &[("id", "'s'")], "subscription_pkey"),
    ("subscription", &[("id", "''")], "subscription_id_length"),
    ("subscription", &[("id", "~103")], "subscription_id_length"),
    (
        "subscription",
        &[("user_id", "''")],
        "subscription_user_id_length",
    ),
    (
        "subscription",
        &[("plan", "''")],
        "subscription_plan_present",
    ),
    (
        "subscription",
        &[("status", "'PENDING'")],
        "subscription_status_known",
    ),
    (
        "delivery_attempt",
        &[("queue", "'q'")],
        "delivery_attempt_pkey",
    ),
    (
        "delivery_attempt",
        &[("tries", "0")],
        "delivery_attempt_tries_positive",
    ),
    ("ledger_identity", &[], "ledger_identity_pkey"),
    (
        "ledger_identity",
        &[("singleton", "2")],
        "ledger_identity_is_one_row",
    ),
    (
        "subscription",
        &[("status", "'PAUSED'")],
        "subscription_over_when_it_says_so",
    ),
    (
        "subscription",
        &[("due_at", LATER)],
        "subscription_due_at_next_period",
    ),
    (
        "subscription",
        &[("status", "'CANCELED'"), ("ended_at", AT)],
        "subscription_due_while_it_runs",
    ),
    (
        "subscription",
        &[("status_since", LATER)],
        "subscription_since_before_latest_event",
    ),
    ("job_run", &[("id", "#1")], "job_run_pkey"),
    (
        "job_run",
        &[("name", "'grant'")],
        "job_run_name_run_date_key",
    ),
    (
        "job_run",
        &[("reference_id", "'r'")],
        "job_run_reference_id_key",
    ),
    (
        "job_run",
        &[("reference_id", "''")],
        "job_run_reference_id_length",
    ),
    (
        "job_run",
        &[("run_date", "'22.11.2026'")],
        "job_run_run_date_is_a_date",
    ),
    ("job_run", &[("status", "'LOST'")], "job_run_status_known"),
    (
        "job_run",
        &[("finished_at", "NULL")],
        "job_run_finished_when_not_running",
    ),
    ("job_run", &[RUNNING], "job_run_finished_when_not_running"),
    (
        "queue_message",
        &[("queue", "'jobs'")],
        "queue_message_queue_known",
    ),
    (
        "queue_message",
        &[("origin", "'dead'")],
        "queue_message_origin_known",
    ),
    (
        "queue_message",
        &[("attempt", "-1")],
        "queue_message_attempt_not_negative",
    ),
    ("operator_action", &[("id", "#1")], "operator_action_pkey"),
    (
        "operator_action",
        &[("begun_id", "#1"), ("status", "'FAILED'")],
        "operator_action_begun_id_key",
    ),
    (
        "operator_action",
        &[("status", "'LOST'"), ("begun_id", "#3")],
        "operator_action_status_known",
    ),
    (
        "operator_action",
        &[("begun_id", "#3")],
        "operator_action_end_names_its_beginning",
    ),
    (
        "operator_action",
        &[("status", "'COMPLETED'")],
        "operator_action_end_names_its_beginning",
    ),
    (
        "operator_action",
        &[("actor", "''")],
        "operator_action_actor_length",
    ),
    (
        "operator_action",
        &[("actor", "~101")],
        "operator_action_actor_length",
    ),
    (
        "operator_action",
        &[("action", "'dead_list'")],
        "operator_action_action_known",
    ),
    (
        "operator_action",
        &[("subject", "''")],
        "operator_action_subject_length",
    ),
    (
        "operator_action",
        &[("subject", "~128")],
        "operator_action_subject_length",
    ),
    (
        "operator_action",
        &[("user_id", "''")],
        "operator_action_user_id_length",
    ),
    (
        "operator_action",
        &[("user_id", "~101")],
        "operator_action_user_id_length",
    ),
    ("http_token", &[("id", "#1")], "http_token_pkey"),
    ("http_token", &[("name", "''")], "http_token_name_length"),
    ("http_token", &[("name", "~101")], "http_token_name_length"),
    ("http_token", &[("role", "'root'")], "http_token_role_known"),
    (
        "http_token",
        &[("secret_hash", "%31")],
        "http_token_secret_hash_length",
    ),
    (
        "http_token",
        &[("secret_hash", "%33")],
        "http_token_secret_hash_length",
    ),
    ("http_token", &[("rate", "0")], "http_token_rate_in_range"),
    (
        "http_token",
        &[("rate", "1000001")],
        "http_token_rate_in_range",
    ),
    (
        "http_token",
        &[("created_by", "''")],
        "http_token_created_by_length",
    ),
    (
        "http_token",
        &[("created_by", "~101")],
        "http_token_created_by_length",
    ),
];
