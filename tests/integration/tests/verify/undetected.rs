//! The columns in which `verify` cannot find every change: the same list as in
//! docs/reference/schema.md, with the affected rows.

/// A column in which a change is not found for some rows.
pub struct Undetected {
    /// The column as `table.column`.
    pub column: &'static str,
    /// The affected rows, as an SQL condition on the original row.
    pub rows: &'static str,
}

const fn undetected(column: &'static str, rows: &'static str) -> Undetected {
    Undetected { column, rows }
}

const ALL: &str = "TRUE";
const MOVES_NOTHING: &str = "amount = 0";
const CALLERS: &str = "type NOT IN ('bonus', 'monthly_grant', 'expiration')";

/// Each entry is used by at least one row of the test's ledger.
pub const UNDETECTED: &[Undetected] = &[
    undetected("credits_balance.id", ALL),
    undetected("credits_balance.version", ALL),
    undetected("credits_balance.updated_at", ALL),
    undetected("credits_balance.next_due_at", ALL),
    undetected("credits_transaction.id", MOVES_NOTHING),
    undetected("credits_transaction.user_id", "status = 'FAILED'"),
    undetected("credits_transaction.reference_id", CALLERS),
    undetected(
        "credits_transaction.service",
        "amount = 0 AND status = 'COMPLETED'",
    ),
    undetected(
        "credits_transaction.quantity",
        "status = 'COMPLETED' AND type = 'consumption'",
    ),
    undetected(
        "credits_transaction.purchase_line",
        "type = 'purchase' AND status = 'COMPLETED'",
    ),
    undetected(
        "credits_transaction.balance_after",
        "error_code IN ('max_balance_reached', 'duplicate_payment')",
    ),
    undetected(
        "credits_transaction.purchase_id",
        "error_code = 'duplicate_payment'",
    ),
    undetected("credits_transaction.related_id", "type = 'monthly_grant'"),
    undetected("credits_transaction.description", ALL),
    undetected("credits_transaction.metadata", ALL),
    undetected("credits_transaction.detail", ALL),
    undetected(
        "credits_transaction.occurred_at",
        "type NOT IN ('purchase', 'bonus', 'promotion', 'registration_bonus', 'monthly_grant') OR \
         amount = 0",
    ),
    undetected("credits_transaction.created_at", MOVES_NOTHING),
    undetected("credits_transaction.sender", CALLERS),
    undetected("subscription.anchor", ALL),
    undetected("subscription.plan", "id LIKE 'free:%'"),
    undetected("subscription.status_since", ALL),
    undetected("subscription.created_at", ALL),
    undetected("subscription.updated_at", ALL),
];
