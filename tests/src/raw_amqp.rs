//! As much AMQP as it takes to publish what no library would, properties that are not UTF-8, and to be a broker that
//! breaks off where none would.

use lapin::uri::AMQPUri;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::broker::broker_url;

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const END: u8 = 0xce;
const HAS_MESSAGE_ID: u16 = 1 << 7;

/// Publishes `body` with a message id of any bytes; returns when the broker has routed it.
pub async fn publish_with_message_id(exchange: &str, routing_key: &str, message_id: &[u8], body: &[u8]) {
    let uri: AMQPUri = broker_url().parse().expect("a URL");
    let host = (uri.authority.host.as_str(), uri.authority.port);
    let mut wire = Wire(TcpStream::connect(host).await.expect("a connection"));
    wire.0.write_all(b"AMQP\0\0\x09\x01").await.expect("sent");
    wire.expect(10, 10).await;
    let user = &uri.authority.userinfo;
    let response = format!("\0{}\0{}", user.username, user.password);
    let start_ok = [
        &[0; 4],
        &*short(b"PLAIN"),
        &long(response.as_bytes()),
        &short(b"en_US"),
    ]
    .concat();
    wire.method(0, 10, 11, &start_ok).await;
    let tune = wire.expect(10, 30).await;
    wire.method(0, 10, 31, &tune).await;
    wire.method(0, 10, 40, &[&*short(uri.vhost.as_bytes()), &[0, 0]].concat())
        .await;
    wire.expect(10, 41).await;
    wire.method(1, 20, 10, &[0]).await;
    wire.expect(20, 11).await;

    let publish = [
        &[0; 2],
        &*short(exchange.as_bytes()),
        &short(routing_key.as_bytes()),
        &[0],
    ]
    .concat();
    wire.method(1, 60, 40, &publish).await;
    let size = (body.len() as u64).to_be_bytes();
    let flags = HAS_MESSAGE_ID.to_be_bytes();
    let header = [
        &60_u16.to_be_bytes()[..],
        &[0, 0],
        &size,
        &flags,
        &short(message_id),
    ]
    .concat();
    wire.frame(HEADER, 1, &header).await;
    wire.frame(BODY, 1, body).await;
    wire.method(
        1,
        20,
        40,
        &[&200_u16.to_be_bytes()[..], &short(b""), &[0; 4]].concat(),
    )
    .await;
    wire.expect(20, 41).await;
}

fn short(text: &[u8]) -> Vec<u8> {
    [&[u8::try_from(text.len()).expect("short")], text].concat()
}

fn long(text: &[u8]) -> Vec<u8> {
    [
        &u32::try_from(text.len()).expect("not that long").to_be_bytes(),
        text,
    ]
    .concat()
}

/// A broker for one producer.
pub struct Peer(Wire);

/// A message as a producer published it.
pub struct Published {
    exchange_and_key: Vec<u8>,
    header: Vec<u8>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Peer {
    /// Waits for a producer to connect and to open a channel with confirms.
    pub async fn accept(listener: &TcpListener) -> Self {
        let mut wire = Wire(listener.accept().await.expect("a connection").0);
        wire.0.read_exact(&mut [0; 8]).await.expect("the protocol's name");
        let start = [&[0, 9][..], &[0; 4], &long(b"PLAIN"), &long(b"en_US")].concat();
        wire.method(0, 10, 10, &start).await;
        wire.expect(10, 11).await;
        // 2,047 channels, frames of 128 KiB, no heartbeats.
        wire.method(0, 10, 30, &[7, 0xff, 0, 2, 0, 0, 0, 0]).await;
        wire.expect(10, 31).await;
        wire.expect(10, 40).await;
        wire.method(0, 10, 41, &short(b"")).await;
        wire.expect(20, 10).await;
        wire.method(1, 20, 11, &long(b"")).await;
        wire.expect(85, 10).await;
        wire.method(1, 85, 11, &[]).await;
        Self(wire)
    }

    /// The next message.
    pub async fn published(&mut self) -> Published {
        let arguments = self.0.expect(60, 40).await;
        let (_, header) = self.0.read().await;
        let mut size = [0; 8];
        size.copy_from_slice(&header[4..12]);
        let mut body = Vec::new();
        while (body.len() as u64) < u64::from_be_bytes(size) {
            body.extend(self.0.read().await.1);
        }
        Published {
            exchange_and_key: arguments[2..arguments.len() - 1].to_vec(),
            header,
            body,
        }
    }

    /// Returns a message as one that no queue takes.
    pub async fn give_back(&mut self, message: &Published) {
        let reason = [&312_u16.to_be_bytes()[..], &short(b"NO_ROUTE")].concat();
        let arguments = [reason, message.exchange_and_key.clone()].concat();
        self.0.method(1, 60, 50, &arguments).await;
        self.0.frame(HEADER, 1, &message.header).await;
        self.0.frame(BODY, 1, &message.body).await;
    }

    /// Confirms one message of this connection, by its number from 1.
    pub async fn confirm(&mut self, number: u64) {
        let arguments = [&number.to_be_bytes()[..], &[0]].concat();
        self.0.method(1, 60, 80, &arguments).await;
    }
}

struct Wire(TcpStream);

impl Wire {
    async fn frame(&mut self, kind: u8, channel: u16, payload: &[u8]) {
        let size = u32::try_from(payload.len()).expect("fits");
        let frame = [
            &[kind][..],
            &channel.to_be_bytes(),
            &size.to_be_bytes(),
            payload,
            &[END],
        ]
        .concat();
        self.0.write_all(&frame).await.expect("sent");
    }

    async fn method(&mut self, channel: u16, class: u16, method: u16, arguments: &[u8]) {
        let payload = [&class.to_be_bytes()[..], &method.to_be_bytes(), arguments].concat();
        self.frame(METHOD, channel, &payload).await;
    }

    /// The arguments of the next method, which has to be this one.
    async fn expect(&mut self, class: u16, method: u16) -> Vec<u8> {
        let (kind, payload) = self.read().await;
        let got = (
            u16::from_be_bytes([payload[0], payload[1]]),
            u16::from_be_bytes([payload[2], payload[3]]),
        );
        assert_eq!((kind, got), (METHOD, (class, method)));
        payload[4..].to_vec()
    }

    /// Kind and payload of the next frame.
    async fn read(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 7];
        self.0.read_exact(&mut head).await.expect("a frame");
        let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
        let mut payload = vec![0; size as usize + 1];
        self.0.read_exact(&mut payload).await.expect("a whole frame");
        payload.pop();
        (head[0], payload)
    }
}
