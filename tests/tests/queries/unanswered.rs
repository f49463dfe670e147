//! Queries that are not answered, or not in time.

use std::time::Duration;

use producer_sdk::Error;
use sea_orm::{ConnectionTrait, DatabaseTransaction, TransactionTrait};
use tests::ledger::register;

use crate::stage::{On, Stage, code};

/// How long a client waits that does not wait long.
const IMPATIENT: Duration = Duration::from_millis(200);

async fn give_up(stage: &Stage) {
    let answer = stage.client.balance_within("ada", IMPATIENT).await;
    let error = answer.expect_err("nobody can answer");
    assert!(
        matches!(error, Error::NoReply(after) if after == IMPATIENT) && error.is_timeout(),
        "{error:?}"
    );
}

async fn expect_balance(stage: &Stage) {
    let balance = stage.client.balance("ada").await.expect("a balance");
    assert_eq!(balance.available_credits, 20);
}

pub async fn a_client_gives_up_at_its_own_deadline_and_its_next_question_is_answered(on: On) {
    let mut stage = Stage::without_worker(on, "").await;
    stage.ledger.one(register("r", "ada")).await;
    give_up(&stage).await;
    give_up(&stage).await;
    stage.start().await;
    expect_balance(&stage).await;
    stage.end().await;
}

pub async fn a_ledger_that_cannot_be_read_is_unavailable_until_it_can(on: On) {
    let stage = Stage::new(on, "").await;
    stage.ledger.one(register("r", "ada")).await;
    expect_balance(&stage).await;
    let database = &stage.ledger.database;
    database
        .execute("ALTER TABLE credits_balance RENAME TO credits_elsewhere")
        .await;
    assert_eq!(code(stage.client.balance("ada").await), "unavailable");
    assert_eq!(
        code(stage.client.can_purchase("ada", "lite").await),
        "unavailable"
    );
    let price = stage.client.price("google:chat", 1).await;
    assert_eq!(price.expect("the ledger is not asked").credits, 2);
    database
        .execute("ALTER TABLE credits_elsewhere RENAME TO credits_balance")
        .await;
    expect_balance(&stage).await;
    assert_eq!(stage.dead_letters().await, 0);
    stage.end().await;
}

/// Lets everybody wait who wants to read a balance, until the transaction is rolled back.
async fn block(stage: &Stage) -> DatabaseTransaction {
    let connection = stage.ledger.database.connection();
    let transaction = connection.begin().await.expect("a transaction");
    transaction
        .execute_unprepared("LOCK TABLE credits_balance IN ACCESS EXCLUSIVE MODE")
        .await
        .expect("a lock");
    transaction
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_the_ledger_keeps_waiting_is_unavailable_at_the_workers_deadline() {
    let mut stage = Stage::without_worker(On::Broker, "").await;
    stage.query_deadline = Duration::from_secs(2);
    stage.start().await;
    stage.ledger.one(register("r", "ada")).await;
    let blocked = block(&stage).await;
    let (one, other) = tokio::join!(
        stage.client.balance("ada"),
        stage.client.can_purchase("ada", "lite")
    );
    assert_eq!(code(one), "unavailable");
    assert_eq!(code(other), "unavailable");
    let price = stage.client.price("google:chat", 1).await;
    assert_eq!(price.expect("the ledger is not asked").credits, 2);
    blocked.rollback().await.expect("rolled back");
    expect_balance(&stage).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_gives_up_on_a_ledger_that_keeps_waiting_and_its_next_question_is_answered() {
    let stage = Stage::new(On::Broker, "").await;
    stage.ledger.one(register("r", "ada")).await;
    let blocked = block(&stage).await;
    give_up(&stage).await;
    blocked.rollback().await.expect("rolled back");
    expect_balance(&stage).await;
    stage.end().await;
}
