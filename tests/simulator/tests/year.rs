//! A year of credits, day by day, on a real ledger and on a model that shares no code with it.
//!
//! Users register, spend, purchase, subscribe, pause, pay late and leave. Messages come late, twice
//! and in the wrong order. The worker is stopped for days, and its configuration changes. Every
//! outcome, the counts of every job and, at the end, every row must be equal to the model's.
//! `SCRIP_SEED` selects another year.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "year/broker.rs"]
mod broker;
#[path = "year/direct.rs"]
mod direct;
#[path = "year/embedded.rs"]
mod embedded;
#[path = "year/nightly.rs"]
mod nightly;
#[path = "year/play.rs"]
mod play;

use testkit::db::TestDatabase;

/// The number of users in a long year, which has about 114,000 messages and takes five minutes.
const MANY: i64 = 2_000;
/// The number of users in a short year.
const FEW: i64 = 200;

fn seed() -> u64 {
    let given = std::env::var("SCRIP_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    given.unwrap_or(542_142)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_over_rabbitmq_and_postgresql_matches_the_model() {
    let fixture = broker::Broker::new().await;
    let coverage = play::play(seed(), MANY, fixture).await;
    coverage.assert_complete();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_on_the_embedded_queue_matches_the_model() {
    let fixture = embedded::File::new().await;
    let coverage = play::play(seed(), MANY, fixture).await;
    coverage.assert_complete();
}

/// Conformance: Monthly grants: A new subscription starts its own series of periods
#[tokio::test(flavor = "multi_thread")]
async fn a_year_in_the_store_alone_matches_the_model() {
    let fixture = direct::Store::on(TestDatabase::sqlite().await).await;
    play::play(seed(), FEW, fixture).await;
}
