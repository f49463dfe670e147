//! The throughput of the broker alone: a worker that only acknowledges.

use std::time::Instant;

use futures_util::StreamExt;
use lapin::{
    Connection, Consumer,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};
use testkit::broker::TestBroker;

use crate::{
    publisher::{self, Publisher},
    report::rate,
    workload::Workload,
};

/// The number of messages that are acknowledged together. It is the size of Scrip's largest group.
pub const GROUP: usize = 1_000;
/// The prefetch of a worker.
pub const PREFETCH: u16 = 2_000;

/// Drains a full queue. Returns messages per second.
pub async fn drain(workload: &Workload) -> f64 {
    let broker = TestBroker::start().await;
    publisher::fill(&broker, workload.messages()).await;
    let (connection, deliveries) = subscribe(&broker).await;
    let started = Instant::now();
    acknowledge(deliveries, workload.messages).await;
    let rate = rate(workload.messages, started.elapsed());
    let _ = connection.close(200, "bye".into()).await;
    broker
        .wait_for_ready(&broker.topology().commands(0), 0)
        .await;
    rate
}

/// Publishes and acknowledges at the same time. Returns messages per second.
pub async fn live(workload: &Workload) -> f64 {
    let broker = TestBroker::start().await;
    let (connection, deliveries) = subscribe(&broker).await;
    let mut publisher = Publisher::to(&broker).await;
    let started = Instant::now();
    // A separate task, like a lane, so that it runs in parallel with the publisher.
    let acknowledging = tokio::spawn(acknowledge(deliveries, workload.messages));
    for message in workload.messages() {
        publisher.publish(&message).await;
    }
    publisher.confirmed().await;
    acknowledging.await.expect("an end");
    let rate = rate(workload.messages, started.elapsed());
    publisher.close().await;
    let _ = connection.close(200, "bye".into()).await;
    rate
}

async fn subscribe(broker: &TestBroker) -> (Connection, Consumer) {
    let connection = publisher::connect(broker).await;
    let channel = connection.create_channel().await.expect("a channel");
    let limit = channel.basic_qos(PREFETCH, BasicQosOptions::default());
    limit.await.expect("a prefetch");
    let (queue, options) = (
        broker.topology().commands(0).into(),
        BasicConsumeOptions::default(),
    );
    let deliveries =
        channel.basic_consume(queue, "ack-only".into(), options, FieldTable::default());
    (connection, deliveries.await.expect("a subscription"))
}

/// Acknowledges [`GROUP`] messages at a time.
async fn acknowledge(mut deliveries: Consumer, messages: usize) {
    for n in 1..=messages {
        let delivery = deliveries
            .next()
            .await
            .expect("a delivery")
            .expect("a delivery");
        if n % GROUP == 0 || n == messages {
            let together = BasicAckOptions { multiple: true };
            delivery.ack(together).await.expect("acknowledged");
        }
    }
}
