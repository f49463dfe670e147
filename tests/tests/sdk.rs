//! The SDK against a peer that does what no broker can be made to do on demand.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use producer_sdk::{Command, Options, Producer};
use tests::raw_amqp::{Peer, Published};
use tokio::{net::TcpListener, sync::oneshot};

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
