//! A year of credits, day by day, on a real ledger, and beside it on a model that shares nothing with it.
//!
//! Users sign up, spend, buy, subscribe, pause, pay late and leave; messages come late, twice and in the wrong order; the
//! worker is away for days, and its configuration changes. Every answer, every night's jobs and, in the end, every row
//! must be what the model says. `SCRIP_SEED` plays another year.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "year/broker.rs"]
mod broker;
#[path = "year/embedded.rs"]
mod embedded;
#[path = "year/nightly.rs"]
mod nightly;
#[path = "year/play.rs"]
mod play;
#[path = "year/straight.rs"]
mod straight;

use tests::db::TestDatabase;

/// Users of the long year: some 114,000 messages, five minutes.
const MANY: i64 = 2_000;
/// Users of a short one.
const FEW: i64 = 200;

fn seed() -> u64 {
    let given = std::env::var("SCRIP_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    given.unwrap_or(542_142)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_over_rabbitmq_and_postgresql_ends_as_the_model_says() {
    let stage = broker::Broker::new().await;
    let told = play::play(seed(), MANY, stage).await;
    told.has_seen_everything();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_on_the_embedded_queue_ends_as_the_model_says() {
    let stage = embedded::File::new().await;
    let told = play::play(seed(), MANY, stage).await;
    told.has_seen_everything();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_in_the_store_alone_ends_as_the_model_says() {
    let stage = straight::Store::on(TestDatabase::sqlite().await).await;
    play::play(seed(), FEW, stage).await;
}
