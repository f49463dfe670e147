//! A command queue with a length limit, as an operator may configure it.

use lapin::{
    options::QueueDeclareOptions,
    types::{AMQPValue, FieldTable},
};
use producer_sdk::contract::Arg;
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
    let mut arguments = FieldTable::default();
    for (name, value) in queue.expect("a command queue").args {
        let value = match value {
            Arg::Str(text) => AMQPValue::LongString(text.into()),
            Arg::Int(number) => AMQPValue::LongLongInt(number),
            Arg::Bool(truth) => AMQPValue::Boolean(truth),
        };
        arguments.insert(name.into(), value);
    }
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
