//! A valid row as SQL for each table. Tests change single values of it.

use super::values::{AT, LATER};
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
    "credits_hold",
    "credits_hold_slice",
    "credits_refund",
    "credits_revocation",
    "credits_debt",
    "subscription",
    "job_run",
    "delivery_attempt",
    "http_token",
    "payment_event",
    "payment_link",
    "payment_wait",
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
        "credits_hold" => &[
            ("id", "NEXT"),
            ("user_id", "'u'"),
            ("origin", "'usage'"),
            ("reference_id", "'REF'"),
            ("service", "'s'"),
            ("price_credits", "2"),
            ("price_per", "1"),
            ("amount", "10"),
            ("captured", "4"),
            ("status", "'EXPIRED'"),
            ("expires_at", AT),
            ("closed_at", AT),
            ("created_at", AT),
            ("updated_at", AT),
        ],
        "credits_hold_slice" => &[
            ("hold_id", "NEXT"),
            ("position", "0"),
            ("batch_id", "#1"),
            ("amount", "10"),
            ("captured", "4"),
        ],
        "credits_refund" => &[
            ("transaction_id", "NEXT"),
            ("user_id", "'u'"),
            ("taken", "5"),
            ("refunded", "3"),
            ("created_at", AT),
            ("updated_at", AT),
        ],
        "credits_revocation" => &[
            ("transaction_id", "NEXT"),
            ("user_id", "'u'"),
            ("issued", "10"),
            ("revoked", "9"),
            ("fraction", "999999"),
            ("taken", "5"),
            ("indebted", "3"),
            ("created_at", AT),
            ("updated_at", AT),
        ],
        "credits_debt" => &[
            ("id", "NEXT"),
            ("user_id", "'u'"),
            ("revocation_id", "#1"),
            ("deposit_id", "#2"),
            ("amount", "10"),
            ("repaid", "4"),
            ("forgiven", "3"),
            ("cancelled", "2"),
            ("created_at", AT),
            ("updated_at", AT),
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
        "payment_event" => &[
            ("id", "NEXT"),
            ("provider", "'stripe'"),
            ("event_id", "'REF'"),
            ("kind", "'invoice.paid'"),
            ("status", "'UNMAPPED'"),
            ("reason", "'no_user'"),
            ("detail", "'the event names no user'"),
            ("waits_for", "'customer:cus_1'"),
            ("user_id", "'ada'"),
            ("reference_ids", "'[]'"),
            ("body", "'{}'"),
            ("occurred_at", AT),
            ("received_at", AT),
            ("updated_at", AT),
        ],
        "payment_link" => &[
            ("provider", "'stripe'"),
            ("kind", "'payment'"),
            ("external_id", "'REF'"),
            ("user_id", "'ada'"),
            ("deposit", "'stripe:pi_1'"),
            ("amount", "1000"),
            ("invoice", "'in_1'"),
            ("subscription_id", "'sub_1'"),
            ("period_start", AT),
            ("period_end", LATER),
            ("created_by", "'ops:maria'"),
            ("updated_at", AT),
        ],
        "payment_wait" => &[
            ("event", "NEXT"),
            ("provider", "'stripe'"),
            ("kind", "'customer'"),
            ("external_id", "'REF'"),
        ],
        "http_token" => &[
            ("id", "NEXT"),
            ("name", "'shop'"),
            ("role", "'app'"),
            ("secret_hash", "%32"),
            ("user_prefixes", "'[\"a:\"]'"),
            ("services", "'[]'"),
            ("rate", "5"),
            ("created_by", "'ops:maria'"),
            ("created_at", AT),
            ("expires_at", AT),
            ("revoked_at", AT),
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
