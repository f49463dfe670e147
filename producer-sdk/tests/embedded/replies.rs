//! Outcomes and answers through a file.

use std::time::Duration;

use producer_sdk::{Command, Error};
use sea_orm::ConnectionTrait;
use tokio::task::JoinSet;

use super::fixture::{File, consume, count, respond, soon};

#[tokio::test]
async fn a_command_gets_its_outcome_and_a_query_its_answer() {
    let file = File::migrated().await;
    let worker = tokio::spawn(respond(file.connect().await));
    let client = file.client().await;
    let outcome = soon("the outcome", client.send(&consume(1)))
        .await
        .expect("an outcome");
    assert_eq!(outcome.reference_id, "req-000001");
    let balance = soon("the balance", client.balance("user_1"))
        .await
        .expect("a balance");
    assert_eq!(
        (balance.user_id.as_str(), balance.available_credits),
        ("user_1", 7)
    );
    let error = client
        .send(&Command::consume("reject-me", "u", "s"))
        .await
        .expect_err("rejected");
    assert_eq!(
        error
            .rejection()
            .and_then(|rejection| rejection.field.as_deref()),
        Some("type")
    );
    client.close().await.expect("closed");
    assert!(
        client
            .send(&consume(2))
            .await
            .expect_err("closed")
            .is_closed()
    );
    worker.abort();
    assert_eq!(
        count(&file.connect().await, "queue_reply").await,
        0,
        "replies that were read are deleted"
    );
}

#[tokio::test]
async fn two_clients_each_get_their_own_outcomes() {
    let file = File::migrated().await;
    let worker = tokio::spawn(respond(file.connect().await));
    let clients = [
        std::sync::Arc::new(file.client().await),
        std::sync::Arc::new(file.client().await),
    ];
    let mut sending = JoinSet::new();
    for number in 0..200 {
        let client = std::sync::Arc::clone(&clients[number % 2]);
        sending.spawn(async move { (number, client.send(&consume(number)).await) });
    }
    for (number, outcome) in soon("all outcomes", sending.join_all()).await {
        assert_eq!(
            outcome.expect("an outcome").reference_id,
            consume(number).reference_id
        );
    }
    worker.abort();
}

#[tokio::test]
async fn without_a_worker_the_deadline_ends_the_wait_and_the_command_stays_in_the_file() {
    let file = File::migrated().await;
    let client = file.client().await;
    let error = client
        .send_within(&consume(1), Duration::from_secs(1))
        .await
        .expect_err("no reply");
    let confirmed = matches!(
        error,
        Error::NoReply {
            confirmed: true,
            ..
        }
    );
    assert!(confirmed && error.is_timeout(), "{error:?}");
    assert_eq!(count(&file.connect().await, "queue_message").await, 1);
}

#[tokio::test]
async fn a_command_that_could_not_be_written_in_time_is_reported_as_unconfirmed() {
    let file = File::migrated().await;
    let client = file.client().await;
    let other = file.connect().await;
    let lock = other.execute_unprepared("BEGIN IMMEDIATE").await;
    lock.expect("locked");
    let error = client
        .send_within(&consume(1), Duration::from_millis(200))
        .await
        .expect_err("no reply");
    let unconfirmed = matches!(
        error,
        Error::NoReply {
            confirmed: false,
            ..
        }
    );
    assert!(unconfirmed && error.is_timeout(), "{error:?}");
}

#[tokio::test]
async fn commands_that_are_sent_together_wait_for_their_confirms_and_then_for_their_outcomes() {
    let file = File::migrated().await;
    let client = file.client().await;
    let other = file.connect().await;
    let lock = other.execute_unprepared("BEGIN IMMEDIATE").await;
    lock.expect("locked");
    let commands = [consume(1), consume(2)];
    // The wait for outcomes ends long before the commands are confirmed.
    let sending = client.send_all(&commands, Duration::from_millis(100));
    let unlocking = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        other.execute_unprepared("COMMIT").await.expect("unlocked");
    };
    let (results, ()) = tokio::join!(sending, unlocking);
    for result in results.expect("sent") {
        let error = result.expect_err("no worker");
        let confirmed = matches!(
            error,
            Error::NoReply {
                confirmed: true,
                ..
            }
        );
        assert!(confirmed, "{error:?}");
    }
    assert_eq!(count(&other, "queue_message").await, 2);
}
