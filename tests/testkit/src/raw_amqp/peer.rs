//! A broker that disconnects or returns messages at moments that a test chooses.

use tokio::{io::AsyncReadExt, net::TcpListener};

use super::wire::{BODY, HEADER, Wire, long, short};

/// A broker for one producer.
pub struct Peer(Wire);

/// A message as a producer published it.
pub struct Published {
    exchange_and_key: Vec<u8>,
    header: Vec<u8>,
    pub body: Vec<u8>,
}

impl Peer {
    /// Waits for a producer to connect and to open a channel with confirms.
    pub async fn accept(listener: &TcpListener) -> Self {
        let mut wire = Wire(listener.accept().await.expect("a connection").0);
        wire.0
            .read_exact(&mut [0; 8])
            .await
            .expect("the protocol's name");
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

    /// Waits for the next message.
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

    /// Returns a message as unroutable.
    pub async fn return_unroutable(&mut self, message: &Published) {
        self.return_with(message, &message.header).await;
    }

    /// Returns a message as unroutable, with other properties: flags and values as bytes.
    pub async fn return_with_properties(&mut self, message: &Published, properties: &[u8]) {
        let header = [&message.header[..12], properties].concat();
        self.return_with(message, &header).await;
    }

    async fn return_with(&mut self, message: &Published, header: &[u8]) {
        let reason = [&312_u16.to_be_bytes()[..], &short(b"NO_ROUTE")].concat();
        let arguments = [reason, message.exchange_and_key.clone()].concat();
        self.0.method(1, 60, 50, &arguments).await;
        self.0.frame(HEADER, 1, header).await;
        self.0.frame(BODY, 1, &message.body).await;
    }

    /// Confirms one message of this connection by its number. The first message has the number 1.
    pub async fn confirm(&mut self, number: u64) {
        let arguments = [&number.to_be_bytes()[..], &[0]].concat();
        self.0.method(1, 60, 80, &arguments).await;
    }
}
