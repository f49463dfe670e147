//! A broker that never responds to a subscription, like RabbitMQ if the queue has no leader.

use std::time::Duration;

use producer_sdk::{Client, Options, contract::bucket};
use scrip::transport::amqp::{Inbound, InboundOptions};
use testkit::{
    broker::{TestBroker, broker_url},
    proxy::Proxy,
    raw_amqp::Unanswered,
};
use tokio::time::sleep;

use super::fixture::{FUNDS, Fixture, drain, expect_in_order, in_time, send_spends};

/// A worker that connects to the broker through a relay, and the relay.
async fn worker_behind_relay(fixture: &Fixture, silenced: &str) -> (Inbound, Unanswered) {
    let url = broker_url();
    let target = Proxy::target(&url);
    let relay = Unanswered::before(target.clone()).await;
    relay.silence(silenced);
    let options = InboundOptions {
        url: url.replace(&target, relay.address()),
        look_every: Some(Duration::from_millis(100)),
        ..fixture.options("w")
    };
    (Fixture::start(fixture.store().await, options), relay)
}

async fn wait_for_unanswered(relay: &Unanswered, count: usize) {
    in_time("subscriptions without a response", async {
        while relay.unanswered() < count {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// The first of `user-0`, `user-1`, … whose bucket belongs to this shard.
fn user_of(fixture: &Fixture, shard: u32) -> String {
    let mut users = (0..).map(|n| format!("user-{n}"));
    let topology = fixture.broker.topology();
    users
        .find(|user| topology.shard_of(bucket(user)) == shard)
        .unwrap()
}

/// Conformance: Broker permissions and senders: A lane whose subscription gets no answer from the
/// broker retries, and the other lanes continue
#[tokio::test(flavor = "multi_thread")]
async fn a_lane_whose_subscription_gets_no_response_retries_and_other_lanes_continue() {
    let fixture = Fixture::on(TestBroker::with_shards(2).await).await;
    let (silent, served) = (user_of(&fixture, 0), user_of(&fixture, 1));
    fixture.fund(&silent).await;
    fixture.fund(&served).await;
    let mut replies = fixture.broker.replies().await;
    let (worker, relay) =
        worker_behind_relay(&fixture, &fixture.broker.topology().commands(0)).await;
    send_spends(&fixture, &replies, &served, 0..10).await;
    expect_in_order(&mut replies, &served, 10).await;

    // The first subscription is on the shared connection. The others are on separate connections of
    // the lane, which end with them.
    wait_for_unanswered(&relay, 3).await;
    assert_eq!(relay.connections(), relay.unanswered());
    send_spends(&fixture, &replies, &served, 10..20).await;
    expect_in_order_after(&mut replies, &served, 10, 20).await;
    let snapshot = worker.watch().snapshot();
    for (name, link) in snapshot.broker.unwrap().named() {
        assert!(link.connected && link.lost == 0, "{name}: {link:?}");
    }
    assert!(!worker.is_ready());
    // So jobs run although a queue is unavailable.
    in_time("every lane to have tried", worker.tried()).await;

    relay.answer();
    in_time("every lane", worker.ready()).await;
    send_spends(&fixture, &replies, &silent, 0..10).await;
    expect_in_order(&mut replies, &silent, 10).await;
    drain(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_of_a_former_shard_makes_no_worker_ready_in_place_of_another_lane() {
    let mut broker = TestBroker::with_shards(2).await;
    broker.reshard(1).await;
    let fixture = Fixture::on(broker).await;
    let (worker, relay) =
        worker_behind_relay(&fixture, &fixture.broker.topology().commands(0)).await;
    wait_for_unanswered(&relay, 2).await;
    let registered = async {
        while worker.watch().snapshot().registered < 2 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    in_time(
        "the lanes of the former shard and of unrouted commands",
        registered,
    )
    .await;
    assert!(!worker.is_ready());
    relay.answer();
    in_time("every lane", worker.ready()).await;
    drain(worker).await;
}

/// Reads the outcomes of a user's consumptions from `first` to `end`. Panics unless each took its
/// credit in order.
async fn expect_in_order_after(
    replies: &mut testkit::broker::Inbox,
    user: &str,
    first: usize,
    end: usize,
) {
    for n in first..end {
        let outcome = replies.outcome().await;
        assert_eq!(outcome.reference_id, format!("{user}-{n}"));
        assert_eq!(outcome.balance, Some(FUNDS - 1 - i64::try_from(n).unwrap()));
    }
}

/// Conformance: Broker permissions and senders: A lane whose subscription gets no answer from the
/// broker retries, and the other lanes continue
#[tokio::test(flavor = "multi_thread")]
async fn queries_are_served_on_another_connection_if_the_subscription_gets_no_response() {
    let fixture = Fixture::new().await;
    fixture.fund("ada").await;
    let (worker, relay) = worker_behind_relay(&fixture, &fixture.broker.topology().queries()).await;
    wait_for_unanswered(&relay, 2).await;
    relay.answer();
    let options = Options {
        namespace: fixture.broker.topology().namespace().to_owned(),
        ..Options::default()
    };
    let client = Client::connect(fixture.broker.url(), options)
        .await
        .unwrap();
    assert_eq!(
        client.balance("ada").await.unwrap().available_credits,
        FUNDS
    );
    client.close().await.unwrap();
    let snapshot = worker.watch().snapshot();
    let connections = snapshot.broker.unwrap();
    assert!(connections.queries.lost >= 1 && connections.receiving.lost == 0);
    drain(worker).await;
}
