//! URLs of servers: a URL in any form connects to exactly the host that it names.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use producer_sdk::{Client, Options, Producer};
use scrip::{cache::Redis, db::StoreOptions, store::Store, transport::amqp::topology};
use testkit::{broker::TestBroker, db::server_url, proxy::Proxy};
use tokio::{
    io::{AsyncRead, AsyncWrite, copy_bidirectional},
    net::{TcpListener, TcpStream, UnixListener},
    task::AbortHandle,
};
use uuid::Uuid;

/// A relay to a server that counts its connections.
struct CountingRelay {
    connections: Arc<AtomicUsize>,
    accepting: AbortHandle,
}

impl Drop for CountingRelay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl CountingRelay {
    fn tcp(listener: TcpListener, target: String) -> Self {
        let connections = Arc::<AtomicUsize>::default();
        let count = connections.clone();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                count.fetch_add(1, SeqCst);
                tokio::spawn(forward(stream, target.clone()));
            }
        });
        Self {
            connections,
            accepting: task.abort_handle(),
        }
    }

    fn unix(path: &Path, target: String) -> Self {
        let listener = UnixListener::bind(path).expect("a socket");
        let connections = Arc::<AtomicUsize>::default();
        let count = connections.clone();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                count.fetch_add(1, SeqCst);
                tokio::spawn(forward(stream, target.clone()));
            }
        });
        Self {
            connections,
            accepting: task.abort_handle(),
        }
    }

    /// The number of connections since the last call.
    fn take_count(&self) -> usize {
        self.connections.swap(0, SeqCst)
    }
}

async fn forward<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, target: String) {
    let mut server = TcpStream::connect(target)
        .await
        .expect("the server listens");
    let _ = copy_bidirectional(&mut stream, &mut server).await;
}

/// Relays on the same port of both loopback addresses.
async fn both(target: &str) -> (u16, CountingRelay, CountingRelay) {
    loop {
        let v4 = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = v4.local_addr().expect("bound").port();
        match TcpListener::bind(("::1", port)).await {
            Ok(v6) => {
                return (
                    port,
                    CountingRelay::tcp(v4, target.to_owned()),
                    CountingRelay::tcp(v6, target.to_owned()),
                );
            }
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {}
            Err(error) => panic!("this test needs the IPv6 loopback address ::1: {error}"),
        }
    }
}

fn redis_url() -> String {
    std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned())
}

/// Connects once to the server at a URL.
async fn connect(url: &str, broker: &TestBroker) {
    if url.starts_with("amqp") {
        let declared = topology::declare_at(url, broker.topology()).await;
        assert_eq!(
            declared.unwrap_or_else(|error| panic!("{url}: {error}")),
            []
        );
        let options = Options {
            namespace: broker.topology().namespace().to_owned(),
            ..Options::default()
        };
        let producer = Producer::connect(url, options.clone()).await;
        producer
            .unwrap_or_else(|error| panic!("{url}: {error}"))
            .close()
            .await
            .expect("closed");
        let client = Client::connect(url, options).await;
        client
            .unwrap_or_else(|error| panic!("{url}: {error}"))
            .close()
            .await
            .expect("closed");
    } else if url.starts_with("postgres") {
        let store = Store::connect(url, &StoreOptions::default()).await;
        let store = store.unwrap_or_else(|error| panic!("{url}: {error:?}"));
        store.connection().ping().await.expect("an answer");
    } else {
        let redis =
            Redis::new(url, "test-addresses").unwrap_or_else(|error| panic!("{url}: {error}"));
        assert!(redis.ping().await, "{url}");
    }
}

/// Conformance: Configuration and command line: URLs with IPv4, IPv6, names, ports and Unix sockets
/// reach the named server, in worker and SDK
#[tokio::test]
async fn ipv4_addresses_ipv6_addresses_and_names_lead_to_their_host_and_port() {
    let broker = TestBroker::start().await;
    for url in [broker.url().to_owned(), server_url(), redis_url()] {
        let target = Proxy::target(&url);
        let (port, v4, v6) = both(&target).await;
        for host in ["127.0.0.1", "[::1]", "localhost"] {
            connect(
                &url.replacen(&target, &format!("{host}:{port}"), 1),
                &broker,
            )
            .await;
            let taken = (v4.take_count(), v6.take_count());
            let right = match host {
                "127.0.0.1" => taken.0 > 0 && taken.1 == 0,
                "[::1]" => taken.0 == 0 && taken.1 > 0,
                _ => taken.0 + taken.1 > 0,
            };
            assert!(
                right,
                "{url} at {host}: {taken:?} connections by IPv4 and IPv6"
            );
        }
    }
}

/// Conformance: Configuration and command line: URLs with IPv4, IPv6, names, ports and Unix sockets
/// reach the named server, in worker and SDK
#[tokio::test]
async fn unix_sockets_are_used_or_refused_and_never_replaced_by_tcp() {
    let folder = Folder::new();
    let broker = TestBroker::start().await;

    let database = server_url();
    let target = Proxy::target(&database);
    let relay = CountingRelay::unix(&folder.0.join(".s.PGSQL.5432"), target.clone());
    let escaped = folder.0.display().to_string().replace('/', "%2F");
    // The relay connects over TCP, where the server may offer TLS. A Unix socket has no TLS.
    let plain = format!(
        "{}sslmode=disable",
        if database.contains('?') { '&' } else { '?' }
    );
    for url in [
        database.replacen(&target, &format!("{escaped}:5432"), 1) + &plain,
        format!(
            "{}{plain}&host={escaped}&port=5432",
            database.replacen(&target, "localhost:1", 1)
        ),
    ] {
        connect(&url, &broker).await;
        assert!(relay.take_count() > 0, "{url}");
    }

    let redis = redis_url();
    let path = folder.0.join("redis.sock");
    let relay = CountingRelay::unix(&path, Proxy::target(&redis));
    for scheme in ["unix", "redis+unix"] {
        connect(&format!("{scheme}://{}", path.display()), &broker).await;
        assert!(relay.take_count() > 0, "{scheme}");
    }

    for url in [
        format!("amqp://guest:hunter2@{escaped}/%2f"),
        format!("amqp://guest:hunter2@{escaped}:5672/%2f"),
    ] {
        let worker = topology::declare_at(&url, broker.topology())
            .await
            .expect_err("refused")
            .to_string();
        let app = Producer::connect(&url, Options::default())
            .await
            .expect_err("refused")
            .to_string();
        for error in [worker, app] {
            assert!(
                error.contains("it names a Unix socket; AMQP needs a host and a port"),
                "{error}"
            );
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}

/// Conformance: Configuration and command line: Each address of a database has its own time limit,
/// and an error names each address with its cause
#[tokio::test]
async fn an_address_that_is_silent_or_refused_does_not_hide_the_others() {
    // The system accepts connections for the listener, and nothing answers them.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let silent = listener.local_addr().expect("bound").to_string();
    let refused = "127.0.0.1:1";

    let database = server_url();
    let target = Proxy::target(&database);
    for hosts in [
        format!("{silent},{target}"),
        format!("{refused},{silent},{target}"),
    ] {
        let url = database.replacen(&target, &hosts, 1);
        let store = Store::connect(&url, &StoreOptions::default()).await;
        let store = store.unwrap_or_else(|error| panic!("{url}: {error:?}"));
        store.connection().ping().await.expect("an answer");
    }
    let url = format!("postgres://u:hunter2@{silent},{refused}/d");
    let error = Store::connect(&url, &StoreOptions::default()).await;
    let error = error.expect_err("no server").to_string();
    for part in [
        &format!("{silent}: no answer within"),
        &format!("{refused}: connection refused"),
    ] {
        assert!(error.contains(part), "{error}");
    }
    assert!(!error.contains("hunter2"), "{error}");

    let url = redis_url();
    let target = Proxy::target(&url);
    let url = url.replacen(&target, &format!("{refused},{target}"), 1);
    let redis = Redis::new(&url, "test-addresses").expect("a list");
    assert!(!redis.ping().await, "the first address refuses");
    assert!(redis.ping().await, "the second address answers");
}

/// This variable is set in the child process whose working directory is the folder of the file.
const RELATIVE: &str = "SCRIP_TEST_RELATIVE";

#[tokio::test]
async fn a_url_of_a_file_accepts_any_path_or_is_refused() {
    if std::env::var_os(RELATIVE).is_some() {
        for (url, file) in [
            ("sqlite:a b/c d.db", "a b/c d.db"),
            ("sqlite://a b/e%3F%23.db", "a b/e?#.db"),
        ] {
            let store = Store::connect(url, &StoreOptions::default()).await;
            let store = store.unwrap_or_else(|error| panic!("{url}: {error}"));
            store.close().await.expect("closed");
            assert!(Path::new(file).is_file(), "{url}");
        }
        // SQLite would create a temporary database for such a URL.
        for url in ["sqlite:", "sqlite://", "sqlite://?mode=rwc"] {
            let error = Store::connect(url, &StoreOptions::default()).await;
            let error = error.expect_err(url).to_string();
            assert!(error.contains("names no file"), "{url}: {error}");
        }
        return;
    }
    let folder = Folder::new();
    std::fs::create_dir(folder.0.join("a b")).expect("made");
    let this = std::env::current_exe().expect("this program");
    let output = std::process::Command::new(this)
        .args([
            "--exact",
            "addresses::a_url_of_a_file_accepts_any_path_or_is_refused",
        ])
        .env(RELATIVE, "yes")
        .current_dir(&folder.0)
        .output()
        .expect("it runs");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}");
}

/// A folder whose path is short enough for sockets.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!(
            "scrip-{}",
            &Uuid::now_v7().simple().to_string()[20..]
        ));
        std::fs::create_dir(&path).expect("the temporary folder is writable");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
