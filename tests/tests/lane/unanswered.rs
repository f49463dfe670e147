//! A broker that takes a subscription and never answers it, as RabbitMQ does when the queue has no leader.

use std::time::Duration;

use producer_sdk::{Client, Options, contract::bucket};
use scrip::amqp::{Inbound, InboundOptions};
use tests::{
    broker::{TestBroker, broker_url},
    proxy::Proxy,
    raw_amqp::Unanswered,
};
use tokio::time::sleep;

use crate::stage::{FUNDS, Stage, drain, expect_in_order, in_time, send_spends};

/// A worker that reaches the broker by way of a relay, and the relay.
async fn worker_behind_relay(stage: &Stage, silenced: &str) -> (Inbound, Unanswered) {
    let url = broker_url();
    let target = Proxy::target(&url);
    let relay = Unanswered::before(target.clone()).await;
    relay.silence(silenced);
    let options = InboundOptions {
        url: url.replace(&target, relay.address()),
        look_every: Some(Duration::from_millis(100)),
        ..stage.options("w")
    };
    (Stage::start(stage.store().await, options), relay)
}

async fn wait_for_unanswered(relay: &Unanswered, count: usize) {
    in_time("subscriptions without an answer", async {
        while relay.unanswered() < count {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// The first of `user-0`, `user-1`, … whose commands go to this shard.
fn user_of(stage: &Stage, shard: u32) -> String {
    let mut users = (0..).map(|n| format!("user-{n}"));
    let topology = stage.broker.topology();
    users
        .find(|user| topology.shard_of(bucket(user)) == shard)
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_without_an_answer_tries_again_and_the_other_lanes_go_on() {
    let stage = Stage::on(TestBroker::with_shards(2).await).await;
    let (silent, served) = (user_of(&stage, 0), user_of(&stage, 1));
    stage.fund(&silent).await;
    stage.fund(&served).await;
    let mut replies = stage.broker.replies().await;
    let (worker, relay) = worker_behind_relay(&stage, &stage.broker.topology().commands(0)).await;
    send_spends(&stage, &replies, &served, 0..10).await;
    expect_in_order(&mut replies, &served, 10).await;

    // One on the connection of all lanes, the others on connections of the lane's own, which end with them.
    wait_for_unanswered(&relay, 3).await;
    assert_eq!(relay.connections(), relay.unanswered());
    send_spends(&stage, &replies, &served, 10..20).await;
    expect_in_order_after(&mut replies, &served, 10, 20).await;
    let seen = worker.watch().see();
    for (name, link) in seen.broker.unwrap().named() {
        assert!(link.connected && link.lost == 0, "{name}: {link:?}");
    }
    assert!(!worker.is_ready());

    relay.answer();
    in_time("every lane", worker.ready()).await;
    send_spends(&stage, &replies, &silent, 0..10).await;
    expect_in_order(&mut replies, &silent, 10).await;
    drain(worker).await;
}

/// The outcomes of a user's spends from `first` to `end`, each of which took its credit in its turn.
async fn expect_in_order_after(replies: &mut tests::broker::Inbox, user: &str, first: usize, end: usize) {
    for n in first..end {
        let outcome = replies.outcome().await;
        assert_eq!(outcome.reference_id, format!("{user}-{n}"));
        assert_eq!(outcome.balance, Some(FUNDS - 1 - i64::try_from(n).unwrap()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_without_an_answer_to_their_subscription_are_served_over_another_connection() {
    let stage = Stage::new().await;
    stage.fund("ada").await;
    let (worker, relay) = worker_behind_relay(&stage, &stage.broker.topology().queries()).await;
    wait_for_unanswered(&relay, 2).await;
    relay.answer();
    let options = Options {
        namespace: stage.broker.topology().namespace().to_owned(),
        ..Options::default()
    };
    let client = Client::connect(stage.broker.url(), options).await.unwrap();
    assert_eq!(client.balance("ada").await.unwrap().available_credits, FUNDS);
    client.close().await.unwrap();
    let seen = worker.watch().see();
    let connections = seen.broker.unwrap();
    assert!(connections.queries.lost >= 1 && connections.receiving.lost == 0);
    drain(worker).await;
}
