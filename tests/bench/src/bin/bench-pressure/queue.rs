//! A command queue with a length limit, as an operator may configure it.

use lapin::{options::QueueDeclareOptions, types::AMQPValue};
use producer_sdk::amqp::arguments;
use testkit::broker::TestBroker;

/// Declares the only command queue of a namespace with a length limit, and all other queues and
/// exchanges as usual.
pub async fn declare_bounded(broker: &TestBroker, most: u32) {
    let topology = broker.topology();
    let name = topology.commands(0);
    let queue = topology
        .queues()
        .into_iter()
        .find(|queue| queue.name == name);
    let mut arguments = arguments(&queue.expect("a command queue").args).expect("short names");
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(most.into()));
    let channel = broker
        .connection()
        .create_channel()
        .await
        .expect("a channel");
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(name.into(), durable, arguments)
        .await
        .expect("a queue");
    // The declaration tolerates that the queue differs.
    scrip::transport::amqp::topology::declare(broker.connection(), topology)
        .await
        .expect("declares");
}
