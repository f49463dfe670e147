//! Revocations, debts and changes of debt beyond the limits of the allowed values.

use super::rows::Values;
use super::values::*;

const DEBT: Value = ("type", "'debt'");
const REPAYMENT: Value = ("type", "'repayment'");
const FORGIVENESS: Value = ("type", "'forgiveness'");
const REINSTATEMENT: Value = ("type", "'reinstatement'");

/// Rows that must be refused: the table, the differences from the valid row, and the constraint
/// that refuses it.
pub const REFUSED_DEBTS: &[(&str, Values<'static>, &str)] = &[
    (
        "credits_balance",
        &[("debt", "-1")],
        "credits_balance_debt_not_negative",
    ),
    (
        TX,
        &[
            DEBT,
            ZERO,
            OWED_BY_U,
            TO_PAYMENT,
            ("debt_change", "1000000000000001"),
        ],
        "credits_transaction_debt_change_in_range",
    ),
    // The sign of the amount.
    (
        TX,
        &[REINSTATEMENT, TO_PAYMENT],
        "credits_transaction_sign_fits_type",
    ),
    // The sign of the change of debt.
    (
        TX,
        &[
            DEBT,
            ZERO,
            ("debit_account", "'PAYMENT:p'"),
            PAID_BY_U,
            LESS_FIVE,
        ],
        "credits_transaction_debt_change_fits_type",
    ),
    (
        TX,
        &[DEBT, ZERO, NO_DEBIT, NO_CREDIT],
        "credits_transaction_debt_change_fits_type",
    ),
    (
        TX,
        &[REPAYMENT, PAID_BY_U],
        "credits_transaction_debt_change_fits_type",
    ),
    (
        TX,
        &[REPAYMENT, PAID_BY_U, ("debt_change", "-4")],
        "credits_transaction_debt_change_fits_type",
    ),
    (
        TX,
        &[FORGIVENESS, ZERO, NO_DEBIT, NO_CREDIT],
        "credits_transaction_debt_change_fits_type",
    ),
    (
        TX,
        &[FORGIVENESS, FIVE, FORGIVEN, TO_WALLET, LESS_FIVE],
        "credits_transaction_debt_change_fits_type",
    ),
    (
        TX,
        &[REINSTATEMENT, ZERO, OWED_BY_U, TO_PAYMENT, OWES_FIVE],
        "credits_transaction_debt_change_fits_type",
    ),
    (
        TX,
        &[REINSTATEMENT, FIVE, FROM_PAYMENT, TO_WALLET, LESS_FIVE],
        "credits_transaction_debt_change_fits_type",
    ),
    (
        TX,
        &[("debt_change", "-5")],
        "credits_transaction_debt_change_fits_type",
    ),
    (
        TX,
        &[
            FAILED,
            ERROR,
            REINSTATEMENT,
            ZERO,
            FROM_PAYMENT,
            PAID_BY_U,
            LESS_FIVE,
        ],
        "credits_transaction_failed_moves_nothing",
    ),
    (
        TX,
        &[DEBT, ZERO, OWED_BY_U, NO_CREDIT, OWES_FIVE],
        "credits_transaction_accounts_with_amount",
    ),
    (
        TX,
        &[FORGIVENESS, ZERO, NO_DEBIT, PAID_BY_U, LESS_FIVE],
        "credits_transaction_accounts_with_amount",
    ),
    // The debt of another user.
    (
        TX,
        &[
            DEBT,
            ZERO,
            ("debit_account", "'DEBT:v'"),
            TO_PAYMENT,
            OWES_FIVE,
        ],
        "credits_transaction_debt_side_fits_change",
    ),
    (
        TX,
        &[REPAYMENT, ("credit_account", "'DEBT:v'"), LESS_FIVE],
        "credits_transaction_debt_side_fits_change",
    ),
    (
        TX,
        &[
            FORGIVENESS,
            ZERO,
            FORGIVEN,
            ("credit_account", "'DEBT:v'"),
            LESS_FIVE,
        ],
        "credits_transaction_debt_side_fits_change",
    ),
    // The account on the other side.
    (
        TX,
        &[DEBT, ZERO, OWED_BY_U, OWES_FIVE],
        "credits_transaction_other_account_fits_type",
    ),
    (
        TX,
        &[FORGIVENESS, ZERO, FROM_PAYMENT, PAID_BY_U, LESS_FIVE],
        "credits_transaction_other_account_fits_type",
    ),
    (
        TX,
        &[REINSTATEMENT, FIVE, FROM_SERVICE, TO_WALLET],
        "credits_transaction_other_account_fits_type",
    ),
    (
        TX,
        &[REINSTATEMENT, ZERO, FROM_SERVICE, PAID_BY_U, LESS_FIVE],
        "credits_transaction_other_account_fits_type",
    ),
    // A second reinstatement of a revocation.
    (
        TX,
        &[
            REINSTATEMENT,
            FIVE,
            FROM_PAYMENT,
            TO_WALLET,
            ("related_id", "#2"),
        ],
        "credits_transaction_reinstated_key",
    ),
    (
        "credits_revocation",
        &[("transaction_id", "#1")],
        "credits_revocation_pkey",
    ),
    (
        "credits_revocation",
        &[("user_id", "''")],
        "credits_revocation_user_id_length",
    ),
    (
        "credits_revocation",
        &[("user_id", "~101")],
        "credits_revocation_user_id_length",
    ),
    (
        "credits_revocation",
        &[
            ("issued", "0"),
            ("revoked", "0"),
            ("taken", "0"),
            ("indebted", "0"),
        ],
        "credits_revocation_issued_in_range",
    ),
    (
        "credits_revocation",
        &[("issued", "1000000000000001")],
        "credits_revocation_issued_in_range",
    ),
    (
        "credits_revocation",
        &[("revoked", "11")],
        "credits_revocation_within_issued",
    ),
    (
        "credits_revocation",
        &[("fraction", "-1")],
        "credits_revocation_fraction_below_one",
    ),
    (
        "credits_revocation",
        &[("fraction", "1000000")],
        "credits_revocation_fraction_below_one",
    ),
    (
        "credits_revocation",
        &[("revoked", "7")],
        "credits_revocation_parts_within_revoked",
    ),
    (
        "credits_revocation",
        &[("taken", "-1")],
        "credits_revocation_parts_within_revoked",
    ),
    (
        "credits_revocation",
        &[("indebted", "-1")],
        "credits_revocation_parts_within_revoked",
    ),
    ("credits_debt", &[("id", "#1")], "credits_debt_pkey"),
    (
        "credits_debt",
        &[("user_id", "''")],
        "credits_debt_user_id_length",
    ),
    (
        "credits_debt",
        &[("user_id", "~101")],
        "credits_debt_user_id_length",
    ),
    (
        "credits_debt",
        &[
            ("amount", "0"),
            ("repaid", "0"),
            ("forgiven", "0"),
            ("cancelled", "0"),
        ],
        "credits_debt_amount_in_range",
    ),
    (
        "credits_debt",
        &[("amount", "1000000000000001")],
        "credits_debt_amount_in_range",
    ),
    (
        "credits_debt",
        &[("repaid", "-1")],
        "credits_debt_parts_not_negative",
    ),
    (
        "credits_debt",
        &[("forgiven", "-1")],
        "credits_debt_parts_not_negative",
    ),
    (
        "credits_debt",
        &[("cancelled", "-1")],
        "credits_debt_parts_not_negative",
    ),
    (
        "credits_debt",
        &[("repaid", "6")],
        "credits_debt_settled_within_amount",
    ),
];
