//! The columns in which `verify` cannot find every change: the same list as in
//! docs/reference/schema.md, with the affected rows.

use std::collections::BTreeSet;

use testkit::sources::root;

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
        "credits_transaction.origin",
        "type IN ('refund', 'capture', 'release') OR (type = 'hold' AND status = 'FAILED')",
    ),
    undetected(
        "credits_transaction.error_code",
        "(type IN ('refund', 'revocation', 'reinstatement') AND status = 'FAILED') OR error_code IN \
         ('wallet_frozen', 'debt_outstanding')",
    ),
    undetected(
        "credits_transaction.service",
        "amount = 0 AND status = 'COMPLETED'",
    ),
    undetected(
        "credits_transaction.quantity",
        "status = 'COMPLETED' AND type IN ('consumption', 'hold', 'capture')",
    ),
    undetected(
        "credits_transaction.purchase_line",
        "type = 'purchase' AND status = 'COMPLETED'",
    ),
    undetected(
        "credits_transaction.balance_after",
        "error_code IN ('max_balance_reached', 'duplicate_payment') OR (amount = 0 AND type IN \
         ('revocation', 'debt', 'forgiveness', 'reinstatement'))",
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
    undetected("credits_revocation.fraction", ALL),
    undetected("credits_hold.price_credits", ALL),
    undetected("credits_hold.price_per", ALL),
    undetected(
        "credits_hold.status",
        "status IN ('CAPTURED', 'EXPIRED') AND captured > 0 AND closed_at >= expires_at",
    ),
    undetected("credits_hold.closed_at", "status <> 'OPEN'"),
    undetected("credits_hold.updated_at", ALL),
    undetected("credits_hold_slice.position", ALL),
    undetected(
        "credits_hold_slice.captured",
        "hold_id IN (SELECT id FROM credits_hold WHERE closed_at >= expires_at)",
    ),
    undetected("subscription.anchor", ALL),
    undetected("subscription.plan", "id LIKE 'free:%'"),
    undetected("subscription.status_since", ALL),
    undetected("subscription.created_at", ALL),
    undetected("subscription.updated_at", ALL),
];

/// Conformance: Invariants and verification: `verify` checks every column that the ledger writes;
/// the documentation lists the exceptions
#[test]
fn columns_that_verify_cannot_check_are_documented() {
    let document = std::fs::read_to_string(root().join("docs/reference/schema.md"));
    let document = document.expect("the page of the schema");
    let start = document
        .find("## What `verify` cannot find")
        .expect("a section");
    let section = &document[start..];
    let section = &section[..section.find("\n## ").expect("an end")];
    for entry in UNDETECTED {
        let row = format!("`{}`", entry.column);
        assert!(section.contains(&row), "{row} is not documented");
    }
    let listed: BTreeSet<_> = UNDETECTED.iter().map(|entry| entry.column).collect();
    for line in section.lines().filter(|line| line.starts_with("| `")) {
        let names = line
            .split('|')
            .nth(1)
            .expect("a cell")
            .split('`')
            .skip(1)
            .step_by(2);
        for name in names {
            assert!(
                listed.contains(name),
                "{name} is documented and not in the list"
            );
        }
    }
}
