//! Replies go to every queue that a client library names, and to no other queue.

use futures_util::StreamExt;
use lapin::{
    BasicProperties, Channel, Consumer,
    options::{BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
};
use producer_sdk::contract::{Command, QUERY_KEY, REPLY_TTL_MILLIS, Reply};
use scrip::transport::amqp::Inbound;

use super::fixture::{FUNDS, Fixture, drain, in_time, send_spends};

/// Names that RabbitMQ 3.10 cannot decode, or that lead to a node that it does not know. It closes
/// the connection of a client that publishes to such a name.
const HOSTILE: [&str; 5] = [
    "amq.rabbitmq.reply-to.!!!!.x",
    "amq.rabbitmq.reply-to.g1h2.x",
    "amq.rabbitmq.reply-to.AAAA.AAAA",
    "amq.rabbitmq.reply-to.g1h2AAtyYWJiaXRAaG9zdAAAC1oAAAAAZo4bIw==.+Uvn1EmAp0ZA+oQx2yoQFA==",
    // A well-formed name of another cluster.
    OF_ANOTHER_CLUSTER,
];
const OF_ANOTHER_CLUSTER: &str =
    "amq.rabbitmq.reply-to.g1h2AA5yZXBseUAyNzc5NjQyMAAAC1oAAAAAZo4bIw==.+Uvn1EmAp0ZA+oQx2yoQFA==";

/// The account of the tests' connections.
const ACCOUNT: &str = "guest";

/// The reply queue of an account.
fn own_queue(fixture: &Fixture, account: &str) -> String {
    format!("{}.reply.{account}", fixture.broker.topology().namespace())
}

/// A channel that consumes direct replies.
async fn direct(fixture: &Fixture) -> (Channel, Consumer) {
    let channel = fixture.broker.connection().create_channel().await.unwrap();
    let unacknowledged = BasicConsumeOptions {
        no_ack: true,
        ..BasicConsumeOptions::default()
    };
    let queue = "amq.rabbitmq.reply-to".into();
    let replies = channel
        .basic_consume(queue, "".into(), unacknowledged, FieldTable::default())
        .await
        .unwrap();
    (channel, replies)
}

/// Queries a balance by direct reply-to until the result arrives, because a reply may be lost.
async fn query(fixture: &Fixture, channel: &Channel, replies: &mut Consumer) {
    let queries = fixture.broker.topology().queries();
    let answered = async {
        loop {
            let properties =
                BasicProperties::default().with_reply_to("amq.rabbitmq.reply-to".into());
            let body = br#"{"type":"balance","userId":"u"}"#;
            let options = BasicPublishOptions::default();
            channel
                .basic_publish(
                    queries.as_str().into(),
                    QUERY_KEY.into(),
                    options,
                    body,
                    properties,
                )
                .await
                .unwrap();
            let wait = std::time::Duration::from_secs(2);
            if let Ok(reply) = tokio::time::timeout(wait, replies.next()).await {
                return reply.unwrap().unwrap();
            }
        }
    };
    let reply = in_time("an answer", answered).await;
    assert!(matches!(
        Reply::from_json(&reply.data).unwrap(),
        Reply::Answer(_)
    ));
}

/// Conformance: Broker permissions and senders: A `reply_to` that the broker cannot read costs no
/// other sender a reply
#[tokio::test]
async fn no_reply_to_ends_a_shared_connection() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let worker = fixture.worker("w").await;
    let queries = fixture.broker.topology().queries();
    let (channel, mut direct_replies) = direct(&fixture).await;
    for (round, hostile) in HOSTILE.iter().cycle().take(3 * HOSTILE.len()).enumerate() {
        let with_reply = || BasicProperties::default().with_reply_to((*hostile).into());
        let command = Command::consume(format!("hostile-{round}"), "u", "test").amount(1);
        fixture.broker.send_with(&command, with_reply()).await;
        let body = br#"{"type":"balance","userId":"u"}"#;
        fixture
            .broker
            .publish(&queries, QUERY_KEY, body, with_reply())
            .await;
    }
    let mut replies = fixture.broker.replies().await;
    let command = Command::consume("after", "u", "test").amount(1);
    fixture
        .broker
        .send_with(&command, replies.reply_properties("1"))
        .await;
    let outcome = replies.outcome().await;
    assert_eq!(
        outcome.balance,
        Some(FUNDS - 16),
        "every command was applied"
    );
    query(&fixture, &channel, &mut direct_replies).await;

    for (name, link) in worker.watch().snapshot().broker.unwrap().named() {
        assert_eq!(link.lost, 0, "{name}");
    }
    // Four names are unusable, in three rounds, with a command and a query each.
    assert_eq!(lost(&worker, "reply_to_unusable"), 4 * 3 * 2);
    assert_eq!(lost(&worker, "broker_refused"), 0);
    drain(worker).await;
}

/// The number of replies that were not sent for this reason.
fn lost(worker: &Inbound, reason: &str) -> u64 {
    worker.watch().snapshot().lost_replies[reason]
}

/// Conformance: Broker permissions and senders: A `reply_to` that the broker cannot read costs no
/// other sender a reply
#[tokio::test]
async fn direct_replies_to_a_known_node_do_not_wait_for_unknown_nodes() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let worker = fixture.worker("w").await;
    let (channel, mut direct_replies) = direct(&fixture).await;
    query(&fixture, &channel, &mut direct_replies).await;
    let queries = fixture.broker.topology().queries();
    for _ in 0..20 {
        let properties = BasicProperties::default().with_reply_to(OF_ANOTHER_CLUSTER.into());
        let body = br#"{"type":"packages"}"#;
        fixture
            .broker
            .publish(&queries, QUERY_KEY, body, properties)
            .await;
    }
    for _ in 0..20 {
        query(&fixture, &channel, &mut direct_replies).await;
    }
    for (name, link) in worker.watch().snapshot().broker.unwrap().named() {
        assert_eq!(link.lost, 0, "{name}");
    }
    drain(worker).await;
}

/// Conformance: Broker permissions and senders: Replies go to queue names that client libraries
/// generate, and to no queue of a namespace
/// Conformance: Broker permissions and senders: Replies expire, and the printed policies limit the
/// data that an app can make the broker keep
#[tokio::test]
async fn replies_to_queues_that_client_libraries_name_arrive_and_expire() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let worker = fixture.worker("w").await;
    let channel = fixture.broker.connection().create_channel().await.unwrap();
    let own = own_queue(&fixture, ACCOUNT);
    let aio_pika = format!("amq_{}", uuid::Uuid::now_v7().simple());
    for (n, queue) in ["", &aio_pika, "spring.gen-VOq4QhJZSbmJnlmbaeCTyA", &own]
        .into_iter()
        .enumerate()
    {
        let exclusive = QueueDeclareOptions {
            exclusive: true,
            ..QueueDeclareOptions::default()
        };
        let declared = channel.queue_declare(queue.into(), exclusive, FieldTable::default());
        let name = declared.await.unwrap().name().clone();
        let mut replies = channel
            .basic_consume(
                name.clone(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await
            .unwrap();
        let command = Command::consume(format!("c-{n}"), "u", "test").amount(1);
        let mut properties = BasicProperties::default().with_reply_to(name.clone());
        if name.as_str() == own {
            properties = properties.with_user_id(ACCOUNT.into());
        }
        fixture.broker.send_with(&command, properties).await;
        let reply = in_time("a reply", replies.next()).await.unwrap().unwrap();
        assert!(
            matches!(Reply::from_json(&reply.data).unwrap(), Reply::Outcome(_)),
            "{name}"
        );
        let expiration = reply
            .properties
            .expiration()
            .as_ref()
            .map(ToString::to_string);
        assert_eq!(expiration, Some(REPLY_TTL_MILLIS.to_string()), "{name}");
    }
    drain(worker).await;
}

/// Conformance: Broker permissions and senders: A reply goes to `{ns}.reply.{account}` only if the
/// message is from that account
///
/// The broker verifies `user_id`, so only this account gets replies in its queue.
#[tokio::test]
async fn no_reply_goes_to_the_reply_queue_of_another_account() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let worker = fixture.worker("w").await;
    let queries = fixture.broker.topology().queries();
    let channel = fixture.broker.connection().create_channel().await.unwrap();
    let shops = own_queue(&fixture, "shop");
    let declared = channel.queue_declare(
        shops.as_str().into(),
        QueueDeclareOptions::default(),
        FieldTable::default(),
    );
    declared.await.unwrap();
    let with_reply = || {
        BasicProperties::default()
            .with_reply_to(shops.as_str().into())
            .with_correlation_id("of-another".into())
    };
    for (n, properties) in [with_reply(), with_reply().with_user_id(ACCOUNT.into())]
        .into_iter()
        .enumerate()
    {
        let command = Command::consume(format!("c-{n}"), "u", "test").amount(1);
        fixture.broker.send_with(&command, properties.clone()).await;
        let body = br#"{"type":"balance","userId":"u"}"#;
        fixture
            .broker
            .publish(&queries, QUERY_KEY, body, properties)
            .await;
    }
    let mut replies = fixture.broker.replies().await;
    let command = Command::consume("after", "u", "test").amount(1);
    fixture
        .broker
        .send_with(&command, replies.reply_properties("1"))
        .await;
    let outcome = replies.outcome().await;
    assert_eq!(
        outcome.balance,
        Some(FUNDS - 3),
        "every command was applied"
    );
    in_time("queries that are dropped", async {
        while lost(&worker, "reply_to_not_own") < 4 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(lost(&worker, "reply_to_unusable"), 0);
    drain(worker).await;
    assert_eq!(fixture.broker.ready_in(&shops).await, 0);
    fixture.broker.purge(&shops).await;
    let delete = channel.queue_delete(shops.as_str().into(), QueueDeleteOptions::default());
    delete.await.unwrap();
}

/// Conformance: Broker permissions and senders: Replies go to queue names that client libraries
/// generate, and to no queue of a namespace
#[tokio::test]
async fn a_reply_never_reaches_a_queue_of_a_namespace() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let worker = fixture.worker("w").await;
    let topology = fixture.broker.topology();
    let queues: Vec<String> = topology
        .queues()
        .into_iter()
        .map(|queue| queue.name)
        .collect();
    for (n, queue) in queues.iter().chain([&topology.ledger()]).enumerate() {
        let command = Command::consume(format!("c-{n}"), "u", "test").amount(1);
        let properties = BasicProperties::default().with_reply_to(queue.as_str().into());
        fixture.broker.send_with(&command, properties).await;
    }
    let mut replies = fixture.broker.replies().await;
    send_spends(&fixture, &replies, "u", 0..1).await;
    let last = replies.outcome().await;
    assert_eq!(last.reference_id, "u-0");
    assert_eq!(lost(&worker, "reply_to_unusable"), queues.len() as u64 + 1);
    drain(worker).await;
    for queue in &queues {
        assert_eq!(fixture.broker.ready_in(queue).await, 0, "{queue}");
    }
}
