//! Tests a channel with confirms against a peer that returns and refuses messages.

use std::io::Result;
use std::time::Duration;

use lapin::BasicProperties;

use super::super::connection::Endpoint;
use super::super::test_peer::{Client, Peer};
use super::*;

/// Publishes messages with these bodies. The peer receives the content headers and bodies and calls
/// `answer`.
async fn publish(
    bodies: &[&str],
    answer: impl FnOnce(&mut Client, &[(Vec<u8>, Vec<u8>)]) -> Result<()> + Send + 'static,
) -> lapin::Result<Vec<PublishResult>> {
    let count = bodies.len();
    let (closed, close) = std::sync::mpsc::channel::<()>();
    let peer = Peer::start(move |client| {
        client.read()?;
        // Channel.open-ok and confirm.select-ok.
        client.method(1, (20, 11), &[0; 4])?;
        client.read()?;
        client.method(1, (85, 11), &[])?;
        let mut messages = Vec::new();
        for _ in 0..count {
            client.read()?;
            messages.push((client.read()?, client.read()?));
        }
        answer(client, &messages)?;
        // Returns when the sender is dropped.
        let _ = close.recv();
        Ok(())
    });
    let endpoint = Endpoint::parse(&peer.url, "test".to_owned(), Duration::from_mins(1));
    let connection = endpoint.expect("a URL").connect().await.expect("connected");
    let mut channel = ConfirmChannel::open(&connection, true).await?;
    let messages = bodies.iter().map(|body| {
        Arc::new(Outgoing {
            exchange: "e".into(),
            routing_key: "k".into(),
            properties: BasicProperties::default(),
            body: body.as_bytes().to_vec(),
        })
    });
    let results = channel.publish_all(messages).await;
    drop(closed);
    peer.join();
    results
}

fn return_unroutable(client: &mut Client, header: &[u8], body: &[u8]) -> Result<()> {
    client.method(1, (60, 50), b"\x01\x38\x08NO_ROUTE\x01e\x01k")?;
    client.frame(2, 1, header)?;
    client.frame(3, 1, body)
}

/// Confirms (80) or refuses (120) all messages up to this number.
fn settle(client: &mut Client, method: u8, number: u8) -> Result<()> {
    client.method(1, (60, method), &[0, 0, 0, 0, 0, 0, 0, number, 1])
}

fn returned() -> PublishResult {
    PublishResult::Returned("312 NO_ROUTE".to_owned())
}

#[tokio::test]
async fn each_message_gets_its_own_result() {
    let results = publish(&["a", "b", "c", "d"], |client, messages| {
        let (header, body) = &messages[1];
        return_unroutable(client, header, body)?;
        settle(client, 80, 3)?;
        settle(client, 120, 4)
    });
    let expected = [
        PublishResult::Confirmed,
        returned(),
        PublishResult::Confirmed,
        PublishResult::Refused,
    ];
    assert_eq!(results.await.expect("results"), expected);
}

#[tokio::test]
async fn all_messages_count_as_returned_if_none_matches_the_returned_one() {
    let results = publish(&["a", "b"], |client, messages| {
        return_unroutable(client, &messages[0].0, b"x")?;
        settle(client, 80, 2)
    });
    assert_eq!(results.await.expect("results"), [returned(), returned()]);
}

#[tokio::test]
async fn a_channel_that_the_broker_closes_returns_its_reason() {
    let results = publish(&["a", "b"], |client, _| {
        settle(client, 80, 1)?;
        // Channel.close: 404, no method at fault.
        client.method(1, (20, 40), b"\x01\x94\x09NOT_FOUND\0\0\0\0")
    });
    let error = results.await.expect_err("no results");
    assert!(error.is_amqp_soft_error(), "{error}");
}
