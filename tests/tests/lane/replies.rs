//! Replies go to every queue that a client library names, and nowhere else.

use futures_util::StreamExt;
use lapin::{
    BasicProperties, Channel, Consumer,
    options::{BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
};
use producer_sdk::contract::{Command, QUERY_KEY, REPLY_TTL_MILLIS, Reply};
use scrip::amqp::Inbound;

use crate::stage::{FUNDS, Stage, drain, in_time, send_spends};

/// What RabbitMQ 3.10 cannot read, or leads to a node that it does not know: each ends the connection that publishes to it.
const HOSTILE: [&str; 5] = [
    "amq.rabbitmq.reply-to.!!!!.x",
    "amq.rabbitmq.reply-to.g1h2.x",
    "amq.rabbitmq.reply-to.AAAA.AAAA",
    "amq.rabbitmq.reply-to.g1h2AAtyYWJiaXRAaG9zdAAAC1oAAAAAZo4bIw==.+Uvn1EmAp0ZA+oQx2yoQFA==",
    // Well formed, of another cluster.
    OF_ANOTHER_CLUSTER,
];
const OF_ANOTHER_CLUSTER: &str =
    "amq.rabbitmq.reply-to.g1h2AA5yZXBseUAyNzc5NjQyMAAAC1oAAAAAZo4bIw==.+Uvn1EmAp0ZA+oQx2yoQFA==";

/// The account of the tests' connections.
const ACCOUNT: &str = "guest";

/// The queue for the replies of an account.
fn own_queue(stage: &Stage, account: &str) -> String {
    format!("{}.reply.{account}", stage.broker.topology().namespace())
}

/// A channel that waits for direct replies.
async fn direct(stage: &Stage) -> (Channel, Consumer) {
    let channel = stage.broker.connection().create_channel().await.unwrap();
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

/// Asks for a balance by direct reply-to until the answer comes: a reply may be lost.
async fn ask(stage: &Stage, channel: &Channel, replies: &mut Consumer) {
    let queries = stage.broker.topology().queries();
    let answered = async {
        loop {
            let properties = BasicProperties::default().with_reply_to("amq.rabbitmq.reply-to".into());
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
    assert!(matches!(Reply::from_json(&reply.data).unwrap(), Reply::Answer(_)));
}

#[tokio::test]
async fn no_reply_to_ends_a_connection_that_others_use() {
    let stage = Stage::new().await;
    stage.fund("u").await;
    let worker = stage.worker("w").await;
    let queries = stage.broker.topology().queries();
    let (channel, mut direct_replies) = direct(&stage).await;
    for (round, hostile) in HOSTILE.iter().cycle().take(3 * HOSTILE.len()).enumerate() {
        let asking = || BasicProperties::default().with_reply_to((*hostile).into());
        let command = Command::consume(format!("hostile-{round}"), "u", "test").amount(1);
        stage.broker.send_with(&command, asking()).await;
        let body = br#"{"type":"balance","userId":"u"}"#;
        stage.broker.publish(&queries, QUERY_KEY, body, asking()).await;
    }
    let mut replies = stage.broker.replies().await;
    let command = Command::consume("after", "u", "test").amount(1);
    stage.broker.send_with(&command, replies.asking("1")).await;
    let outcome = replies.outcome().await;
    assert_eq!(outcome.balance, Some(FUNDS - 16), "every command was carried out");
    ask(&stage, &channel, &mut direct_replies).await;

    for (name, link) in worker.watch().see().broker.unwrap().named() {
        assert_eq!(link.lost, 0, "{name}");
    }
    // Four names cannot be used, in three rounds, of a command and a query each.
    assert_eq!(lost(&worker, "reply_to_unusable"), 4 * 3 * 2);
    assert_eq!(lost(&worker, "broker_refused"), 0);
    drain(worker).await;
}

/// Replies that were not sent for that reason.
fn lost(worker: &Inbound, reason: &str) -> u64 {
    worker.watch().see().lost_replies[reason]
}

#[tokio::test]
async fn direct_replies_to_a_known_node_do_not_wait_for_those_to_unknown_ones() {
    let stage = Stage::new().await;
    stage.fund("u").await;
    let worker = stage.worker("w").await;
    let (channel, mut direct_replies) = direct(&stage).await;
    ask(&stage, &channel, &mut direct_replies).await;
    let queries = stage.broker.topology().queries();
    for _ in 0..20 {
        let asking = BasicProperties::default().with_reply_to(OF_ANOTHER_CLUSTER.into());
        let body = br#"{"type":"packages"}"#;
        stage.broker.publish(&queries, QUERY_KEY, body, asking).await;
    }
    for _ in 0..20 {
        ask(&stage, &channel, &mut direct_replies).await;
    }
    for (name, link) in worker.watch().see().broker.unwrap().named() {
        assert_eq!(link.lost, 0, "{name}");
    }
    drain(worker).await;
}

#[tokio::test]
async fn queues_that_client_libraries_name_get_replies_which_expire() {
    let stage = Stage::new().await;
    stage.fund("u").await;
    let worker = stage.worker("w").await;
    let channel = stage.broker.connection().create_channel().await.unwrap();
    let own = own_queue(&stage, ACCOUNT);
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
        let mut asking = BasicProperties::default().with_reply_to(name.clone());
        if name.as_str() == own {
            asking = asking.with_user_id(ACCOUNT.into());
        }
        stage.broker.send_with(&command, asking).await;
        let reply = in_time("a reply", replies.next()).await.unwrap().unwrap();
        assert!(
            matches!(Reply::from_json(&reply.data).unwrap(), Reply::Outcome(_)),
            "{name}"
        );
        let expiration = reply.properties.expiration().as_ref().map(ToString::to_string);
        assert_eq!(expiration, Some(REPLY_TTL_MILLIS.to_string()), "{name}");
    }
    drain(worker).await;
}

/// The broker verifies `user_id`, so that only this account has its replies there.
#[tokio::test]
async fn no_reply_goes_to_the_reply_queue_of_another_account() {
    let stage = Stage::new().await;
    stage.fund("u").await;
    let worker = stage.worker("w").await;
    let queries = stage.broker.topology().queries();
    let channel = stage.broker.connection().create_channel().await.unwrap();
    let shops = own_queue(&stage, "shop");
    let declared = channel.queue_declare(
        shops.as_str().into(),
        QueueDeclareOptions::default(),
        FieldTable::default(),
    );
    declared.await.unwrap();
    let asking = || {
        BasicProperties::default()
            .with_reply_to(shops.as_str().into())
            .with_correlation_id("of-another".into())
    };
    for (n, properties) in [asking(), asking().with_user_id(ACCOUNT.into())]
        .into_iter()
        .enumerate()
    {
        let command = Command::consume(format!("c-{n}"), "u", "test").amount(1);
        stage.broker.send_with(&command, properties.clone()).await;
        let body = br#"{"type":"balance","userId":"u"}"#;
        stage.broker.publish(&queries, QUERY_KEY, body, properties).await;
    }
    let mut replies = stage.broker.replies().await;
    let command = Command::consume("after", "u", "test").amount(1);
    stage.broker.send_with(&command, replies.asking("1")).await;
    let outcome = replies.outcome().await;
    assert_eq!(outcome.balance, Some(FUNDS - 3), "every command was carried out");
    in_time("queries that are dropped", async {
        while lost(&worker, "reply_to_not_own") < 4 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(lost(&worker, "reply_to_unusable"), 0);
    drain(worker).await;
    assert_eq!(stage.broker.ready_in(&shops).await, 0);
    stage.broker.purge(&shops).await;
    let delete = channel.queue_delete(shops.as_str().into(), QueueDeleteOptions::default());
    delete.await.unwrap();
}

#[tokio::test]
async fn a_reply_never_reaches_a_queue_of_a_namespace() {
    let stage = Stage::new().await;
    stage.fund("u").await;
    let worker = stage.worker("w").await;
    let topology = stage.broker.topology();
    let queues: Vec<String> = topology.queues().into_iter().map(|queue| queue.name).collect();
    for (n, queue) in queues.iter().chain([&topology.ledger()]).enumerate() {
        let command = Command::consume(format!("c-{n}"), "u", "test").amount(1);
        let asking = BasicProperties::default().with_reply_to(queue.as_str().into());
        stage.broker.send_with(&command, asking).await;
    }
    let mut replies = stage.broker.replies().await;
    send_spends(&stage, &replies, "u", 0..1).await;
    let last = replies.outcome().await;
    assert_eq!(last.reference_id, "u-0");
    assert_eq!(lost(&worker, "reply_to_unusable"), queues.len() as u64 + 1);
    drain(worker).await;
    for queue in &queues {
        assert_eq!(stage.broker.ready_in(queue).await, 0, "{queue}");
    }
}
