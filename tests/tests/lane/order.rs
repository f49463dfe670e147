//! Order: from one group to the next, over a drain, from one worker to another.

use producer_sdk::contract::Outcome;

use tests::{broker::broker_url, process::Deployment};

use crate::stage::{FUNDS, Stage, drain, expect_in_order, in_time, send_spends};

const COUNT: usize = 3000;

#[tokio::test]
async fn commands_of_a_user_are_applied_in_the_order_in_which_they_were_published() {
    let stage = Stage::new().await;
    stage.fund("u").await;
    let mut replies = stage.broker.replies().await;
    let worker = stage.worker("w").await;
    send_spends(&stage, &replies, "u", 0..COUNT).await;
    expect_in_order(&mut replies, "u", COUNT).await;
    let stats = worker.stats()[&stage.commands_queue()];
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
async fn a_lane_prefetches_a_group_beyond_the_one_at_work() {
    let stage = Stage::new().await;
    stage.fund("u").await;
    let mut replies = stage.broker.replies().await;
    let blocked = stage.block_commits().await;
    send_spends(&stage, &replies, "u", 0..100).await;
    let mut options = stage.options("w");
    options.group_max = 20;
    let worker = stage.worker_with(options).await;
    stage.wait_for_blocked_commit().await;
    // Twice the largest group.
    stage
        .broker
        .wait_for_ready(&stage.commands_queue(), 100 - 40)
        .await;
    blocked.rollback().await.unwrap();
    expect_in_order(&mut replies, "u", 100).await;
    drain(worker).await;
}

/// Somebody takes `count` messages and goes away, so many times.
async fn take_and_give_back(stage: &Stage, count: u32, times: u32) {
    for _ in 0..times {
        let taker = stage.broker.inbox(&stage.commands_queue()).await;
        stage.broker.wait_for_ready(&stage.commands_queue(), 0).await;
        taker.close().await;
        stage.broker.wait_for_ready(&stage.commands_queue(), count).await;
    }
}

#[tokio::test]
async fn messages_that_were_delivered_often_before_are_committed_one_at_a_time() {
    let stage = Stage::new().await;
    stage.fund("u").await;
    let mut replies = stage.broker.replies().await;
    send_spends(&stage, &replies, "u", 0..50).await;
    take_and_give_back(&stage, 50, 6).await;
    let worker = stage.worker("w").await;
    expect_in_order(&mut replies, "u", 50).await;
    assert_eq!(worker.stats()[&stage.commands_queue()].groups, 50);
    send_spends(&stage, &replies, "u", 50..150).await;
    for n in 50..150 {
        assert_eq!(replies.outcome().await.reference_id, format!("u-{n}"));
    }
    let stats = worker.stats()[&stage.commands_queue()];
    assert!(
        stats.groups < 150,
        "{} groups: what is new is committed together",
        stats.groups
    );
    drain(worker).await;
}

#[tokio::test]
async fn a_message_that_may_be_killing_its_worker_lets_the_others_go_first_and_is_applied_later() {
    let stage = Stage::new().await;
    stage.fund("u").await;
    let mut replies = stage.broker.replies().await;
    send_spends(&stage, &replies, "u", 0..20).await;
    take_and_give_back(&stage, 20, 6).await;
    let namespace = stage.broker.topology().namespace();
    let deployment = Deployment::on_servers(&broker_url(), &stage.ledger.database.worker_url(), namespace);
    let blocked = stage.block_commits().await;
    for tries in 1..=3 {
        let dying = deployment.ready_worker().await;
        in_time("the first message to be taken alone", async {
            while stage
                .count("SELECT CAST(COALESCE(MAX(tries), 0) AS bigint) AS n FROM lane_trial")
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
    let worker = stage.worker("w").await;
    for n in 1..20 {
        assert_eq!(replies.outcome().await.reference_id, format!("u-{n}"));
    }
    assert_eq!(worker.stats()[&stage.commands_queue()].delayed, 1);
    let last = replies.outcome().await;
    assert_eq!(
        (last.reference_id.as_str(), last.balance),
        ("u-0", Some(FUNDS - 20))
    );
    drain(worker).await;
    assert_eq!(stage.broker.ready_in(&stage.broker.topology().dead()).await, 0);
}

#[tokio::test]
async fn draining_commits_what_is_being_committed_and_gives_the_rest_back_to_the_head_of_the_queue() {
    let stage = Stage::new().await;
    stage.fund("u").await;
    let mut replies = stage.broker.replies().await;
    let mut options = stage.options("first");
    options.group_max = 10;
    let worker = stage.worker_with(options).await;
    send_spends(&stage, &replies, "u", 0..10).await;
    expect_in_order(&mut replies, "u", 10).await;

    let blocked = stage.block_commits().await;
    send_spends(&stage, &replies, "u", 10..60).await;
    stage.wait_for_blocked_commit().await;
    let draining = tokio::spawn(drain(worker));
    tokio::task::yield_now().await;
    blocked.rollback().await.unwrap();
    draining.await.unwrap();

    let applied = stage
        .count("SELECT count(*) AS n FROM credits_transaction WHERE type = 'consumption'")
        .await;
    assert!(
        (11..=20).contains(&applied),
        "one group was committed, no more: {applied}"
    );
    stage
        .broker
        .wait_for_ready(&stage.commands_queue(), u32::try_from(60 - applied).unwrap())
        .await;
    for _ in 10..applied {
        replies.outcome().await;
    }
    let second = stage.worker("second").await;
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

#[tokio::test]
async fn a_second_worker_takes_over_in_order_when_the_first_drains() {
    let stage = Stage::new().await;
    stage.fund("u").await;
    let mut replies = stage.broker.replies().await;
    let mut options = stage.options("first");
    options.group_max = 50;
    let first = stage.worker_with(options.clone()).await;
    options.worker = "second".to_owned();
    let second = stage.worker_with(options).await;
    send_spends(&stage, &replies, "u", 0..COUNT).await;

    // In the middle of it.
    for n in 0..COUNT / 3 {
        assert_eq!(replies.outcome().await.reference_id, format!("u-{n}"));
    }
    drain(first).await;
    for n in COUNT / 3..COUNT {
        let outcome = replies.outcome().await;
        assert_eq!(outcome.reference_id, format!("u-{n}"));
        assert_eq!(outcome.balance, Some(FUNDS - 1 - i64::try_from(n).unwrap()));
    }
    assert!(second.stats()[&stage.commands_queue()].commands > 0);
    drain(second).await;
}

#[tokio::test]
async fn a_worker_that_joins_does_not_take_the_lane_from_the_one_that_has_it() {
    let stage = Stage::new().await;
    stage.fund("u").await;
    let mut replies = stage.broker.replies().await;
    let first = stage.worker("first").await;
    let second = stage.worker("second").await;
    send_spends(&stage, &replies, "u", 0..200).await;
    expect_in_order(&mut replies, "u", 200).await;
    assert_eq!(first.stats()[&stage.commands_queue()].commands, 200);
    assert_eq!(second.stats()[&stage.commands_queue()].commands, 0);
    drain(first).await;
    drain(second).await;
}
