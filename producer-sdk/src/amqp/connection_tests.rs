//! Tests a connection that ends while a request is pending.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tokio::task::yield_now;

use super::*;

const TIMEOUT: Duration = Duration::from_mins(1);

/// A peer that greets like a broker, and hangs up when the test drops `hang_up`.
struct Peer {
    url: String,
    hang_up: mpsc::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Peer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("amqp://{}", listener.local_addr().expect("bound"));
        let (hang_up, hung_up) = mpsc::channel();
        let serving = thread::spawn(move || {
            let (mut client, _) = listener.accept()?;
            client.read_exact(&mut [0; 8])?;
            // Start: version 0-9, no properties, PLAIN, en_US.
            let start = b"\0\x09\0\0\0\0\0\0\0\x05PLAIN\0\0\0\x05en_US";
            client.write_all(&method(10, start))?;
            skip_frame(&mut client)?;
            // Tune: 2,047 channels, frames of 128 KiB, no heartbeats.
            client.write_all(&method(30, &[7, 0xff, 0, 2, 0, 0, 0, 0]))?;
            skip_frame(&mut client)?;
            skip_frame(&mut client)?;
            // Open-ok.
            client.write_all(&method(41, &[0]))?;
            // Returns when the sender is dropped.
            let _ = hung_up.recv();
            Ok(())
        });
        Self {
            url,
            hang_up,
            serving,
        }
    }
}

/// A frame with a method of the class `connection`.
fn method(id: u8, arguments: &[u8]) -> Vec<u8> {
    let size = u32::try_from(arguments.len() + 4)
        .expect("short")
        .to_be_bytes();
    [&[1, 0, 0], &size[..], &[0, 10, 0, id], arguments, &[0xce]].concat()
}

fn skip_frame(client: &mut TcpStream) -> std::io::Result<()> {
    let mut head = [0; 7];
    client.read_exact(&mut head)?;
    let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
    client.read_exact(&mut vec![0; size as usize + 1])
}

/// Whether the library's thread for the connection is still running.
fn is_read() -> bool {
    let threads = fs::read_dir("/proc/self/task").expect("Linux");
    threads.flatten().any(|thread| {
        // The thread may have ended by now.
        let name = fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
        name.trim_end() == "lapin-io-loop"
    })
}

/// The library's thread for a connection ends before its task knows. The task never answers a
/// request that it receives in between.
#[tokio::test]
async fn a_channel_request_while_the_connection_ends_fails() {
    let mut hits = 0;
    for _ in 0..100 {
        let peer = Peer::start();
        let endpoint = Endpoint::parse(&peer.url, "test".to_owned(), TIMEOUT).expect("a URL");
        let connection = endpoint.connect().await.expect("connected");
        drop(peer.hang_up);
        peer.serving.join().expect("no panic").expect("served");
        let began = Instant::now();
        while is_read() {
            assert!(began.elapsed() < TIMEOUT, "the thread does not end");
            // The library reads the socket once. Then this thread is blocked until the library's
            // thread has had time to end.
            yield_now().await;
            let blocked = Instant::now();
            while is_read() && blocked.elapsed() < Duration::from_millis(20) {}
        }
        hits += u32::from(connection.status().connected());
        let opened = timeout(TIMEOUT, open_channel(&connection));
        assert!(opened.await.expect("an answer").is_err());
        if hits == 3 {
            return;
        }
    }
    panic!("the task always knew: `open_channel` need not check the connection any more");
}
