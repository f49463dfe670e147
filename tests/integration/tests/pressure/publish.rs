//! Publishes many commands with the SDK.

use producer_sdk::{Command, Options, Producer};
use testkit::broker::{TIMEOUT, TestBroker};

/// The options of a producer in the test's namespace.
pub fn options(broker: &TestBroker) -> Options {
    Options {
        namespace: broker.topology().namespace().to_owned(),
        confirm_timeout: TIMEOUT * 2,
        ..Options::default()
    }
}

/// Publishes commands in order and waits until all are confirmed.
pub async fn publish(broker: &TestBroker, commands: impl IntoIterator<Item = Command>) {
    let producer = Producer::connect(broker.url(), options(broker))
        .await
        .unwrap();
    let mut handles = Vec::new();
    for command in commands {
        handles.push(producer.enqueue(&command).await.unwrap());
    }
    for handle in handles {
        handle.await.unwrap();
    }
    producer.close().await.unwrap();
}
