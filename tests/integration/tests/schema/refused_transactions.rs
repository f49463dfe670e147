//! Transactions beyond the limits of the allowed values.

use super::rows::Values;
use super::values::*;

/// Transactions that must be refused: the table, the differences from the valid row, and the
/// constraint that refuses it.
pub const REFUSED_TRANSACTIONS: &[(&str, Values<'static>, &str)] = &[
    (TX, &[("id", "#1")], "credits_transaction_pkey"),
    (
        TX,
        &[("reference_id", "'r'")],
        "credits_transaction_reference_key",
    ),
    (
        TX,
        &[("user_id", "''"), ("debit_account", "'WALLET:'")],
        "credits_transaction_user_id_length",
    ),
    (
        TX,
        &[("reference_id", "''")],
        "credits_transaction_reference_id_length",
    ),
    (
        TX,
        &[("reference_id", "~101")],
        "credits_transaction_reference_id_length",
    ),
    (
        TX,
        &[("reference_id", "~128"), ("origin", "'internal'")],
        "credits_transaction_reference_id_length",
    ),
    (TX, &[("sender", "''")], "credits_transaction_sender_length"),
    (
        TX,
        &[("sender", "~128")],
        "credits_transaction_sender_length",
    ),
    (
        TX,
        &[("origin", "'USAGE'")],
        "credits_transaction_origin_known",
    ),
    (
        TX,
        &[("fingerprint", "%16")],
        "credits_transaction_fingerprint_length",
    ),
    (
        TX,
        &[("fingerprint", "NULL")],
        "credits_transaction_fingerprint_present",
    ),
    (
        TX,
        &[("status", "'PENDING'")],
        "credits_transaction_status_known",
    ),
    (
        TX,
        &[("type", "'gift'"), ZERO, NO_DEBIT, NO_CREDIT],
        "credits_transaction_type_known",
    ),
    (
        TX,
        &[("amount", "-1000000000000001")],
        "credits_transaction_amount_in_range",
    ),
    (
        TX,
        &[FIVE, FROM_SERVICE, TO_WALLET],
        "credits_transaction_sign_fits_type",
    ),
    (
        TX,
        &[
            ("type", "'expiration'"),
            FIVE,
            ("debit_account", "'SYSTEM:expiration'"),
            TO_WALLET,
        ],
        "credits_transaction_sign_fits_type",
    ),
    (
        TX,
        &[("type", "'revocation'"), FIVE, FROM_PAYMENT, TO_WALLET],
        "credits_transaction_sign_fits_type",
    ),
    (
        TX,
        &[("type", "'purchase'"), ("credit_account", "'PAYMENT:p'")],
        "credits_transaction_sign_fits_type",
    ),
    (
        TX,
        &[("type", "'refund'")],
        "credits_transaction_sign_fits_type",
    ),
    (
        TX,
        &[FAILED, ERROR],
        "credits_transaction_failed_moves_nothing",
    ),
    (
        TX,
        &[FAILED, ZERO, NO_DEBIT, NO_CREDIT],
        "credits_transaction_failed_moves_nothing",
    ),
    (TX, &[ERROR], "credits_transaction_completed_has_no_error"),
    (
        TX,
        &[("balance_after", "NULL")],
        "credits_transaction_completed_has_balance",
    ),
    (
        TX,
        &[("balance_after", "-1")],
        "credits_transaction_balance_after_not_negative",
    ),
    (TX, &[NO_CREDIT], "credits_transaction_accounts_with_amount"),
    (TX, &[ZERO], "credits_transaction_accounts_with_amount"),
    (
        TX,
        &[ZERO, NO_CREDIT],
        "credits_transaction_accounts_with_amount",
    ),
    (
        TX,
        &[("debit_account", "'WALLET:v'")],
        "credits_transaction_wallet_side_fits_sign",
    ),
    (
        TX,
        &[
            ("type", "'purchase'"),
            FIVE,
            FROM_PAYMENT,
            ("credit_account", "'WALLET:v'"),
        ],
        "credits_transaction_wallet_side_fits_sign",
    ),
    (
        TX,
        &[("credit_account", "'service:s'")],
        "credits_transaction_other_account_fits_type",
    ),
    (
        TX,
        &[("credit_account", "'SYSTEM:expiration'")],
        "credits_transaction_other_account_fits_type",
    ),
    (
        TX,
        &[("type", "'expiration'")],
        "credits_transaction_other_account_fits_type",
    ),
    (
        TX,
        &[("type", "'revocation'"), ("credit_account", "'WALLET:v'")],
        "credits_transaction_other_account_fits_type",
    ),
    (
        TX,
        &[("type", "'refund'"), FIVE, FROM_PAYMENT, TO_WALLET],
        "credits_transaction_other_account_fits_type",
    ),
    (
        TX,
        &[("type", "'purchase'"), FIVE, FROM_SERVICE, TO_WALLET],
        "credits_transaction_other_account_fits_type",
    ),
    (
        TX,
        &[("type", "'bonus'"), FIVE, FROM_PAYMENT, TO_WALLET],
        "credits_transaction_other_account_fits_type",
    ),
    (
        TX,
        &[MONTHLY, FIVE, FROM_PAYMENT, TO_WALLET],
        "credits_transaction_other_account_fits_type",
    ),
    (
        TX,
        &[("type", "'promotion'"), FIVE, FROM_PAYMENT, TO_WALLET],
        "credits_transaction_other_account_fits_type",
    ),
    (
        TX,
        &[REGISTRATION, FIVE, FROM_PAYMENT, TO_WALLET],
        "credits_transaction_other_account_fits_type",
    ),
    (
        TX,
        &[("quantity", "0")],
        "credits_transaction_quantity_positive",
    ),
    (
        TX,
        &[
            REGISTRATION,
            FIVE,
            ("debit_account", "'SYSTEM:registration-bonus'"),
            TO_WALLET,
        ],
        "credits_transaction_registration_key",
    ),
    (
        TX,
        &[("subscription_id", "'s'")],
        "credits_transaction_period_key",
    ),
    (
        TX,
        &[PURCHASE, FIVE, FROM_PAYMENT, TO_WALLET, PAYMENT],
        "credits_transaction_payment_key",
    ),
    (
        TX,
        &[PURCHASE, FIVE, FROM_PAYMENT, TO_WALLET, PAYMENT, LINE],
        "credits_transaction_payment_key",
    ),
];
