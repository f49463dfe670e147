//! Fills the ledger with one statement for each kind of row.

use std::time::Instant;

use chrono::{SecondsFormat, Utc};
use sea_orm::ConnectionTrait;
use testkit::db::TestDatabase;

use crate::{scale::Scale, sql};

/// The user with the long history.
pub const HISTORIAN: &str = "historian";

/// The duration of one statement.
#[derive(Debug)]
pub struct Seeded {
    pub table: &'static str,
    pub seconds: f64,
}

/// Fills the ledger so that every invariant holds.
pub async fn seed(database: &TestDatabase, scale: &Scale) -> Vec<Seeded> {
    let now = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
    let mut seeded = Vec::new();
    for (table, text) in [
        ("wallets", sql::WALLETS),
        ("subscriptions", sql::SUBSCRIPTIONS),
        ("batches", sql::BATCHES),
        ("a long history", sql::HISTORY),
        // The work that autovacuum would have done in the meantime.
        ("statistics", "VACUUM (ANALYZE)"),
    ] {
        eprintln!("seeding {table}");
        let started = Instant::now();
        database.execute(&filled(text, scale, &now)).await;
        seeded.push(Seeded {
            table,
            seconds: started.elapsed().as_secs_f64(),
        });
    }
    // The checkpoint keeps these writes out of the measurement. Without the privilege for it the
    // measurement includes them.
    let _ = database.connection().execute_unprepared("CHECKPOINT").await;
    seeded
}

fn filled(text: &str, scale: &Scale, now: &str) -> String {
    let numbers = [
        ("{users}", scale.subscriptions),
        ("{due}", scale.due),
        ("{batches}", scale.batches),
        ("{lapsed}", scale.lapsed),
        ("{history}", scale.history),
    ];
    let text = text.replace("{now}", now).replace("{historian}", HISTORIAN);
    numbers.into_iter().fold(text, |text, (token, number)| {
        text.replace(token, &number.to_string())
    })
}
