//! The SDK against a peer that behaves in ways that a real broker cannot be made to behave.

use std::time::Duration;

use lapin::BasicProperties;
use producer_sdk::{
    Client, Command, Error, Options, Producer,
    contract::{Rejection, RejectionCode, Reply},
};
use testkit::{
    broker::TestBroker,
    raw_amqp::{Peer, Published, RawClient, RawProperties, hostile_properties},
};
use tokio::{net::TcpListener, sync::oneshot, time::timeout};

#[tokio::test]
async fn a_message_returned_just_before_a_disconnect_may_succeed_on_the_next_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (settled, first_is_settled) = oneshot::channel();
    let peer = tokio::spawn(async move {
        let mut peer = Peer::accept(&listener).await;
        peer.published().await;
        let second = peer.published().await;
        // The second message is returned as unroutable, and the connection ends before its confirm.
        peer.return_unroutable(&second).await;
        peer.confirm(1).await;
        first_is_settled
            .await
            .expect("the first message is settled");
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
        .expect("space in the window");
    let second = producer
        .enqueue(&Command::consume("r-2", "u", "s"))
        .await
        .expect("space in the window");
    first.await.expect("taken");
    settled.send(()).expect("the peer waits");
    second.await.expect("accepted on the next connection");
    drop(peer.await.expect("the expected messages"));
    producer.close().await.expect("nothing is lost");
}

#[tokio::test]
async fn a_message_returned_with_unreadable_properties_does_not_end_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let peer = tokio::spawn(async move {
        let mut peer = Peer::accept(&listener).await;
        let first = peer.published().await;
        let unreadable = RawProperties::default().text(RawProperties::MESSAGE_ID, &[0xff]);
        peer.return_with_properties(&first, &unreadable.bytes())
            .await;
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
    assert!(
        matches!(returned, Err(Error::Returned { .. })),
        "{returned:?}"
    );
    let second = Command::consume("r-2", "u", "s");
    producer
        .publish(&second)
        .await
        .expect("accepted on the same connection");
    drop(peer.await.expect("the expected messages"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_with_unreadable_properties_is_dropped_and_the_valid_one_is_used() {
    let broker = TestBroker::start().await;
    let options = Options {
        namespace: broker.topology().namespace().to_owned(),
        ..Options::default()
    };
    let client = Client::connect(broker.url(), options)
        .await
        .expect("a client");
    let mut queries = broker.inbox(&broker.topology().queries()).await;
    let querying = tokio::spawn(async move { client.balance("u").await });
    let query = queries.next().await;
    let reply_to = query.properties.reply_to().clone().expect("a reply queue");
    let id = query.properties.correlation_id().clone().expect("an id");

    let mut mallory = RawClient::connect().await;
    for hostile in hostile_properties(mallory.frame_max()) {
        let key = reply_to.as_str().as_bytes();
        let published = mallory.publish("", key, &hostile.properties, b"{}").await;
        published.expect("sent");
    }
    assert!(mallory.finish().await, "the broker accepts them");
    let rejection = Rejection {
        code: RejectionCode::NotJson,
        message: "the right reply".to_owned(),
        field: None,
    };
    let body = Reply::Rejected(rejection).to_json();
    let properties = BasicProperties::default().with_correlation_id(id);
    broker
        .publish("", reply_to.as_str(), &body, properties)
        .await;
    let answer = querying.await.expect("no panic");
    let Err(Error::Rejected(rejection)) = &answer else {
        panic!("{answer:?}");
    };
    assert_eq!(rejection.message, "the right reply");
    // On a new connection the client would have sent the query again.
    assert!(
        timeout(Duration::from_millis(500), queries.peek())
            .await
            .is_err()
    );
}
