//! The SDK against a peer that does what no broker can be made to do on demand.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use lapin::BasicProperties;
use producer_sdk::{
    Client, Command, Error, Options, Producer,
    contract::{Rejection, RejectionCode, Reply},
};
use tests::{
    broker::TestBroker,
    raw_amqp::{Peer, Published, RawClient, RawProperties, hostile_properties},
};
use tokio::{net::TcpListener, sync::oneshot, time::timeout};

#[tokio::test]
async fn a_message_that_came_back_just_before_the_connection_broke_may_be_taken_on_the_next_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (settled, first_is_settled) = oneshot::channel();
    let peer = tokio::spawn(async move {
        let mut peer = Peer::accept(&listener).await;
        peer.published().await;
        let second = peer.published().await;
        // The second cannot be routed; of its confirm, which follows, nothing arrives any more.
        peer.give_back(&second).await;
        peer.confirm(1).await;
        first_is_settled.await.expect("the first message is settled");
        drop(peer);

        let mut peer = Peer::accept(&listener).await;
        let again: Published = peer.published().await;
        assert_eq!(again.body, second.body);
        peer.confirm(1).await;
        peer
    });

    let url = format!("amqp://guest:guest@127.0.0.1:{port}/%2f");
    let producer = Producer::connect(&url, Options::default())
        .await
        .expect("a connection");
    let first = producer
        .enqueue(&Command::consume("r-1", "u", "s"))
        .await
        .expect("room");
    let second = producer
        .enqueue(&Command::consume("r-2", "u", "s"))
        .await
        .expect("room");
    first.await.expect("taken");
    settled.send(()).expect("the peer waits");
    second.await.expect("taken on the next connection");
    drop(peer.await.expect("it saw what it waited for"));
    producer.close().await.expect("nothing is lost");
}

#[tokio::test]
async fn a_message_that_came_back_with_unreadable_properties_is_returned_on_the_same_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let peer = tokio::spawn(async move {
        let mut peer = Peer::accept(&listener).await;
        let first = peer.published().await;
        let unreadable = RawProperties::default().text(RawProperties::MESSAGE_ID, &[0xff]);
        peer.give_back_with_properties(&first, &unreadable.bytes()).await;
        peer.confirm(1).await;
        peer.published().await;
        peer.confirm(2).await;
        peer
    });
    let url = format!("amqp://guest:guest@127.0.0.1:{port}/%2f");
    let producer = Producer::connect(&url, Options::default())
        .await
        .expect("a connection");
    let returned = producer.publish(&Command::consume("r-1", "u", "s")).await;
    assert!(matches!(returned, Err(Error::Returned { .. })), "{returned:?}");
    let second = Command::consume("r-2", "u", "s");
    producer
        .publish(&second)
        .await
        .expect("taken on the same connection");
    drop(peer.await.expect("it saw what it waited for"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_with_unreadable_properties_is_dropped_and_the_right_one_is_taken() {
    let broker = TestBroker::start().await;
    let options = Options {
        namespace: broker.topology().namespace().to_owned(),
        ..Options::default()
    };
    let client = Client::connect(broker.url(), options).await.expect("a client");
    let mut queries = broker.inbox(&broker.topology().queries()).await;
    let asking = tokio::spawn(async move { client.balance("u").await });
    let query = queries.next().await;
    let reply_to = query.properties.reply_to().clone().expect("a reply queue");
    let id = query.properties.correlation_id().clone().expect("an id");

    let mut mallory = RawClient::connect().await;
    for hostile in hostile_properties(mallory.frame_max()) {
        let key = reply_to.as_str().as_bytes();
        let published = mallory.publish("", key, &hostile.properties, b"{}").await;
        published.expect("sent");
    }
    assert!(mallory.finish().await, "the broker takes them");
    let rejection = Rejection {
        code: RejectionCode::NotJson,
        message: "the right reply".to_owned(),
        field: None,
    };
    let body = Reply::Rejected(rejection).to_json();
    let properties = BasicProperties::default().with_correlation_id(id);
    broker.publish("", reply_to.as_str(), &body, properties).await;
    let answer = asking.await.expect("no panic");
    assert!(
        matches!(&answer, Err(Error::Rejected(rejection)) if rejection.message == "the right reply"),
        "{answer:?}"
    );
    // On another connection it would have asked again.
    assert!(timeout(Duration::from_millis(500), queries.peek()).await.is_err());
}
