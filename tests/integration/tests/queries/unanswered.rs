//! Queries without a reply, or without a reply in time.

use std::time::Duration;

use producer_sdk::Error;
use sea_orm::{ConnectionTrait, DatabaseTransaction, TransactionTrait};
use testkit::ledger::register;

use super::fixture::{Fixture, On, code};

/// The timeout of a client that does not wait long.
const SHORT_TIMEOUT: Duration = Duration::from_millis(200);

async fn give_up(fixture: &Fixture) {
    let answer = fixture.client.balance_within("ada", SHORT_TIMEOUT).await;
    let error = answer.expect_err("no worker can reply");
    assert!(
        matches!(error, Error::NoReply { after, .. } if after == SHORT_TIMEOUT)
            && error.is_timeout(),
        "{error:?}"
    );
}

async fn expect_balance(fixture: &Fixture) {
    let balance = fixture.client.balance("ada").await.expect("a balance");
    assert_eq!(balance.available_credits, 20);
}

pub async fn a_client_stops_waiting_at_its_deadline_and_its_next_query_is_answered(on: On) {
    let mut fixture = Fixture::without_worker(on, "").await;
    fixture.ledger.one(register("r", "ada")).await;
    give_up(&fixture).await;
    give_up(&fixture).await;
    fixture.start().await;
    expect_balance(&fixture).await;
    fixture.end().await;
}

pub async fn an_unreadable_ledger_is_unavailable_until_it_can_be_read(on: On) {
    let fixture = Fixture::new(on, "").await;
    fixture.ledger.one(register("r", "ada")).await;
    expect_balance(&fixture).await;
    let database = &fixture.ledger.database;
    database
        .execute("ALTER TABLE credits_balance RENAME TO credits_elsewhere")
        .await;
    assert_eq!(code(fixture.client.balance("ada").await), "unavailable");
    assert_eq!(
        code(fixture.client.can_purchase("ada", "lite").await),
        "unavailable"
    );
    let price = fixture.client.price("google:chat", 1).await;
    assert_eq!(
        price
            .expect("a price, which does not need the ledger")
            .credits,
        2
    );
    database
        .execute("ALTER TABLE credits_elsewhere RENAME TO credits_balance")
        .await;
    expect_balance(&fixture).await;
    assert_eq!(fixture.dead_letters().await, 0);
    fixture.end().await;
}

/// Blocks every read of a balance until the transaction is rolled back.
async fn block(fixture: &Fixture) -> DatabaseTransaction {
    let connection = fixture.ledger.database.connection();
    let transaction = connection.begin().await.expect("a transaction");
    transaction
        .execute_unprepared("LOCK TABLE credits_balance IN ACCESS EXCLUSIVE MODE")
        .await
        .expect("a lock");
    transaction
}

/// Conformance: Queries and Redis: Each query has a deadline, and a client that times out remains
/// usable
#[tokio::test(flavor = "multi_thread")]
async fn a_query_on_a_blocked_ledger_is_unavailable_at_the_workers_deadline() {
    let mut fixture = Fixture::without_worker(On::Broker, "").await;
    fixture.query_deadline = Duration::from_secs(2);
    fixture.start().await;
    fixture.ledger.one(register("r", "ada")).await;
    let blocked = block(&fixture).await;
    let (one, other) = tokio::join!(
        fixture.client.balance("ada"),
        fixture.client.can_purchase("ada", "lite")
    );
    assert_eq!(code(one), "unavailable");
    assert_eq!(code(other), "unavailable");
    let price = fixture.client.price("google:chat", 1).await;
    assert_eq!(
        price
            .expect("a price, which does not need the ledger")
            .credits,
        2
    );
    blocked.rollback().await.expect("rolled back");
    expect_balance(&fixture).await;
    fixture.end().await;
}

/// Conformance: Queries and Redis: Each query has a deadline, and a client that times out remains
/// usable
#[tokio::test(flavor = "multi_thread")]
async fn a_client_stops_waiting_for_a_blocked_ledger_and_its_next_query_is_answered() {
    let fixture = Fixture::new(On::Broker, "").await;
    fixture.ledger.one(register("r", "ada")).await;
    let blocked = block(&fixture).await;
    give_up(&fixture).await;
    blocked.rollback().await.expect("rolled back");
    expect_balance(&fixture).await;
    fixture.end().await;
}
