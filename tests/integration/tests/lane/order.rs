//! The order of commands from one group to the next, over a drain, and from one worker to another.

use producer_sdk::contract::Outcome;

use testkit::{broker::broker_url, process::Deployment};

use super::fixture::{FUNDS, Fixture, drain, expect_in_order, in_time, send_spends};

const COUNT: usize = 3000;

/// Conformance: Ordering, failures and dead letters: Commands of each user stay in order while
/// workers drain, join or fail over
#[tokio::test]
async fn commands_of_a_user_are_applied_in_the_order_of_publishing() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let mut replies = fixture.broker.replies().await;
    let worker = fixture.worker("w").await;
    send_spends(&fixture, &replies, "u", 0..COUNT).await;
    expect_in_order(&mut replies, "u", COUNT).await;
    let stats = worker.stats()[&fixture.commands_queue()];
    assert_eq!(
        (stats.completed, stats.replayed, stats.dead),
        (COUNT as u64, 0, 0)
    );
    assert!(
        stats.groups < COUNT as u64 / 2,
        "{} groups for {COUNT} commands",
        stats.groups
    );
    drain(worker).await;
}

#[tokio::test]
async fn a_lane_prefetches_one_more_group_than_it_commits() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let mut replies = fixture.broker.replies().await;
    let blocked = fixture.block_commits().await;
    send_spends(&fixture, &replies, "u", 0..100).await;
    let mut options = fixture.options("w");
    options.group_max = 20;
    let worker = fixture.worker_with(options).await;
    fixture.wait_for_blocked_commit().await;
    // The prefetch is twice the size of the largest group.
    fixture
        .broker
        .wait_for_ready(&fixture.commands_queue(), 100 - 40)
        .await;
    blocked.rollback().await.unwrap();
    expect_in_order(&mut replies, "u", 100).await;
    drain(worker).await;
}

/// Receives `count` messages and disconnects, `times` times.
async fn take_and_return(fixture: &Fixture, count: u32, times: u32) {
    for _ in 0..times {
        let taker = fixture.broker.inbox(&fixture.commands_queue()).await;
        fixture
            .broker
            .wait_for_ready(&fixture.commands_queue(), 0)
            .await;
        taker.close().await;
        fixture
            .broker
            .wait_for_ready(&fixture.commands_queue(), count)
            .await;
    }
}

/// Conformance: Ordering, failures and dead letters: A message that kills its worker is identified,
/// yields to other messages and does not affect them
#[tokio::test]
async fn messages_with_many_earlier_deliveries_are_committed_one_at_a_time() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let mut replies = fixture.broker.replies().await;
    send_spends(&fixture, &replies, "u", 0..50).await;
    take_and_return(&fixture, 50, 6).await;
    let worker = fixture.worker("w").await;
    expect_in_order(&mut replies, "u", 50).await;
    assert_eq!(worker.stats()[&fixture.commands_queue()].groups, 50);
    send_spends(&fixture, &replies, "u", 50..150).await;
    for n in 50..150 {
        assert_eq!(replies.outcome().await.reference_id, format!("u-{n}"));
    }
    let stats = worker.stats()[&fixture.commands_queue()];
    assert!(
        stats.groups < 150,
        "{} groups: new messages are committed together",
        stats.groups
    );
    drain(worker).await;
}

/// Conformance: Ordering, failures and dead letters: A message that kills its worker is identified,
/// yields to other messages and does not affect them
#[tokio::test]
async fn a_message_that_may_crash_its_worker_is_applied_after_the_others() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let mut replies = fixture.broker.replies().await;
    send_spends(&fixture, &replies, "u", 0..20).await;
    take_and_return(&fixture, 20, 6).await;
    let namespace = fixture.broker.topology().namespace();
    let deployment = Deployment::on_servers(
        &broker_url(),
        &fixture.ledger.database.worker_url(),
        namespace,
    );
    let blocked = fixture.block_commits().await;
    for tries in 1..=3 {
        let dying = deployment.ready_worker().await;
        in_time("the first message to be processed alone", async {
            while fixture
                .count("SELECT CAST(COALESCE(MAX(tries), 0) AS bigint) AS n FROM delivery_attempt")
                .await
                < tries
            {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        })
        .await;
        dying.kill().await;
    }
    blocked.rollback().await.unwrap();
    let worker = fixture.worker("w").await;
    for n in 1..20 {
        assert_eq!(replies.outcome().await.reference_id, format!("u-{n}"));
    }
    assert_eq!(worker.stats()[&fixture.commands_queue()].delayed, 1);
    let last = replies.outcome().await;
    assert_eq!(
        (last.reference_id.as_str(), last.balance),
        ("u-0", Some(FUNDS - 20))
    );
    drain(worker).await;
    assert_eq!(
        fixture
            .broker
            .ready_in(&fixture.broker.topology().dead())
            .await,
        0
    );
}

/// Conformance: Ordering, failures and dead letters: Commands of each user stay in order while
/// workers drain, join or fail over
#[tokio::test]
async fn draining_commits_the_current_group_and_returns_the_rest_to_the_head_of_the_queue() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let mut replies = fixture.broker.replies().await;
    let mut options = fixture.options("first");
    options.group_max = 10;
    let worker = fixture.worker_with(options).await;
    send_spends(&fixture, &replies, "u", 0..10).await;
    expect_in_order(&mut replies, "u", 10).await;

    let blocked = fixture.block_commits().await;
    send_spends(&fixture, &replies, "u", 10..60).await;
    fixture.wait_for_blocked_commit().await;
    let draining = tokio::spawn(drain(worker));
    tokio::task::yield_now().await;
    blocked.rollback().await.unwrap();
    draining.await.unwrap();

    let applied = fixture
        .count("SELECT count(*) AS n FROM credits_transaction WHERE type = 'consumption'")
        .await;
    assert!(
        (11..=20).contains(&applied),
        "exactly one group was committed: {applied}"
    );
    fixture
        .broker
        .wait_for_ready(
            &fixture.commands_queue(),
            u32::try_from(60 - applied).unwrap(),
        )
        .await;
    for _ in 10..applied {
        replies.outcome().await;
    }
    let second = fixture.worker("second").await;
    for n in applied..60 {
        let Outcome {
            reference_id,
            balance,
            replayed,
            ..
        } = replies.outcome().await;
        assert_eq!(
            (reference_id, balance, replayed),
            (format!("u-{n}"), Some(FUNDS - 1 - n), false)
        );
    }
    drain(second).await;
}

/// Conformance: Ordering, failures and dead letters: Commands of each user stay in order while
/// workers drain, join or fail over
#[tokio::test]
async fn a_second_worker_takes_over_in_order_when_the_first_drains() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let mut replies = fixture.broker.replies().await;
    let mut options = fixture.options("first");
    options.group_max = 50;
    let first = fixture.worker_with(options.clone()).await;
    options.worker = "second".to_owned();
    let second = fixture.worker_with(options).await;
    send_spends(&fixture, &replies, "u", 0..COUNT).await;

    // In the middle of the commands.
    for n in 0..COUNT / 3 {
        assert_eq!(replies.outcome().await.reference_id, format!("u-{n}"));
    }
    drain(first).await;
    for n in COUNT / 3..COUNT {
        let outcome = replies.outcome().await;
        assert_eq!(outcome.reference_id, format!("u-{n}"));
        assert_eq!(outcome.balance, Some(FUNDS - 1 - i64::try_from(n).unwrap()));
    }
    assert!(second.stats()[&fixture.commands_queue()].commands > 0);
    drain(second).await;
}

/// Conformance: Ordering, failures and dead letters: Commands of each user stay in order while
/// workers drain, join or fail over
#[tokio::test]
async fn a_worker_that_joins_does_not_take_an_active_lane() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let mut replies = fixture.broker.replies().await;
    let first = fixture.worker("first").await;
    let second = fixture.worker("second").await;
    send_spends(&fixture, &replies, "u", 0..200).await;
    expect_in_order(&mut replies, "u", 200).await;
    assert_eq!(first.stats()[&fixture.commands_queue()].commands, 200);
    assert_eq!(second.stats()[&fixture.commands_queue()].commands, 0);
    drain(first).await;
    drain(second).await;
}
