//! The long race for holds.

use integration::hold_race::race;
use testkit::{db::TestDatabase, ledger::TestLedger};

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_holds_race_and_all_sums_are_exact() {
    let ledger = TestLedger::on(TestDatabase::postgres().await).await;
    race(ledger, 10_000, 40).await;
}
