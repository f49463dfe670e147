//! A valid row as SQL for each table. Tests change single values of it.

use super::values::AT;
use std::sync::atomic::{AtomicU32, Ordering};

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use testkit::db::TestDatabase;

/// Columns and their values as SQL. `#n` stands for the n-th id, `%n` for n bytes, and `~n` for a
/// text of n characters of two bytes.
pub type Values<'a> = &'a [(&'a str, &'a str)];

/// All tables except `ledger_identity`, which already has its only row.
pub const TABLES: &[&str] = &[
    "credits_balance",
    "credits_batch",
    "credits_transaction",
    "credits_allocation",
    "subscription",
    "job_run",
    "delivery_attempt",
    "operator_action",
    "queue_message",
    "queue_lease",
    "queue_reply",
];

/// A valid row of `table`. Unique values are `NEXT` (an id) or `'REF'` (a text).
pub fn good(table: &str) -> Values<'static> {
    match table {
        "credits_balance" => &[
            ("id", "NEXT"),
            ("user_id", "'REF'"),
            ("balance", "10"),
            ("held", "3"),
            ("total_earned", "20"),
            ("total_spent", "10"),
            ("transaction_count", "2"),
            ("status", "'ACTIVE'"),
            ("version", "1"),
            ("created_at", AT),
            ("updated_at", AT),
        ],
        "credits_batch" => &[
            ("id", "NEXT"),
            ("user_id", "'u'"),
            ("amount", "100"),
            ("remaining", "40"),
            ("held", "5"),
            ("issued_at", AT),
            ("expires_at", AT),
            ("status", "'ACTIVE'"),
            ("source_type", "'PURCHASE'"),
            ("grant_period", "'2026-11'"),
            ("paid_micros", "9990000"),
            ("transaction_id", "#1"),
            ("created_at", AT),
            ("updated_at", AT),
        ],
        "credits_transaction" => &[
            ("id", "NEXT"),
            ("user_id", "'u'"),
            ("type", "'consumption'"),
            ("amount", "-5"),
            ("debit_account", "'WALLET:u'"),
            ("credit_account", "'SERVICE:s'"),
            ("origin", "'usage'"),
            ("reference_id", "'REF'"),
            ("fingerprint", "%17"),
            ("status", "'COMPLETED'"),
            ("error_code", "NULL"),
            ("balance_after", "35"),
            ("quantity", "1"),
            ("related_id", "#1"),
            ("period_start", AT),
            ("metadata", "'{}'"),
            ("detail", "'{}'"),
            ("occurred_at", AT),
            ("created_at", AT),
        ],
        "credits_allocation" => &[
            ("transaction_id", "NEXT"),
            ("batch_id", "#1"),
            ("amount", "-5"),
            ("batch_remaining", "35"),
            ("created_at", AT),
        ],
        "subscription" => &[
            ("id", "'REF'"),
            ("user_id", "'u'"),
            ("plan", "'pro'"),
            ("status", "'ACTIVE'"),
            ("anchor", AT),
            ("activated_at", AT),
            ("ended_at", "NULL"),
            ("paid_through", "NULL"),
            ("next_period_start", AT),
            ("due_at", AT),
            ("status_at", AT),
            ("created_at", AT),
            ("updated_at", AT),
            ("status_since", AT),
        ],
        "job_run" => &[
            ("id", "NEXT"),
            ("name", "'REF'"),
            ("run_date", "'2026-11-22'"),
            ("status", "'COMPLETED'"),
            ("reference_id", "'REF'"),
            ("started_at", AT),
            ("finished_at", AT),
            ("lease_until", AT),
            ("owner", "'w'"),
            ("started_by", "'w'"),
            ("result", "'{}'"),
            ("claim", "1"),
        ],
        "queue_message" => &[
            ("queue", "'commands'"),
            ("origin", "'usage'"),
            ("body", "%3"),
            ("not_before", AT),
            ("headers", "'{}'"),
            ("enqueued_at", AT),
        ],
        "delivery_attempt" => &[
            ("queue", "'REF'"),
            ("message", "'m'"),
            ("tries", "1"),
            ("updated_at", AT),
        ],
        "operator_action" => &[
            ("id", "NEXT"),
            ("begun_id", "NULL"),
            ("status", "'BEGUN'"),
            ("actor", "'ops:maria'"),
            ("action", "'dead_drop'"),
            ("subject", "'r'"),
            ("user_id", "'u'"),
            ("detail", "'{}'"),
            ("created_at", AT),
        ],
        "ledger_identity" => &[("singleton", "1"), ("id", "NEXT")],
        "queue_lease" => &[("lane", "'REF'"), ("owner", "'w'"), ("until", AT)],
        "queue_reply" => &[("reply_to", "'r'"), ("body", "%3"), ("created_at", AT)],
        other => panic!("no valid row for {other}"),
    }
}

/// Inserts a valid row with some values replaced.
pub async fn insert(database: &TestDatabase, table: &str, spoilt: Values<'_>) -> Result<(), DbErr> {
    static NEXT: AtomicU32 = AtomicU32::new(1000);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut columns: Vec<&str> = Vec::new();
    let mut values: Vec<String> = Vec::new();
    let good = good(table);
    let added = spoilt
        .iter()
        .filter(|(column, _)| !good.iter().any(|(known, _)| known == column));
    for (column, value) in good.iter().chain(added) {
        let value = spoilt
            .iter()
            .find(|(name, _)| name == column)
            .map_or(*value, |(_, value)| *value);
        columns.push(column);
        values.push(literal(database.backend(), value, next));
    }
    let sql = format!(
        "INSERT INTO {table} ({}) VALUES ({})",
        columns.join(", "),
        values.join(", ")
    );
    database
        .connection()
        .execute_unprepared(&sql)
        .await
        .map(drop)
}

fn literal(backend: DbBackend, value: &str, next: u32) -> String {
    let bytes = |hex: String| match backend {
        DbBackend::Postgres => format!("'\\x{hex}'"),
        _ => format!("x'{hex}'"),
    };
    let id = |n: u32| match backend {
        DbBackend::Postgres => format!("'{n:032x}'"),
        _ => bytes(format!("{n:032x}")),
    };
    match value.split_at(1) {
        ("#", n) => id(n.parse().expect("a number")),
        ("%", n) => bytes("00".repeat(n.parse().expect("a number"))),
        ("~", n) => format!("'{}'", "é".repeat(n.parse().expect("a number"))),
        ("N", "EXT") => id(next),
        _ => value.replace("REF", &format!("ref-{next}")),
    }
}
