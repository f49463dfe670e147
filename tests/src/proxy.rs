//! A TCP relay in front of a server, over which a test rules: cut, deaf, slow, closed.

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

/// How much is passed on at once; a throttled relay passes on less.
const CHUNK: usize = 16 * 1024;
/// No cut is planned.
const NEVER: u64 = u64::MAX;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server: what is published, acknowledged, queried.
    There,
    /// From the server to the client: deliveries, confirms, rows.
    Back,
}

/// What the relay does to what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Passes everything on at once.
    Open,
    /// Passes nothing on, and keeps every connection open: each side believes that the other is there.
    Deaf,
    /// Takes no connections.
    Closed,
}

#[derive(Debug)]
struct State {
    mode: watch::Sender<Mode>,
    /// Microseconds that each chunk is held back.
    delay: AtomicU64,
    /// Bytes a second, each way of each connection; 0: as fast as it goes.
    rate: AtomicU64,
    /// Bytes that still pass, there and back, before every connection is cut in the middle of them.
    left: [AtomicU64; 2],
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
                let passing = tokio::spawn(pass(near, target.clone(), ours.clone()));
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

    /// Where it listens, `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `url` by way of this relay, whatever host and port it names.
    pub fn instead_of(&self, url: &str) -> String {
        let (scheme, rest) = url.split_once("://").expect("a URL");
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let user = rest[..end].rfind('@').map_or("", |at| &rest[..=at]);
        format!("{scheme}://{user}{}{}", self.address, &rest[end..])
    }

    /// Host and port that `url` names.
    pub fn target(url: &str) -> String {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let host = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
        host.rsplit('@').next().unwrap_or_default().to_owned()
    }

    /// Cuts every connection in the middle of whatever it carries. Returns how many there were.
    pub fn cut(&self) -> usize {
        self.state.cut()
    }

    /// Cuts every connection when so many more bytes have gone that way, wherever that is within a message.
    pub fn cut_after(&self, bytes: u64, way: Way) {
        self.state.left[way as usize].store(bytes, SeqCst);
    }

    /// How often a planned cut was carried out.
    pub fn cuts(&self) -> u64 {
        self.state.cuts.load(SeqCst)
    }

    /// From now on nothing passes, and every connection stays open.
    pub fn deafen(&self) {
        self.state.mode.send_replace(Mode::Deaf);
    }

    /// Cuts every connection and takes no more. Returns how many there were.
    pub fn close(&self) -> usize {
        self.state.mode.send_replace(Mode::Closed);
        self.cut()
    }

    /// From now on everything passes again; what a deaf relay held back goes first.
    pub fn open(&self) {
        self.state.mode.send_replace(Mode::Open);
    }

    /// Everything arrives later by this much.
    pub fn delay(&self, by: Duration) {
        let micros = u64::try_from(by.as_micros()).expect("a short delay");
        self.state.delay.store(micros, SeqCst);
    }

    /// So many bytes a second go each way of each connection; 0: as many as can.
    pub fn throttle(&self, bytes_a_second: u64) {
        self.state.rate.store(bytes_a_second, SeqCst);
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
        let open = connections.iter().filter(|connection| !connection.is_finished());
        open.map(AbortHandle::abort).count()
    }

    /// How many of `bytes` still pass before the planned cut.
    fn allowed(&self, bytes: usize, way: Way) -> usize {
        let left = &self.state_of(way);
        let before = left.fetch_update(SeqCst, SeqCst, |left| {
            (left != NEVER).then(|| left.saturating_sub(bytes as u64))
        });
        before.map_or(bytes, |left| {
            bytes.min(usize::try_from(left).unwrap_or(usize::MAX))
        })
    }

    fn state_of(&self, way: Way) -> &AtomicU64 {
        &self.left[way as usize]
    }

    fn is_used_up(&self, way: Way) -> bool {
        self.state_of(way).load(SeqCst) == 0
    }
}

async fn pass(near: TcpStream, target: String, state: Arc<State>) -> io::Result<()> {
    let far = TcpStream::connect(target).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    // Both in one task, so that aborting it drops all four halves.
    tokio::try_join!(
        carry(near_read, far_write, &state, Way::There),
        carry(far_read, near_write, &state, Way::Back),
    )?;
    Ok(())
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: &State, way: Way) -> io::Result<()> {
    let mut mode = state.mode.subscribe();
    let mut buffer = vec![0; CHUNK];
    loop {
        let rate = state.rate.load(SeqCst);
        // A tenth of a second's worth at once.
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
        let passes = state.allowed(read, way);
        to.write_all(&buffer[..passes]).await?;
        if state.is_used_up(way) {
            state.state_of(way).store(NEVER, SeqCst);
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
    async fn a_url_goes_by_way_of_the_relay() {
        let relay = Proxy::before("127.0.0.1:1".to_owned()).await;
        let address = relay.address();
        for (given, expected) in [
            ("amqp://u:p@h:5672/%2f", format!("amqp://u:p@{address}/%2f")),
            ("postgres://u@h/db?a=b", format!("postgres://u@{address}/db?a=b")),
            ("redis://h:6379", format!("redis://{address}")),
        ] {
            assert_eq!(relay.instead_of(given), expected);
        }
        assert_eq!(Proxy::target("amqp://u:p@h:5672/%2f"), "h:5672");
    }

    #[tokio::test]
    async fn a_planned_cut_comes_in_the_middle_of_what_is_carried() {
        let server = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let relay = Proxy::before(server.local_addr().expect("bound").to_string()).await;
        relay.cut_after(3, Way::There);
        let mut client = TcpStream::connect(relay.address()).await.expect("connects");
        client.write_all(b"hello").await.expect("writes");
        let (mut accepted, _) = server.accept().await.expect("accepts");
        let mut got = Vec::new();
        let _ = accepted.read_to_end(&mut got).await;
        assert_eq!((got.as_slice(), relay.cuts()), (&b"hel"[..], 1));
    }

    #[tokio::test]
    async fn a_deaf_relay_keeps_what_it_is_given_until_it_is_opened() {
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
