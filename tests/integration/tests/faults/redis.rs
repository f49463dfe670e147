//! Redis, which the worker can run without.

use integration::faults::{
    bench::{Bench, Verdict},
    fixture::{Fixture, Setup},
};
use producer_sdk::{Client, Options};

/// Redis is killed and started again without its data.
pub async fn killed_and_emptied(bench: &mut Bench) -> Verdict {
    let times = bench.times(2, 20);
    let mut fixture = bench
        .fixture(Setup {
            redis: true,
            ..Setup::default()
        })
        .await;
    let worker = fixture.worker().await;
    for _ in 0..times {
        fixture.moment(300).await;
        fixture.servers.redis.kill().await;
        let away = fixture.fault();
        fixture.recovered(away).await;
        fixture.moment(300).await;
        fixture.servers.redis.bring_back_empty().await;
        fixture.moment(300).await;
    }
    fixture.pause_until_applied().await;
    answers_are_the_ledgers(&fixture).await;
    fixture.finish(vec![worker]).await
}

/// Panics unless the worker's replies, from Redis or not, are equal to the ledger.
async fn answers_are_the_ledgers(fixture: &Fixture<'_>) {
    use sea_orm::{ConnectionTrait, Statement};
    let options = Options {
        namespace: fixture.broker().topology().namespace().to_owned(),
        ..Options::default()
    };
    let client = Client::connect(fixture.broker().url(), options)
        .await
        .expect("a client");
    let sql = "SELECT user_id, balance FROM credits_balance";
    let statement = Statement::from_string(fixture.ledger.get_database_backend(), sql);
    for row in fixture.ledger.query_all_raw(statement).await.expect("rows") {
        let user: String = row.try_get_by_index(0).expect("a user");
        let balance: i64 = row.try_get_by_index(1).expect("a balance");
        // The last commits may still be on their way to Redis.
        let polling = async {
            while client
                .balance(user.as_str())
                .await
                .expect("an answer")
                .balance
                != balance
            {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let matched = tokio::time::timeout(std::time::Duration::from_secs(20), polling).await;
        assert!(
            matched.is_ok(),
            "the worker does not reply with a balance of {balance} for {user}"
        );
    }
    client.close().await.expect("closes");
}
