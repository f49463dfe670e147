//! The wrong values for each column of the ledger.

use sea_orm::DbBackend;

/// The values that a column is changed to, as SQL.
pub fn corruptions(table: &str, column: &str, kind: &str, backend: DbBackend) -> Vec<String> {
    let sqlite = backend == DbBackend::Sqlite;
    let among = |values: &[&str]| {
        let each = values.iter().map(|value| format!("'{value}'"));
        each.collect::<Vec<_>>()
    };
    match (table, column) {
        ("credits_balance", "status") => return among(&["ACTIVE", "FROZEN"]),
        ("credits_batch", "status") => return among(&["ACTIVE", "CONSUMED", "EXPIRED", "REVOKED"]),
        ("credits_hold", "status") => {
            return among(&["OPEN", "CAPTURED", "RELEASED", "EXPIRED"]);
        }
        ("credits_batch", "source_type") => return among(&["PURCHASE", "SUBSCRIPTION", "BONUS"]),
        ("credits_batch", "grant_period") => {
            return vec!["'2020-01'".to_owned(), "NULL".to_owned()];
        }
        ("credits_transaction", "status") => return among(&["COMPLETED", "FAILED"]),
        ("credits_hold" | "credits_transaction", "origin") => {
            return among(&["usage", "funding", "internal"]);
        }
        ("credits_transaction", "error_code") => {
            let mut codes = among(&[
                "wallet_not_found",
                "wallet_frozen",
                "already_granted",
                "insufficient_credits",
                "hold_not_found",
                "hold_closed",
                "max_balance_reached",
                "original_not_found",
                "refund_exceeds_consumption",
                "debt_outstanding",
                "amount_paid_unknown",
                "revoke_exceeds_credits",
                "already_reinstated",
                "forgive_exceeds_debt",
            ]);
            codes.push("NULL".to_owned());
            return codes;
        }
        ("credits_transaction", "type") => {
            return among(&[
                "purchase",
                "consumption",
                "bonus",
                "monthly_grant",
                "registration_bonus",
                "promotion",
                "expiration",
                "refund",
                "revocation",
                "debt",
                "repayment",
                "forgiveness",
                "reinstatement",
                "hold",
                "capture",
                "release",
                "freeze",
                "unfreeze",
                "subscription",
            ]);
        }
        ("subscription", "status") => {
            return among(&[
                "ACTIVE", "TRIALING", "PAST_DUE", "PAUSED", "CANCELED", "EXPIRED",
            ]);
        }
        _ => {}
    }
    let changed = match kind {
        "bigint" | "integer" => vec![
            format!("coalesce({column}, 0) + 1"),
            format!("{column} - 1"),
        ],
        "text" => vec![format!("coalesce({column}, '') || 'x'")],
        "uuid" if sqlite => vec!["randomblob(16)".to_owned()],
        "uuid" => vec!["gen_random_uuid()".to_owned()],
        "bytea" if sqlite => vec!["zeroblob(17)".to_owned()],
        "bytea" => vec!["decode(repeat('00', 17), 'hex')".to_owned()],
        "json" => vec![r#"'{"corrupted": true}'"#.to_owned()],
        "timestamp with time zone" if sqlite => vec![
            format!("strftime('%Y-%m-%dT%H:%M:%S', {column}, '+1 day') || substr({column}, 20)"),
            format!("strftime('%Y-%m-%dT%H:%M:%S', {column}, '-31 days') || substr({column}, 20)"),
            format!("coalesce({column}, '2026-11-22T10:00:00.000000+00:00')"),
        ],
        "timestamp with time zone" => vec![
            format!("{column} + interval '1 day'"),
            format!("{column} - interval '31 days'"),
            format!("coalesce({column}, '2026-11-22T10:00:00+00:00')"),
        ],
        other => panic!("{table}.{column} is a {other}"),
    };
    changed.into_iter().chain(["NULL".to_owned()]).collect()
}
