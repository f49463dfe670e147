//! AMQP frames over a socket.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub(super) const METHOD: u8 = 1;
pub(super) const HEADER: u8 = 2;
pub(super) const BODY: u8 = 3;
const END: u8 = 0xce;

pub(super) fn short(text: &[u8]) -> Vec<u8> {
    [&[u8::try_from(text.len()).expect("short")], text].concat()
}

pub(super) fn long(text: &[u8]) -> Vec<u8> {
    [
        &u32::try_from(text.len())
            .expect("not that long")
            .to_be_bytes(),
        text,
    ]
    .concat()
}

/// A connection that sends and receives frames.
pub(super) struct Wire(pub(super) TcpStream);

impl Wire {
    pub(super) async fn try_frame(
        &mut self,
        kind: u8,
        channel: u16,
        payload: &[u8],
    ) -> io::Result<()> {
        let size = u32::try_from(payload.len()).expect("fits");
        let frame = [
            &[kind][..],
            &channel.to_be_bytes(),
            &size.to_be_bytes(),
            payload,
            &[END],
        ]
        .concat();
        self.0.write_all(&frame).await
    }

    pub(super) async fn frame(&mut self, kind: u8, channel: u16, payload: &[u8]) {
        self.try_frame(kind, channel, payload).await.expect("sent");
    }

    pub(super) async fn method(&mut self, channel: u16, class: u16, method: u16, arguments: &[u8]) {
        let payload = [&class.to_be_bytes()[..], &method.to_be_bytes(), arguments].concat();
        self.frame(METHOD, channel, &payload).await;
    }

    /// Reads the next frame and returns its arguments; panics unless it is this method.
    pub(super) async fn expect(&mut self, class: u16, method: u16) -> Vec<u8> {
        let (kind, payload) = self.read().await;
        let got = (
            u16::from_be_bytes([payload[0], payload[1]]),
            u16::from_be_bytes([payload[2], payload[3]]),
        );
        assert_eq!((kind, got), (METHOD, (class, method)));
        payload[4..].to_vec()
    }

    /// Reads the type and payload of the next frame.
    pub(super) async fn read(&mut self) -> (u8, Vec<u8>) {
        self.try_read().await.expect("a frame")
    }

    pub(super) async fn try_read(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 7];
        self.0.read_exact(&mut head).await?;
        let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
        let mut payload = vec![0; size as usize + 1];
        self.0.read_exact(&mut payload).await?;
        payload.pop();
        Ok((head[0], payload))
    }
}
