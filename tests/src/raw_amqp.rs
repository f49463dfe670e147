//! As much AMQP as it takes to publish what no library would: properties that are not UTF-8.

use lapin::uri::AMQPUri;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
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
        let mut head = [0; 7];
        self.0.read_exact(&mut head).await.expect("a frame");
        let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
        let mut payload = vec![0; size as usize + 1];
        self.0.read_exact(&mut payload).await.expect("a whole frame");
        let got = (
            u16::from_be_bytes([payload[0], payload[1]]),
            u16::from_be_bytes([payload[2], payload[3]]),
        );
        assert_eq!((head[0], got), (METHOD, (class, method)));
        payload[4..size as usize].to_vec()
    }
}
