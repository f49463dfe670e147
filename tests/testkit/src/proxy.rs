//! A TCP relay in front of a server. A test can cut its connections, stop it from forwarding, slow
//! it down or close it.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::{AbortHandle, JoinHandle},
};

/// The largest number of bytes that are passed on at once. A throttled relay passes on fewer.
const CHUNK: usize = 16 * 1024;
/// The number of bytes before a cut if no cut is planned.
const NEVER: u64 = u64::MAX;

/// The direction of bytes through the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server: published messages, acknowledgements, statements.
    ToServer,
    /// From the server to the client: deliveries, confirms, rows.
    ToClient,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// The relay passes everything on at once.
    Open,
    /// The relay passes nothing on and keeps every connection open. Each side believes that the
    /// other side is still there.
    Deaf,
    /// The relay accepts no connections.
    Closed,
}

#[derive(Debug)]
struct State {
    mode: watch::Sender<Mode>,
    /// `host:port` of the server of new connections.
    target: Mutex<String>,
    /// The delay of each chunk in microseconds.
    delay: AtomicU64,
    /// Bytes per second for each direction of each connection; 0 means no limit.
    rate: AtomicU64,
    /// For each [`Direction`] the number of bytes that still pass before every connection is cut.
    left: [AtomicU64; 2],
    /// The number of planned cuts that were carried out.
    cuts: AtomicU64,
    connections: Mutex<Vec<AbortHandle>>,
}

/// A TCP relay in front of a server.
pub struct Proxy {
    address: String,
    accepting: JoinHandle<()>,
    state: Arc<State>,
}

impl Proxy {
    /// Listens on a free port and passes everything on to `target` (`host:port`).
    pub async fn before(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let state = Arc::new(State {
            mode: watch::Sender::new(Mode::Open),
            target: Mutex::new(target),
            delay: AtomicU64::new(0),
            rate: AtomicU64::new(0),
            left: [AtomicU64::new(NEVER), AtomicU64::new(NEVER)],
            cuts: AtomicU64::new(0),
            connections: Mutex::default(),
        });
        let ours = state.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if *ours.mode.borrow() == Mode::Closed {
                    continue;
                }
                let target = ours.target.lock().expect("not poisoned").clone();
                let passing = tokio::spawn(pass(near, target, ours.clone()));
                let mut connections = ours.connections.lock().expect("not poisoned");
                connections.retain(|connection| !connection.is_finished());
                connections.push(passing.abort_handle());
            }
        });
        Self {
            address,
            accepting,
            state,
        }
    }

    /// The address of the relay, `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `url` with the host and port of this relay.
    pub fn instead_of(&self, url: &str) -> String {
        let (scheme, rest) = url.split_once("://").expect("a URL");
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let user = rest[..end].rfind('@').map_or("", |at| &rest[..=at]);
        format!("{scheme}://{user}{}{}", self.address, &rest[end..])
    }

    /// The host and port of `url`.
    pub fn target(url: &str) -> String {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let host = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
        host.rsplit('@').next().unwrap_or_default().to_owned()
    }

    /// Cuts every connection, possibly in the middle of a message. Returns the number of
    /// connections.
    pub fn cut(&self) -> usize {
        self.state.cut()
    }

    /// Plans a cut of every connection after `bytes` more bytes in one direction, at any point of a
    /// message.
    pub fn cut_after(&self, bytes: u64, direction: Direction) {
        self.state.left[direction as usize].store(bytes, SeqCst);
    }

    /// From now on new connections go to `target` (`host:port`). The open ones stay.
    pub fn redirect(&self, target: String) {
        *self.state.target.lock().expect("not poisoned") = target;
    }

    /// The number of planned cuts that were carried out.
    pub fn cuts(&self) -> u64 {
        self.state.cuts.load(SeqCst)
    }

    /// From now on the relay passes nothing on and keeps every connection open.
    pub fn deafen(&self) {
        self.state.mode.send_replace(Mode::Deaf);
    }

    /// Cuts every connection and accepts no new ones. Returns the number of cut connections.
    pub fn close(&self) -> usize {
        self.state.mode.send_replace(Mode::Closed);
        self.cut()
    }

    /// From now on everything passes again, beginning with the bytes that a deaf relay held back.
    pub fn open(&self) {
        self.state.mode.send_replace(Mode::Open);
    }

    /// Delays every chunk by `by`.
    pub fn delay(&self, by: Duration) {
        let micros = u64::try_from(by.as_micros()).expect("a short delay");
        self.state.delay.store(micros, SeqCst);
    }

    /// Limits each direction of each connection to this number of bytes per second; 0 means no
    /// limit.
    pub fn throttle(&self, bytes_per_second: u64) {
        self.state.rate.store(bytes_per_second, SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

impl State {
    fn cut(&self) -> usize {
        let connections = std::mem::take(&mut *self.connections.lock().expect("not poisoned"));
        let open = connections
            .iter()
            .filter(|connection| !connection.is_finished());
        open.map(AbortHandle::abort).count()
    }

    /// The number of the `bytes` bytes that still pass before the planned cut.
    fn allowed(&self, bytes: usize, direction: Direction) -> usize {
        let left = &self.left_in(direction);
        let before = left.fetch_update(SeqCst, SeqCst, |left| {
            (left != NEVER).then(|| left.saturating_sub(bytes as u64))
        });
        before.map_or(bytes, |left| {
            bytes.min(usize::try_from(left).unwrap_or(usize::MAX))
        })
    }

    fn left_in(&self, direction: Direction) -> &AtomicU64 {
        &self.left[direction as usize]
    }

    fn is_used_up(&self, direction: Direction) -> bool {
        self.left_in(direction).load(SeqCst) == 0
    }
}

async fn pass(near: TcpStream, target: String, state: Arc<State>) -> io::Result<()> {
    let far = TcpStream::connect(target).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    // Both directions run in one task, so that its abort drops all four halves.
    tokio::try_join!(
        carry(near_read, far_write, &state, Direction::ToServer),
        carry(far_read, near_write, &state, Direction::ToClient),
    )?;
    Ok(())
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    state: &State,
    direction: Direction,
) -> io::Result<()> {
    let mut mode = state.mode.subscribe();
    let mut buffer = vec![0; CHUNK];
    loop {
        let rate = state.rate.load(SeqCst);
        // At most the bytes of a tenth of a second at once.
        let most = if rate == 0 {
            CHUNK
        } else {
            usize::try_from(rate / 10).unwrap_or(CHUNK).clamp(1, CHUNK)
        };
        let read = from.read(&mut buffer[..most]).await?;
        let _ = mode.wait_for(|mode| *mode != Mode::Deaf).await;
        if read == 0 {
            return to.shutdown().await;
        }
        let delay = state.delay.load(SeqCst);
        if delay > 0 {
            tokio::time::sleep(Duration::from_micros(delay)).await;
        }
        let passes = state.allowed(read, direction);
        to.write_all(&buffer[..passes]).await?;
        if state.is_used_up(direction) {
            state.left_in(direction).store(NEVER, SeqCst);
            state.cuts.fetch_add(1, SeqCst);
            state.cut();
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        if let Some(wait) = (passes as u64 * 1_000_000).checked_div(rate) {
            tokio::time::sleep(Duration::from_micros(wait)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_url_is_rewritten_to_the_relay() {
        let relay = Proxy::before("127.0.0.1:1".to_owned()).await;
        let address = relay.address();
        for (given, expected) in [
            ("amqp://u:p@h:5672/%2f", format!("amqp://u:p@{address}/%2f")),
            (
                "postgres://u@h/db?a=b",
                format!("postgres://u@{address}/db?a=b"),
            ),
            ("redis://h:6379", format!("redis://{address}")),
        ] {
            assert_eq!(relay.instead_of(given), expected);
        }
        assert_eq!(Proxy::target("amqp://u:p@h:5672/%2f"), "h:5672");
    }

    #[tokio::test]
    async fn a_planned_cut_happens_in_the_middle_of_a_message() {
        let server = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let relay = Proxy::before(server.local_addr().expect("bound").to_string()).await;
        relay.cut_after(3, Direction::ToServer);
        let mut client = TcpStream::connect(relay.address()).await.expect("connects");
        client.write_all(b"hello").await.expect("writes");
        let (mut accepted, _) = server.accept().await.expect("accepts");
        let mut got = Vec::new();
        let _ = accepted.read_to_end(&mut got).await;
        assert_eq!((got.as_slice(), relay.cuts()), (&b"hel"[..], 1));
    }

    #[tokio::test]
    async fn a_deaf_relay_holds_back_its_bytes_until_it_is_opened() {
        let server = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let relay = Proxy::before(server.local_addr().expect("bound").to_string()).await;
        relay.deafen();
        let mut client = TcpStream::connect(relay.address()).await.expect("connects");
        client.write_all(b"hello").await.expect("writes");
        let (mut accepted, _) = server.accept().await.expect("accepts");
        let mut got = [0; 5];
        assert!(
            tokio::time::timeout(Duration::from_millis(50), accepted.read_exact(&mut got))
                .await
                .is_err()
        );
        relay.open();
        accepted.read_exact(&mut got).await.expect("arrives");
        assert_eq!(&got, b"hello");
    }
}
