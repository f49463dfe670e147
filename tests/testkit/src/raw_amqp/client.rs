//! A client that publishes arbitrary bytes.

use std::{collections::BTreeSet, io};

use lapin::uri::AMQPUri;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{
    properties::RawProperties,
    wire::{BODY, HEADER, METHOD, Wire, long, short},
};
use crate::broker::broker_url;

/// The bytes of a frame in addition to its payload.
const FRAME_OVERHEAD: usize = 8;

/// A connection to a broker, with one channel.
pub struct RawClient {
    wire: Wire,
    frame_max: u32,
    published: u64,
}

impl RawClient {
    /// Connects to the broker of the tests. The client accepts the broker's limits.
    pub async fn connect() -> Self {
        Self::connect_to(&broker_url()).await
    }

    /// Connects to the broker at `url`, with the user and password of the URL.
    pub async fn connect_to(url: &str) -> Self {
        let uri: AMQPUri = url.parse().expect("a URL");
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
        let frame_max = u32::from_be_bytes([tune[2], tune[3], tune[4], tune[5]]);
        wire.method(0, 10, 31, &tune).await;
        wire.method(
            0,
            10,
            40,
            &[&*short(uri.vhost.as_bytes()), &[0, 0]].concat(),
        )
        .await;
        wire.expect(10, 41).await;
        wire.method(1, 20, 10, &[0]).await;
        wire.expect(20, 11).await;
        wire.method(1, 85, 10, &[0]).await;
        wire.expect(85, 11).await;
        Self {
            wire,
            frame_max,
            published: 0,
        }
    }

    /// The maximum frame size of this connection in bytes.
    pub fn frame_max(&self) -> usize {
        usize::try_from(self.frame_max).expect("a small number")
    }

    /// Consumes direct replies, so that a message may request one.
    pub async fn await_direct_replies(&mut self) {
        let no_ack = 0b10;
        let consume = [
            &[0; 2],
            &*short(b"amq.rabbitmq.reply-to"),
            &short(b""),
            &[no_ack],
            &long(b""),
        ]
        .concat();
        self.wire.method(1, 60, 20, &consume).await;
        self.wire.expect(60, 21).await;
    }

    /// Publishes a message. The error says that the broker closed the connection.
    pub async fn publish(
        &mut self,
        exchange: &str,
        routing_key: &[u8],
        properties: &RawProperties,
        body: &[u8],
    ) -> io::Result<()> {
        self.published += 1;
        let publish = [
            &[0, 60, 0, 40, 0, 0],
            &*short(exchange.as_bytes()),
            &short(routing_key),
            &[0],
        ]
        .concat();
        self.wire.try_frame(METHOD, 1, &publish).await?;
        let size = (body.len() as u64).to_be_bytes();
        let header = [&[0, 60, 0, 0], &size[..], &properties.bytes()].concat();
        self.wire.try_frame(HEADER, 1, &header).await?;
        for part in body.chunks(self.frame_max() - FRAME_OVERHEAD) {
            self.wire.try_frame(BODY, 1, part).await?;
        }
        Ok(())
    }

    /// Waits until the broker has confirmed every message, then closes the channel. The broker may
    /// lose unconfirmed messages when the channel closes. Returns whether the broker reported no
    /// error.
    pub async fn finish(mut self) -> bool {
        let mut unconfirmed: BTreeSet<u64> = (1..=self.published).collect();
        let mut is_closing = false;
        loop {
            if unconfirmed.is_empty() && !is_closing {
                let close = [&[0, 20, 0, 40, 0, 200][..], &short(b""), &[0; 4]].concat();
                if self.wire.try_frame(METHOD, 1, &close).await.is_err() {
                    return false;
                }
                is_closing = true;
            }
            let Ok((kind, payload)) = self.wire.try_read().await else {
                return false;
            };
            if kind != METHOD {
                continue;
            }
            match payload[..4] {
                // channel.close-ok
                [0, 20, 0, 41] => return true,
                // channel.close and connection.close
                [0, 20, 0, 40] | [0, 10, 0, 50] => return false,
                // basic.ack and basic.nack: the delivery tag, and a bit that includes all earlier
                // ones.
                [0, 60, 0, 80 | 120] => {
                    let (number, bits) = payload[4..].split_at(8);
                    let number = u64::from_be_bytes(number.try_into().expect("8 bytes"));
                    if bits[0] & 1 == 1 {
                        unconfirmed = unconfirmed.split_off(&(number + 1));
                    } else {
                        unconfirmed.remove(&number);
                    }
                }
                _ => {}
            }
        }
    }
}
