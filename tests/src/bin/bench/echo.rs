//! A request and its reply over the broker, with nothing in between: what a command and its outcome cannot be faster than.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, future::join};
use lapin::{
    BasicProperties, Channel, Connection, Consumer,
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions},
    types::FieldTable,
};
use tests::broker::TestBroker;

use crate::publisher;

/// As large as a command and its outcome are.
const BODY: [u8; 200] = [b' '; 200];

/// A connection that receives from a queue, and one that sends.
struct End {
    connections: [Connection; 2],
    sending: Channel,
    receiving: Consumer,
    queue: String,
}

impl End {
    /// That serves a queue, or a new one of its own; what comes to that is not acknowledged, as with the SDK.
    async fn open(broker: &TestBroker, queue: Option<String>) -> Self {
        let connections = [publisher::connect(broker).await, publisher::connect(broker).await];
        let sending = connections[0].create_channel().await.expect("a channel");
        let channel = connections[1].create_channel().await.expect("a channel");
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
    deliveries.next().await.expect("a delivery").expect("a delivery")
}

/// How long each of so many requests took.
pub async fn run(samples: usize) -> Vec<Duration> {
    let broker = TestBroker::start().await;
    // Persistent, through the quorum queue that commands wait in.
    let requests = broker.topology().commands(0);
    let mut server = End::open(&broker, Some(requests.clone())).await;
    let mut client = End::open(&broker, None).await;
    let serving = tokio::spawn(async move {
        for _ in 0..samples {
            let request = receive(&mut server.receiving).await;
            let reply_to = request.properties.reply_to().as_ref();
            let reply_to = reply_to.expect("a place for the reply").as_str();
            // The reply goes first, as a worker's does, and does not wait for the acknowledgement.
            let replying = send(&server.sending, reply_to, BasicProperties::default());
            let ((), acknowledged) = join(replying, request.ack(BasicAckOptions::default())).await;
            acknowledged.expect("acknowledged");
        }
        server.close().await;
    });
    let asking = tokio::spawn(async move {
        let mut took = Vec::with_capacity(samples);
        for _ in 0..samples {
            let asking = BasicProperties::default()
                .with_delivery_mode(2)
                .with_reply_to(client.queue.as_str().into());
            let started = Instant::now();
            let asked = send(&client.sending, &requests, asking);
            join(asked, receive(&mut client.receiving)).await;
            took.push(started.elapsed());
        }
        client.close().await;
        took
    });
    serving.await.expect("an end");
    asking.await.expect("an end")
}
