//! Redis, which can be done without.

use producer_sdk::{Client, Options};
use tests::faults::{
    bench::{Bench, Verdict},
    stage::{Setup, Stage},
};

/// Killed, and started again with nothing in it.
pub async fn killed_and_emptied(bench: &mut Bench) -> Verdict {
    let times = bench.times(2, 20);
    let mut stage = bench
        .stage(Setup {
            redis: true,
            ..Setup::default()
        })
        .await;
    let worker = stage.worker().await;
    for _ in 0..times {
        stage.moment(300).await;
        stage.servers.redis.kill().await;
        let away = stage.fault();
        stage.recovered(away).await;
        stage.moment(300).await;
        stage.servers.redis.bring_back_empty().await;
        stage.moment(300).await;
    }
    stage.pause_until_applied().await;
    answers_are_the_ledgers(&stage).await;
    stage.finish(vec![worker]).await
}

/// What the worker answers, from Redis or not, is what stands in the ledger.
async fn answers_are_the_ledgers(stage: &Stage<'_>) {
    use sea_orm::{ConnectionTrait, Statement};
    let options = Options {
        namespace: stage.broker().topology().namespace().to_owned(),
        ..Options::default()
    };
    let client = Client::connect(stage.broker().url(), options)
        .await
        .expect("a client");
    let sql = "SELECT user_id, balance FROM credits_balance";
    let statement = Statement::from_string(stage.ledger.get_database_backend(), sql);
    for row in stage.ledger.query_all_raw(statement).await.expect("rows") {
        let user: String = row.try_get_by_index(0).expect("a user");
        let balance: i64 = row.try_get_by_index(1).expect("a balance");
        // What was committed last may be on its way to Redis.
        let looking = async {
            while client.balance(user.as_str()).await.expect("an answer").balance != balance {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let found = tokio::time::timeout(std::time::Duration::from_secs(20), looking).await;
        assert!(
            found.is_ok(),
            "{user} does not have {balance} by what is answered"
        );
    }
    client.close().await.expect("closes");
}
