//! A database that is away or cannot write: nothing is acknowledged, and the order is kept.

use std::time::{Duration, Instant};

use super::{
    commit_errors::with_short_delay,
    fixture::{FUNDS, Fixture, drain, expect_in_order, in_time, send_spends},
};

/// Conformance: Idempotency: Transient errors are never recorded as outcomes
/// Conformance: Ordering, failures and dead letters: An outage causes no dead letters and does not
/// change the order of commands
#[tokio::test]
async fn during_a_database_outage_no_command_is_acknowledged_and_the_order_is_kept() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let mut replies = fixture.broker.replies().await;
    let mut options = fixture.options("w");
    options.retry_limit = Duration::from_millis(200);
    let worker = fixture.worker_with(options).await;
    send_spends(&fixture, &replies, "u", 0..5).await;
    expect_in_order(&mut replies, "u", 5).await;

    fixture.close_database().await;
    send_spends(&fixture, &replies, "u", 5..50).await;
    in_time("the lane to retry", async {
        while worker.stats()[&fixture.commands_queue()].retries < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    fixture.open_database().await;
    let mut outcomes = Vec::new();
    for _ in 5..50 {
        let outcome = replies.outcome().await;
        outcomes.push((outcome.reference_id, outcome.balance.unwrap()));
    }
    let expected: Vec<_> = (5..50_i64)
        .map(|n| (format!("u-{n}"), FUNDS - 1 - n))
        .collect();
    assert_eq!(outcomes, expected);
    drain(worker).await;
}

/// Conformance: Ordering, failures and dead letters: An outage causes no dead letters and does not
/// change the order of commands
#[tokio::test]
async fn a_lane_without_a_database_returns_its_deliveries_until_the_database_responds() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let mut replies = fixture.broker.replies().await;
    let mut options = fixture.options("w");
    options.retry_limit = Duration::from_millis(100);
    options.requeue_after = Duration::from_millis(300);
    let worker = fixture.worker_with(options).await;
    fixture.close_database().await;
    send_spends(&fixture, &replies, "u", 0..20).await;
    // All messages are ready, because the channel is closed.
    in_time("the lane to try", async {
        while worker.stats()[&fixture.commands_queue()].retries == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    fixture
        .broker
        .wait_for_ready(&fixture.commands_queue(), 20)
        .await;
    fixture.open_database().await;
    expect_in_order(&mut replies, "u", 20).await;
    assert!(worker.stats()[&fixture.commands_queue()].subscriptions >= 2);
    drain(worker).await;
}

#[tokio::test]
async fn a_worker_that_starts_without_a_database_does_not_consume_until_it_responds() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let mut replies = fixture.broker.replies().await;
    send_spends(&fixture, &replies, "u", 0..20).await;
    let store = fixture.store().await;
    fixture.close_database().await;
    for n in 0..3 {
        let worker = Fixture::start(store.clone(), fixture.options(&format!("impatient-{n}")));
        in_time("the lane to begin", async {
            while worker.stats().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        drain(worker).await;
    }
    fixture.open_database().await;
    let worker = fixture.worker("w").await;
    expect_in_order(&mut replies, "u", 20).await;
    // If they had been delivered three times before, each would have been a separate group.
    let stats = worker.stats()[&fixture.commands_queue()];
    assert!(stats.groups < 20, "{} groups", stats.groups);
    drain(worker).await;
}

/// From now on the database reads but cannot write, as with a full disk. The sequence `tries`
/// counts the attempts to write.
async fn fill_disk(fixture: &Fixture) {
    fixture
        .ledger
        .database
        .execute(
            "CREATE SEQUENCE tries;
             CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
               PERFORM nextval('tries');
               RAISE EXCEPTION USING ERRCODE = '53100', MESSAGE = 'no space left on device';
             END $$;
             CREATE TRIGGER full_disk BEFORE INSERT ON credits_transaction
             FOR EACH STATEMENT EXECUTE FUNCTION full_disk()",
        )
        .await;
}

async fn empty_disk(fixture: &Fixture) {
    fixture
        .ledger
        .database
        .execute("DROP TRIGGER full_disk ON credits_transaction")
        .await;
}

/// Waits until there were `tries` attempts to write.
async fn wait_for_tries(fixture: &Fixture, tries: i64) {
    in_time("attempts to write", async {
        while fixture.count("SELECT last_value AS n FROM tries").await < tries {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Conformance: Ordering, failures and dead letters: An outage causes no dead letters and does not
/// change the order of commands
#[tokio::test]
async fn while_the_database_cannot_write_deliveries_are_returned_only_once() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let mut replies = fixture.broker.replies().await;
    let mut options = fixture.options("w");
    options.retry_limit = Duration::from_millis(50);
    options.requeue_after = Duration::from_millis(200);
    let worker = fixture.worker_with(options).await;
    fill_disk(&fixture).await;
    send_spends(&fixture, &replies, "u", 0..20).await;
    fixture
        .broker
        .wait_for_ready(&fixture.commands_queue(), 20)
        .await;
    let so_far = fixture.count("SELECT last_value AS n FROM tries").await;
    // Enough attempts for ten returns. If each attempt cost a delivery, the messages would come
    // closer to the broker's limit.
    wait_for_tries(&fixture, so_far + 40).await;
    assert_eq!(worker.stats()[&fixture.commands_queue()].subscriptions, 1);
    empty_disk(&fixture).await;
    expect_in_order(&mut replies, "u", 20).await;
    let stats = worker.stats()[&fixture.commands_queue()];
    assert_eq!((stats.subscriptions, stats.delayed, stats.dead), (2, 0, 0));
    drain(worker).await;
}

#[tokio::test]
async fn while_the_database_refuses_all_deliveries_are_returned_less_and_less_often() {
    let fixture = Fixture::on(with_short_delay().await).await;
    let users = ["u", "v", "w", "x"];
    for user in users {
        fixture.fund(user).await;
    }
    let replies = fixture.broker.replies().await;
    let mut options = fixture.options("w");
    options.retry_limit = Duration::from_millis(10);
    // Refused deliveries are held for 20 times this limit, which is 200 ms.
    options.requeue_after = Duration::from_millis(10);
    let constraint =
        "ALTER TABLE credits_transaction ADD CONSTRAINT nothing CHECK (false) NOT VALID";
    fixture.ledger.database.execute(constraint).await;
    for user in users {
        send_spends(&fixture, &replies, user, 0..5).await;
    }
    let began = Instant::now();
    let worker = fixture.worker_with(options).await;
    in_time("five subscriptions", async {
        while worker.stats()[&fixture.commands_queue()].subscriptions < 5 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    // The lane holds its deliveries four times, and pauses for 0, 1, 2 and 4 times as long in
    // between: 11 times 200 ms.
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(2_200), "{took:?}");
    let stats = worker.stats()[&fixture.commands_queue()];
    // Before three refusals in a row a single command may be poison, so some are delayed.
    assert!(stats.delayed <= 2, "{stats:?}");
    assert_eq!((stats.dead, stats.completed), (0, 0));
    let constraint = "ALTER TABLE credits_transaction DROP CONSTRAINT nothing";
    fixture.ledger.database.execute(constraint).await;
    in_time("all commands to be applied", async {
        while worker.stats()[&fixture.commands_queue()].completed < 20 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(worker.stats()[&fixture.commands_queue()].dead, 0);
    drain(worker).await;
}

#[tokio::test]
async fn a_single_message_is_not_poison_if_the_database_cannot_write() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let mut replies = fixture.broker.replies().await;
    send_spends(&fixture, &replies, "u", 0..20).await;
    // After this number of earlier deliveries each message is processed alone.
    for _ in 0..7 {
        let mut inbox = fixture.broker.inbox(&fixture.commands_queue()).await;
        inbox.peek().await;
        inbox.close().await;
        fixture
            .broker
            .wait_for_ready(&fixture.commands_queue(), 20)
            .await;
    }
    fill_disk(&fixture).await;
    for round in 0..5 {
        let tries = fixture.count("SELECT last_value AS n FROM tries").await;
        let worker = fixture.worker(&format!("w-{round}")).await;
        wait_for_tries(&fixture, tries + 1).await;
        drain(worker).await;
    }
    empty_disk(&fixture).await;
    let worker = fixture.worker("w").await;
    expect_in_order(&mut replies, "u", 20).await;
    let stats = worker.stats()[&fixture.commands_queue()];
    assert_eq!((stats.delayed, stats.dead), (0, 0));
    drain(worker).await;
}
