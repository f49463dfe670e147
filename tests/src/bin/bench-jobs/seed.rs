//! Fills the ledger, a statement for each kind of rows.

use std::time::Instant;

use chrono::{SecondsFormat, Utc};
use sea_orm::ConnectionTrait;
use tests::db::TestDatabase;

use crate::{scale::Scale, sql};

/// Whose history is long.
pub const HISTORIAN: &str = "historian";

/// Rows that were made.
#[derive(Debug)]
pub struct Seeded {
    pub what: &'static str,
    pub seconds: f64,
}

/// Fills the ledger so that the book balances.
pub async fn seed(database: &TestDatabase, scale: &Scale) -> Vec<Seeded> {
    let now = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
    let mut seeded = Vec::new();
    for (what, text) in [
        ("wallets", sql::WALLETS),
        ("subscriptions", sql::SUBSCRIPTIONS),
        ("batches", sql::BATCHES),
        ("a long history", sql::HISTORY),
        // What autovacuum would have done meanwhile.
        ("statistics", "VACUUM (ANALYZE)"),
    ] {
        eprintln!("making {what}");
        let started = Instant::now();
        database.execute(&filled(text, scale, &now)).await;
        seeded.push(Seeded {
            what,
            seconds: started.elapsed().as_secs_f64(),
        });
    }
    // So that writing this to disk is not measured. Not everybody may; then it is.
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
