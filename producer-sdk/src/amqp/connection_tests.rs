//! Tests connections: to several addresses, and one that ends while a request is pending.

use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Instant;

use tokio::task::yield_now;

use super::super::test_peer::Peer;
use super::*;

const TIMEOUT: Duration = Duration::from_mins(1);

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
        let (hang_up, hung_up) = mpsc::channel::<()>();
        let peer = Peer::start(move |_| {
            // Returns when the sender is dropped.
            let _ = hung_up.recv();
            Ok(())
        });
        let endpoint = Endpoint::parse(&peer.url, "test".to_owned(), TIMEOUT).expect("a URL");
        let connection = endpoint.connect().await.expect("connected");
        drop(hang_up);
        peer.join();
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

/// A port that accepts connections and stays silent.
struct Silent {
    listener: TcpListener,
}

impl Silent {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        Self { listener }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("bound")
    }

    /// Waits for a client that hangs up.
    fn expect_hang_up(&self) {
        let (mut client, _) = self.listener.accept().expect("a client");
        client.set_read_timeout(Some(TIMEOUT)).expect("a limit");
        let mut greeting = Vec::new();
        client.read_to_end(&mut greeting).expect("the end");
        assert_eq!(greeting, b"AMQP\0\0\x09\x01");
    }
}

/// A port that drops connection requests, because as many wait as the system keeps.
struct Dropping {
    listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Dropping {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let limit = Duration::from_millis(300);
        let connect = || TcpStream::connect_timeout(&address, limit).ok();
        let waiting = std::iter::from_fn(connect).take(10_000).collect();
        Self {
            listener,
            _waiting: waiting,
        }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("bound")
    }
}

/// An address that refuses connections.
fn refusing() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound")
}

/// A peer that keeps its connection until the sender is dropped.
fn broker() -> (Peer, mpsc::Sender<()>) {
    let (hang_up, hung_up) = mpsc::channel();
    let peer = Peer::start(move |_| {
        let _ = hung_up.recv();
        Ok(())
    });
    (peer, hang_up)
}

fn endpoint(url: &str, timeout: Duration) -> Endpoint {
    Endpoint::parse(url, "test".to_owned(), timeout).expect("a URL")
}

#[tokio::test]
async fn a_connection_attempt_that_is_given_up_closes_its_socket() {
    let silent = Silent::new();
    let endpoint = endpoint(
        &format!("amqp://{}", silent.address()),
        Duration::from_millis(200),
    );
    let error = endpoint.connect().await.expect_err("silent");
    assert!(matches!(error, ConnectError::Timeout(_)), "{error}");
    tokio::task::spawn_blocking(move || silent.expect_hang_up())
        .await
        .expect("a closed socket");
}

/// Conformance: Configuration and command line: An address that is silent or refuses connections
/// does not hide the others
#[tokio::test]
async fn addresses_that_are_silent_drop_or_refuse_do_not_hide_another() {
    let (silent, dropping, refusing) = (Silent::new(), Dropping::new(), refusing());
    // Whichever comes first at random.
    for _ in 0..5 {
        let (peer, hang_up) = broker();
        let list = format!(
            "amqp://{},amqp://{},amqp://{refusing},{}",
            silent.address(),
            dropping.address(),
            peer.url
        );
        let connection = endpoint(&list, TIMEOUT).connect().await.expect("connected");
        assert!(connection.status().connected());
        drop(hang_up);
        peer.join();
    }
}

/// Conformance: Configuration and command line: An address that is silent or refuses connections
/// does not hide the others
#[tokio::test]
async fn the_addresses_of_one_host_are_tried_like_a_list() {
    let (silent, refusing) = (Silent::new(), refusing());
    for _ in 0..5 {
        let (peer, hang_up) = broker();
        let endpoint = endpoint(&peer.url, TIMEOUT);
        let address = peer.url.trim_start_matches("amqp://");
        // A resolver may return an address twice.
        let addresses = vec![
            silent.address(),
            refusing,
            refusing,
            address.parse().expect("one"),
        ];
        let connected = endpoint.connect_to_any(&endpoint.uris[0], addresses);
        let connection = connected.await.expect("connected");
        assert!(connection.status().connected());
        drop(hang_up);
        peer.join();
    }
}

/// Conformance: Configuration and command line: An address that is silent or refuses connections
/// does not hide the others
#[tokio::test]
async fn if_no_address_answers_the_error_names_each_with_its_cause_and_no_password() {
    let (silent, refusing) = (Silent::new(), refusing());
    let list = format!(
        "amqp://u:hunter2@{},amqp://u:hunter2@{refusing}",
        silent.address()
    );
    let limit = Duration::from_millis(500);
    for _ in 0..3 {
        let error = endpoint(&list, limit)
            .connect()
            .await
            .expect_err("no broker");
        let expected = format!(
            "none of the broker's 2 addresses can be used: {}: no connection to the broker within \
             500ms; {refusing}: IO error: Connection refused",
            silent.address()
        );
        assert!(error.to_string().starts_with(&expected), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
    let one = endpoint(&format!("amqp://localhost:{}", refusing.port()), limit);
    let error = one.connect_to_any(&one.uris[0], vec![silent.address(), refusing]);
    let error = error.await.expect_err("no broker").to_string();
    let host = format!("localhost:{} (127.0.0.1): ", refusing.port());
    assert_eq!(error.matches(&host).count(), 2, "{error}");
}
