//! A peer that greets like a broker, for tests of one connection.

use std::io::{Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

/// A peer that accepts one client.
pub(super) struct Peer {
    pub(super) url: String,
    serving: JoinHandle<Result<()>>,
}

impl Peer {
    /// Greets a client and then serves it. The connection ends when `serve` returns.
    pub(super) fn start(serve: impl FnOnce(&mut Client) -> Result<()> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("amqp://{}", listener.local_addr().expect("bound"));
        let serving = thread::spawn(move || {
            let mut client = Client(listener.accept()?.0);
            client.0.read_exact(&mut [0; 8])?;
            // Start: version 0-9, no properties, PLAIN, en_US.
            let start = b"\0\x09\0\0\0\0\0\0\0\x05PLAIN\0\0\0\x05en_US";
            client.method(0, (10, 10), start)?;
            client.read()?;
            // Tune: 2,047 channels, frames of 128 KiB, no heartbeats.
            client.method(0, (10, 30), &[7, 0xff, 0, 2, 0, 0, 0, 0])?;
            client.read()?;
            client.read()?;
            // Open-ok.
            client.method(0, (10, 41), &[0])?;
            serve(&mut client)
        });
        Self { url, serving }
    }

    /// Waits until the peer has hung up.
    pub(super) fn join(self) {
        self.serving.join().expect("no panic").expect("served");
    }
}

/// The connection to the client.
pub(super) struct Client(TcpStream);

impl Client {
    /// Reads the content of the next frame.
    pub(super) fn read(&mut self) -> Result<Vec<u8>> {
        let mut head = [0; 7];
        self.0.read_exact(&mut head)?;
        let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
        let mut content = vec![0; size as usize + 1];
        self.0.read_exact(&mut content)?;
        content.pop();
        Ok(content)
    }

    /// Writes a method, by the numbers of its class and of itself.
    pub(super) fn method(
        &mut self,
        channel: u8,
        (class, method): (u8, u8),
        arguments: &[u8],
    ) -> Result<()> {
        let method = [&[0, class, 0, method], arguments].concat();
        self.frame(1, channel, &method)
    }

    pub(super) fn frame(&mut self, kind: u8, channel: u8, content: &[u8]) -> Result<()> {
        let size = u32::try_from(content.len()).expect("short").to_be_bytes();
        let frame = [&[kind, 0, channel], &size[..], content, &[0xce]].concat();
        self.0.write_all(&frame)
    }
}
