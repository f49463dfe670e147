//! Commands outside the current shards: routing keys of none, and queues of former ones.

use lapin::BasicProperties;
use producer_sdk::contract::{BUCKETS, Command, Origin};
use testkit::broker::TestBroker;

use super::fixture::{Fixture, drain};

#[tokio::test]
async fn a_command_with_a_routing_key_of_no_shard_is_applied() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker("w").await;
    let mut replies = fixture.broker.replies().await;
    let body = Command::registration_bonus("r", "u").to_json();
    fixture
        .broker
        .publish(
            &fixture.broker.topology().funding(),
            "no-bucket",
            &body,
            replies.reply_properties("c"),
        )
        .await;
    assert!(replies.outcome().await.is_completed());
    drain(worker).await;
}

#[tokio::test]
async fn queues_of_former_shards_are_served_until_they_are_empty() {
    let former = TestBroker::with_shards(4).await;
    let users: Vec<String> = (0..20).map(|n| format!("user-{n}")).collect();
    let mut replies = former.replies().await;
    for user in &users {
        let command = Command::registration_bonus(format!("r-{user}"), user);
        former
            .send_with(&command, replies.reply_properties("c"))
            .await;
    }
    let fixture = Fixture::on(former).await;
    let mut options = fixture.options("w");
    let namespace = fixture.broker.topology().namespace();
    options.topology = producer_sdk::contract::Topology::new(namespace, 1).unwrap();
    let worker = fixture.worker_with(options).await;
    for _ in &users {
        assert!(replies.outcome().await.is_completed());
    }
    for shard in 0..4 {
        fixture
            .broker
            .wait_for_ready(&fixture.broker.topology().commands(shard), 0)
            .await;
    }
    drain(worker).await;
}

#[tokio::test]
async fn after_a_change_of_the_number_of_shards_each_bucket_is_bound_to_one_shard() {
    let mut broker = TestBroker::with_shards(1).await;
    for shards in [2, 3, 2] {
        broker.reshard(shards).await;
        let topology = broker.topology().clone();
        for bucket in 0..BUCKETS {
            let key = bucket.to_string();
            let exchange = topology.exchange(Origin::Usage);
            broker
                .publish(&exchange, &key, b"{}", BasicProperties::default())
                .await;
        }
        for shard in 0..shards {
            let expected = (0..BUCKETS).filter(|bucket| topology.shard_of(*bucket) == shard);
            let queue = topology.commands(shard);
            broker
                .wait_for_ready(&queue, u32::try_from(expected.count()).unwrap())
                .await;
            broker.purge(&queue).await;
        }
    }
}
