//! A worker that does nothing but acknowledge: what the broker can carry.

use futures_util::StreamExt;
use lapin::{
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};

use crate::load::{FullQueues, Rate, Workload, timed};

/// Acknowledged together; Scrip's largest group.
const GROUP: usize = 1_000;

pub async fn run(workload: &Workload) -> Rate {
    let queues = FullQueues::of(workload).await;
    let channel = queues.connection.create_channel().await.expect("a channel");
    channel
        .basic_qos(2_000, BasicQosOptions::default())
        .await
        .expect("a prefetch");
    let rate = timed(workload.commands, async {
        let queue = queues.topology.commands(0).into();
        let options = BasicConsumeOptions::default();
        let mut deliveries = channel
            .basic_consume(queue, "ack-only".into(), options, FieldTable::default())
            .await
            .expect("a consumer");
        for n in 1..=workload.commands {
            let delivery = deliveries.next().await.expect("a delivery").expect("a delivery");
            if n % GROUP == 0 || n == workload.commands {
                delivery
                    .ack(BasicAckOptions { multiple: true })
                    .await
                    .expect("acknowledged");
            }
        }
    })
    .await;
    channel.close(200, "bye".into()).await.expect("closed");
    assert_eq!(queues.left().await, 0);
    queues.remove().await;
    rate
}
