//! A relay in front of a broker that does not pass on subscriptions to some queues. The broker
//! never responds to them, like a broker whose queue has no leader.
//!
//! The relay also drops everything that the client sends later on the same channel, because such a
//! broker stops reading there. All other channels and the heartbeats continue.

use std::{
    collections::HashSet,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::{JoinHandle, JoinSet},
};

use super::wire::METHOD;

/// The class and method of `basic.consume`.
const CONSUME: [u8; 4] = [0, 60, 0, 20];
/// The offset of the queue's name in a `basic.consume`, after class, method and a reserved field.
const QUEUE: usize = 6;

#[derive(Debug, Default)]
struct State {
    queues: Mutex<HashSet<String>>,
    /// The number of subscriptions that were dropped.
    unanswered: AtomicUsize,
    /// The number of connections with at least one dropped subscription.
    connections: AtomicUsize,
}

/// A relay that drops subscriptions to some queues.
pub struct Unanswered {
    address: String,
    accepting: JoinHandle<()>,
    state: Arc<State>,
}

impl Unanswered {
    /// Listens on a free port and passes everything on to `target` (`host:port`).
    pub async fn before(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let state = Arc::<State>::default();
        let ours = state.clone();
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                connections.spawn(pass(near, target.clone(), ours.clone()));
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

    /// From now on the relay drops subscriptions to this queue.
    pub fn silence(&self, queue: &str) {
        self.queues().insert(queue.to_owned());
    }

    /// From now on every subscription gets a response. Earlier ones stay without a response.
    pub fn answer(&self) {
        self.queues().clear();
    }

    /// The number of subscriptions without a response.
    pub fn unanswered(&self) -> usize {
        self.state.unanswered.load(SeqCst)
    }

    /// The number of connections with at least one subscription without a response.
    pub fn connections(&self) -> usize {
        self.state.connections.load(SeqCst)
    }

    fn queues(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.state.queues.lock().expect("not poisoned")
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass(near: TcpStream, target: String, state: Arc<State>) -> io::Result<()> {
    let far = TcpStream::connect(target).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (near_read, near_write) = near.into_split();
    let (mut far_read, far_write) = far.into_split();
    let mut near_write = near_write;
    let to_client = async {
        copy(&mut far_read, &mut near_write).await?;
        near_write.shutdown().await
    };
    tokio::try_join!(to_server(near_read, far_write, &state), to_client)?;
    Ok(())
}

/// Passes on the client's frames.
async fn to_server(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    state: &State,
) -> io::Result<()> {
    let mut name = [0; 8];
    from.read_exact(&mut name).await?;
    to.write_all(&name).await?;
    let mut silent = HashSet::new();
    loop {
        let mut head = [0; 7];
        if from.read_exact(&mut head).await.is_err() {
            return to.shutdown().await;
        }
        let channel = [head[1], head[2]];
        let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
        let mut rest = vec![0; size as usize + 1];
        from.read_exact(&mut rest).await?;
        if head[0] == METHOD && state.is_silenced(&rest) {
            state.unanswered.fetch_add(1, SeqCst);
            if silent.is_empty() {
                state.connections.fetch_add(1, SeqCst);
            }
            silent.insert(channel);
        }
        if !silent.contains(&channel) {
            to.write_all(&[&head[..], &rest].concat()).await?;
        }
    }
}

impl State {
    /// Whether a method is a subscription to one of the silenced queues.
    fn is_silenced(&self, method: &[u8]) -> bool {
        let Some(name) = method
            .starts_with(&CONSUME)
            .then(|| method.get(QUEUE..))
            .flatten()
        else {
            return false;
        };
        let Some((length, name)) = name.split_first() else {
            return false;
        };
        let queues = self.queues.lock().expect("not poisoned");
        name.get(..usize::from(*length))
            .and_then(|name| std::str::from_utf8(name).ok())
            .is_some_and(|name| queues.contains(name))
    }
}
