//! Rows at the limits of the allowed values.

use super::rows::Values;
use super::values::*;

/// Rows that must be accepted: the table and the differences from the valid row. Some of the
/// refused rows conflict with them.
pub const ACCEPTED: &[(&str, Values<'static>)] = &[
    ("credits_balance", &[("id", "#1"), ("user_id", "'u'")]),
    (
        "credits_balance",
        &[
            ("user_id", "~100"),
            ("balance", "0"),
            ("held", "0"),
            ("status", "'FROZEN'"),
        ],
    ),
    ("delivery_attempt", &[("queue", "'q'")]),
    ("credits_batch", &[("id", "#1")]),
    (
        "credits_batch",
        &[
            ("remaining", "0"),
            ("held", "0"),
            ("status", "'CONSUMED'"),
            ("expires_at", "NULL"),
        ],
    ),
    (
        "credits_batch",
        &[("amount", "1000000000000000"), ("source_type", "'BONUS'")],
    ),
    ("credits_hold", &[("id", "#1"), ("user_id", "~100")]),
    (
        "credits_hold",
        &[("status", "'OPEN'"), ("closed_at", "NULL")],
    ),
    (
        "credits_hold",
        &[
            ("amount", "0"),
            ("captured", "0"),
            ("status", "'CAPTURED'"),
            ("price_credits", "NULL"),
            ("price_per", "NULL"),
        ],
    ),
    (
        "credits_hold",
        &[
            ("amount", "1000000000000000"),
            ("origin", "'funding'"),
            ("status", "'RELEASED'"),
            ("price_credits", "0"),
        ],
    ),
    ("credits_hold_slice", &[("hold_id", "#1")]),
    (
        "credits_hold_slice",
        &[("amount", "1000000000000000"), ("captured", "0")],
    ),
    (TX, &[("type", "'capture'")]),
    (TX, &[("id", "#1"), ("reference_id", "'r'")]),
    (TX, &[("reference_id", "~100")]),
    (
        TX,
        &[
            ("reference_id", "~127"),
            ("origin", "'internal'"),
            ("fingerprint", "NULL"),
        ],
    ),
    // The same reference through another origin.
    (TX, &[("reference_id", "'r'"), ("origin", "'funding'")]),
    (TX, &[("amount", "-1000000000000000")]),
    // A price of 0 is recorded and moves nothing.
    (
        TX,
        &[
            ("amount", "0"),
            ("debit_account", "NULL"),
            ("credit_account", "NULL"),
        ],
    ),
    // Refusals: of a user without a wallet, of a command that never moves credits, and of a second
    // registration bonus.
    (
        TX,
        &[
            FAILED,
            ZERO,
            NO_DEBIT,
            NO_CREDIT,
            ERROR,
            ("balance_after", "NULL"),
        ],
    ),
    (
        TX,
        &[FAILED, ZERO, NO_DEBIT, NO_CREDIT, ERROR, ("type", "'hold'")],
    ),
    (
        TX,
        &[
            FAILED,
            ZERO,
            NO_DEBIT,
            NO_CREDIT,
            ERROR,
            ("type", "'registration_bonus'"),
        ],
    ),
    (
        TX,
        &[
            FAILED,
            ZERO,
            NO_DEBIT,
            NO_CREDIT,
            ERROR,
            ("type", "'registration_bonus'"),
        ],
    ),
    // One posting of each type.
    (
        TX,
        &[
            ("type", "'purchase'"),
            FIVE,
            ("debit_account", "'PAYMENT:p'"),
            TO_WALLET,
        ],
    ),
    // A payment, one line of it, the refusal of a duplicate, and a duplicate that was credited
    // before the rule existed.
    (TX, &[PURCHASE, FIVE, FROM_PAYMENT, TO_WALLET, PAYMENT]),
    (
        TX,
        &[PURCHASE, FIVE, FROM_PAYMENT, TO_WALLET, PAYMENT, LINE],
    ),
    (
        TX,
        &[FAILED, ZERO, NO_DEBIT, NO_CREDIT, ERROR, PURCHASE, PAYMENT],
    ),
    (
        TX,
        &[
            PURCHASE,
            FIVE,
            FROM_PAYMENT,
            TO_WALLET,
            PAYMENT,
            ("duplicate_of", "#1"),
        ],
    ),
    (TX, &[("sender", "'a'")]),
    (TX, &[("sender", "~127")]),
    // Other transactions of a payment also have its id.
    (
        TX,
        &[
            ("type", "'bonus'"),
            FIVE,
            ("debit_account", "'SYSTEM:purchase-bonus'"),
            TO_WALLET,
            PAYMENT,
        ],
    ),
    (
        TX,
        &[
            ("type", "'bonus'"),
            FIVE,
            ("debit_account", "'SYSTEM:purchase-bonus'"),
            TO_WALLET,
        ],
    ),
    (
        TX,
        &[
            REGISTRATION,
            FIVE,
            ("debit_account", "'SYSTEM:registration-bonus'"),
            TO_WALLET,
        ],
    ),
    (
        TX,
        &[
            MONTHLY,
            FIVE,
            ("debit_account", "'SYSTEM:subscription-grant'"),
            TO_WALLET,
            ("subscription_id", "'s'"),
        ],
    ),
    (
        TX,
        &[
            ("type", "'promotion'"),
            FIVE,
            ("debit_account", "'SYSTEM:promotion'"),
            TO_WALLET,
        ],
    ),
    (
        TX,
        &[
            ("type", "'refund'"),
            FIVE,
            ("debit_account", "'SERVICE:s'"),
            TO_WALLET,
        ],
    ),
    (
        TX,
        &[
            ("type", "'expiration'"),
            ("credit_account", "'SYSTEM:expiration'"),
        ],
    ),
    (
        TX,
        &[("type", "'revocation'"), ("credit_account", "'PAYMENT:p'")],
    ),
    ("credits_allocation", &[("transaction_id", "#1")]),
    // The same transaction from another batch.
    (
        "credits_allocation",
        &[
            ("transaction_id", "#1"),
            ("batch_id", "#2"),
            ("batch_remaining", "0"),
        ],
    ),
    ("credits_refund", &[("transaction_id", "#1")]),
    (
        "credits_refund",
        &[
            ("user_id", "~100"),
            ("taken", "1000000000000000"),
            ("refunded", "1000000000000000"),
        ],
    ),
    ("credits_refund", &[("refunded", "1")]),
    // Changes of debt, one of each type.
    (
        TX,
        &[("type", "'debt'"), ZERO, OWED_BY_U, TO_PAYMENT, OWES_FIVE],
    ),
    (TX, &[("type", "'repayment'"), PAID_BY_U, LESS_FIVE]),
    (
        TX,
        &[
            ("type", "'forgiveness'"),
            ZERO,
            FORGIVEN,
            PAID_BY_U,
            LESS_FIVE,
        ],
    ),
    (
        TX,
        &[
            ("type", "'reinstatement'"),
            FIVE,
            FROM_PAYMENT,
            TO_WALLET,
            ("related_id", "#2"),
        ],
    ),
    // It cancels a debt that the same revocation left.
    (
        TX,
        &[
            ("type", "'reinstatement'"),
            ZERO,
            FROM_PAYMENT,
            PAID_BY_U,
            LESS_FIVE,
            ("origin", "'internal'"),
            ("related_id", "#2"),
        ],
    ),
    // A revocation that could take nothing, and a refusal of one that was reinstated before.
    (TX, &[("type", "'revocation'"), ZERO, NO_DEBIT, NO_CREDIT]),
    (
        TX,
        &[
            FAILED,
            ZERO,
            NO_DEBIT,
            NO_CREDIT,
            ("error_code", "'already_reinstated'"),
            ("type", "'reinstatement'"),
            ("related_id", "#2"),
        ],
    ),
    (
        TX,
        &[
            FAILED,
            ZERO,
            NO_DEBIT,
            NO_CREDIT,
            ("error_code", "'forgive_exceeds_debt'"),
            ("type", "'forgiveness'"),
        ],
    ),
    ("credits_balance", &[("debt", "1000000000000000")]),
    ("credits_revocation", &[("transaction_id", "#1")]),
    (
        "credits_revocation",
        &[
            ("user_id", "~100"),
            ("issued", "1000000000000000"),
            ("revoked", "1000000000000000"),
            ("taken", "0"),
            ("indebted", "1000000000000000"),
        ],
    ),
    (
        "credits_revocation",
        &[("revoked", "0"), ("taken", "0"), ("indebted", "0")],
    ),
    ("credits_debt", &[("id", "#1")]),
    (
        "credits_debt",
        &[
            ("user_id", "~100"),
            ("amount", "1000000000000000"),
            ("repaid", "1000000000000000"),
            ("forgiven", "0"),
            ("cancelled", "0"),
        ],
    ),
    ("subscription", &[("id", "'s'"), ("due_at", "NULL")]),
    (
        "subscription",
        &[
            ("id", "'never-active'"),
            ("status", "'CANCELED'"),
            ("activated_at", "NULL"),
            ("ended_at", AT),
            ("next_period_start", "NULL"),
            ("due_at", "NULL"),
        ],
    ),
    (
        "subscription",
        &[
            ("id", "'ended'"),
            ("status", "'CANCELED'"),
            ("ended_at", LATER),
            ("paid_through", LATER),
        ],
    ),
    // A period of a disabled plan that has waited since before a cancellation, with the paid time
    // of that moment.
    (
        "subscription",
        &[
            ("id", "'waiting'"),
            ("paid_through", AT),
            ("status_since", AT),
        ],
    ),
    (
        "job_run",
        &[("id", "#1"), ("name", "'grant'"), ("reference_id", "'r'")],
    ),
    (
        "job_run",
        &[
            ("name", "'grant'"),
            ("run_date", "'2026-11-23'"),
            RUNNING,
            ("finished_at", "NULL"),
        ],
    ),
    ("operator_action", &[("id", "#1"), ("actor", "~100")]),
    (
        "operator_action",
        &[
            ("begun_id", "#1"),
            ("status", "'COMPLETED'"),
            ("action", "'topology_claim'"),
            ("subject", "NULL"),
            ("user_id", "NULL"),
        ],
    ),
    (
        "operator_action",
        &[
            ("begun_id", "#2"),
            ("status", "'FAILED'"),
            ("user_id", "~100"),
        ],
    ),
    (
        "http_token",
        &[
            ("id", "#1"),
            ("name", "~100"),
            ("role", "'admin'"),
            ("user_prefixes", "NULL"),
            ("services", "NULL"),
            ("rate", "NULL"),
            ("created_by", "~100"),
            ("expires_at", "NULL"),
            ("revoked_at", "NULL"),
        ],
    ),
    (
        "http_token",
        &[("role", "'bridge'"), ("rate", "1000000"), ("name", "'x'")],
    ),
    (
        "payment_event",
        &[
            ("id", "#1"),
            ("provider", "'creem'"),
            ("event_id", "'evt_1'"),
            ("status", "'RECEIVED'"),
            ("reason", "NULL"),
            ("detail", "NULL"),
            ("waits_for", "NULL"),
            ("user_id", "NULL"),
            ("occurred_at", "NULL"),
            ("body", "~131072"),
        ],
    ),
    (
        "payment_event",
        &[
            ("provider", "'stripe'"),
            ("event_id", "'evt_1'"),
            ("kind", "~50"),
        ],
    ),
    (
        "payment_event",
        &[("status", "'IGNORED'"), ("detail", "~512")],
    ),
    (
        "payment_event",
        &[("status", "'APPLIED'"), ("reason", "NULL")],
    ),
    (
        "payment_link",
        &[
            ("external_id", "'pi_1'"),
            ("user_id", "NULL"),
            ("deposit", "NULL"),
            ("amount", "NULL"),
            ("invoice", "NULL"),
            ("subscription_id", "NULL"),
            ("period_start", "NULL"),
            ("period_end", "NULL"),
            ("created_by", "NULL"),
        ],
    ),
    ("payment_link", &[("kind", "'customer'"), ("amount", "0")]),
    ("payment_link", &[("kind", "'invoice'")]),
    ("payment_link", &[("kind", "'subscription'")]),
    (
        "payment_wait",
        &[("event", "#1"), ("external_id", "'cus_1'")],
    ),
    (
        "payment_wait",
        &[("provider", "'creem'"), ("kind", "'invoice'")],
    ),
    ("payment_wait", &[("kind", "'payment'")]),
    ("payment_wait", &[("kind", "'subscription'")]),
    ("operator_action", &[("action", "'payment_dismiss'")]),
    ("operator_action", &[("action", "'payment_link'")]),
    ("operator_action", &[("action", "'payment_replay'")]),
    ("operator_action", &[("action", "'token_create'")]),
    ("operator_action", &[("action", "'token_revoke'")]),
];
