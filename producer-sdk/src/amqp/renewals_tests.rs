//! Tests the pauses, and a publisher against a peer that does not answer on its first channel.

use std::io::Result;

use super::super::publisher::Publisher;
use super::super::test_peer::{Client, Peer};
use super::*;
use crate::message::Properties;
use crate::options::Options;

/// Reads frames until the method with these numbers arrives.
fn wait_for(client: &mut Client, (class, method): (u8, u8)) -> Result<()> {
    while !client.read()?.starts_with(&[0, class, 0, method]) {}
    Ok(())
}

/// Opens a channel in confirm mode, and receives that many messages on it.
fn receive(client: &mut Client, channel: u8, count: usize) -> Result<Vec<Vec<u8>>> {
    wait_for(client, (20, 10))?;
    client.method(channel, (20, 11), &[0; 4])?;
    wait_for(client, (85, 10))?;
    client.method(channel, (85, 11), &[])?;
    let mut bodies = Vec::new();
    for _ in 0..count {
        wait_for(client, (60, 40))?;
        client.read()?;
        bodies.push(client.read()?);
    }
    Ok(bodies)
}

#[tokio::test]
async fn messages_without_an_answer_are_sent_again_on_another_channel_in_order() {
    let (closed, close) = std::sync::mpsc::channel::<()>();
    let peer = Peer::start(move |client| {
        let bodies = receive(client, 1, 3)?;
        // The second message is confirmed, the others never.
        client.method(1, (60, 80), &[0, 0, 0, 0, 0, 0, 0, 2, 0])?;
        wait_for(client, (20, 40))?;
        client.method(1, (20, 41), &[])?;
        let again = receive(client, 2, 2)?;
        assert_eq!(again, [bodies[0].clone(), bodies[2].clone()]);
        client.method(2, (60, 80), &[0, 0, 0, 0, 0, 0, 0, 2, 1])?;
        let _ = close.recv();
        Ok(())
    });
    let options = Options::default();
    let publisher = Publisher::connect(&peer.url, &options).await;
    let publisher = publisher.expect("connected");
    let mut handles = Vec::new();
    for body in ["a", "b", "c"] {
        let properties = Properties::default();
        let enqueued = publisher.enqueue("e", "k", properties, body.as_bytes().to_vec());
        handles.push(enqueued.await.expect("enqueued"));
    }
    for handle in handles {
        handle.await.expect("a confirm");
    }
    drop(closed);
    drop(publisher);
    peer.join();
}

#[test]
fn a_channel_stalls_after_a_while_and_at_most_once_per_pause() {
    let (mut renewals, now) = (Renewals::new(), Instant::now());
    assert_eq!(renewals.stalls_at(now), now + STALLED);
    renewals.begin(now);
    let next = renewals.stalls_at(now) - now;
    assert!(next >= FIRST_PAUSE / 2 && next <= FIRST_PAUSE, "{next:?}");
    renewals.suspect();
    assert!(!renewals.is_due(now), "the pause is not over");
    renewals.suspect();
    assert!(renewals.is_due(now + FIRST_PAUSE));
    assert!(!renewals.is_due(now + FIRST_PAUSE), "it is forgotten");
    renewals.postpone(now + FIRST_PAUSE);
    assert_eq!(renewals.stalls_at(now), now + FIRST_PAUSE + STALLED);
}
