//! A request and its reply over the broker, without a ledger. This is the lower limit for the
//! latency of a command and its outcome.

use std::time::Duration;

use futures_util::{
    StreamExt,
    future::{join, join_all},
};
use lapin::{
    BasicProperties, Channel, Connection, Consumer,
    message::Delivery,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
        QueueDeclareOptions,
    },
    types::FieldTable,
};
use testkit::broker::TestBroker;
use tokio::{task::JoinSet, time::Instant};

use crate::{
    broker_alone::{GROUP, PREFETCH},
    fixture::{Fixture, Sizes},
    load::{LANES, Load, Schedule},
    publisher::{self, Publisher},
};

/// A body of the size of a command or an outcome.
const BODY: [u8; 200] = [b' '; 200];

/// One side of the exchange: a connection that receives from a queue, and one that sends.
struct End {
    connections: [Connection; 2],
    sending: Channel,
    receiving: Consumer,
    queue: String,
}

impl End {
    /// Connects and consumes from `queue`, or from a new queue if it is `None`. Messages from a new
    /// queue are not acknowledged, as in the SDK.
    async fn open(broker: &TestBroker, queue: Option<String>) -> Self {
        let connections = [
            publisher::connect(broker).await,
            publisher::connect(broker).await,
        ];
        let sending = connections[0].create_channel().await.expect("a channel");
        let channel = connections[1].create_channel().await.expect("a channel");
        let limit = channel.basic_qos(PREFETCH, BasicQosOptions::default());
        limit.await.expect("a prefetch");
        let exclusive = QueueDeclareOptions {
            exclusive: true,
            ..QueueDeclareOptions::default()
        };
        let consuming = BasicConsumeOptions {
            no_ack: queue.is_none(),
            ..BasicConsumeOptions::default()
        };
        let queue = if let Some(queue) = queue {
            queue
        } else {
            let declared = channel.queue_declare("".into(), exclusive, FieldTable::default());
            declared.await.expect("a queue").name().as_str().to_owned()
        };
        let name = queue.as_str().into();
        let receiving = channel.basic_consume(name, "".into(), consuming, FieldTable::default());
        Self {
            receiving: receiving.await.expect("a subscription"),
            connections,
            sending,
            queue,
        }
    }

    async fn close(self) {
        for connection in self.connections {
            let _ = connection.close(200, "bye".into()).await;
        }
    }
}

async fn send(channel: &Channel, queue: &str, properties: BasicProperties) {
    let options = BasicPublishOptions::default();
    let sent = channel.basic_publish("".into(), queue.into(), options, &BODY, properties);
    sent.await.expect("published");
}

async fn receive(deliveries: &mut Consumer) -> Delivery {
    deliveries
        .next()
        .await
        .expect("a delivery")
        .expect("a delivery")
}

/// Replies to every request and acknowledges it, until the subscription ends. Like a lane, it
/// processes the messages that have arrived together as a group.
async fn serve(mut end: End) {
    while let Some(arrived) = (&mut end.receiving).ready_chunks(GROUP).next().await {
        let deliveries: Vec<Delivery> = arrived
            .into_iter()
            .map(|one| one.expect("a delivery"))
            .collect();
        // Like a worker, it sends the replies first and does not wait for the acknowledgement.
        let requests = deliveries.iter().filter_map(|one| {
            let properties = &one.properties;
            properties
                .reply_to()
                .as_ref()
                .zip(properties.correlation_id().clone())
        });
        let replies: Vec<_> = requests
            .map(|(to, id)| {
                send(
                    &end.sending,
                    to.as_str(),
                    BasicProperties::default().with_correlation_id(id),
                )
            })
            .collect();
        let last = deliveries.last().expect("a chunk is not empty");
        let together = BasicAckOptions { multiple: true };
        let (_, acknowledged) = join(join_all(replies), last.ack(together)).await;
        acknowledged.expect("acknowledged");
    }
}

/// The number of the request that a reply belongs to.
fn number(reply: &Delivery) -> usize {
    let id = reply.properties.correlation_id().as_ref();
    id.and_then(|id| id.as_str().parse().ok())
        .expect("the number of a request")
}

fn request_properties(end: &End, n: usize) -> BasicProperties {
    BasicProperties::default()
        .with_delivery_mode(2)
        .with_correlation_id(n.to_string().into())
        .with_reply_to(end.queue.as_str().into())
}

/// The latency of each request, under a load of `offered` commands per second.
pub async fn run(fixture: &mut Fixture, offered: f64) -> Vec<Duration> {
    let sizes = fixture.sizes;
    let load = Load::new(fixture, offered);
    let broker = TestBroker::with_shards(LANES).await;
    let mut serving = JoinSet::new();
    for shard in 0..LANES {
        // Persistent messages through the quorum queues of the commands.
        let queue = broker.topology().commands(shard);
        serving.spawn(serve(End::open(&broker, Some(queue)).await));
    }
    let requests = broker.topology().commands(0);
    let client = End::open(&broker, None).await;
    if load.is_none() {
        let requesting = tokio::spawn(one_by_one(client, requests, sizes.samples));
        return requesting.await.expect("an end");
    }
    let publishing = tokio::spawn(load.clone().publish(Publisher::to(&broker).await));
    let took = on_schedule(client, &requests, &sizes).await;
    load.check(fixture, publishing.await.expect("an end"));
    took
}

/// Sends each request after the reply to the one before.
async fn one_by_one(mut client: End, requests: String, samples: usize) -> Vec<Duration> {
    let mut took = Vec::with_capacity(samples);
    for n in 0..samples {
        let started = Instant::now();
        let sent = send(&client.sending, &requests, request_properties(&client, n));
        join(sent, receive(&mut client.receiving)).await;
        took.push(started.elapsed());
    }
    client.close().await;
    took
}

/// Sends each request at its scheduled time. The latency counts from that time.
async fn on_schedule(client: End, requests: &str, sizes: &Sizes) -> Vec<Duration> {
    let mut schedule = Schedule::start(sizes);
    let (samples, mut replies) = (sizes.loaded_samples, client.receiving.clone());
    let receiving = tokio::spawn(async move {
        let mut arrived = Vec::new();
        for _ in 0..samples {
            let reply = receive(&mut replies).await;
            arrived.push((number(&reply), Instant::now()));
        }
        arrived
    });
    let mut dues = Vec::new();
    while let Some((n, due)) = schedule.next().await {
        send(&client.sending, requests, request_properties(&client, n)).await;
        dues.push(due);
    }
    let arrived = receiving.await.expect("an end");
    client.close().await;
    arrived.into_iter().map(|(n, at)| at - dues[n]).collect()
}
