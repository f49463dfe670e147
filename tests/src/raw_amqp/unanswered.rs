//! A relay in front of a broker that keeps the broker from seeing subscriptions to some queues: they are never answered, as
//! by a broker whose queue has no leader.
//!
//! What a client sends later on the same channel is not passed on either, because such a broker does not read on there. All
//! other channels, and heartbeats, go on.

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

/// Class and method of `basic.consume`.
const CONSUME: [u8; 4] = [0, 60, 0, 20];
/// Where the queue's name begins in a `basic.consume`: behind class, method and a reserved field.
const QUEUE: usize = 6;

#[derive(Debug, Default)]
struct State {
    queues: Mutex<HashSet<String>>,
    unanswered: AtomicUsize,
    /// Connections with at least one of them.
    connections: AtomicUsize,
}

/// The relay.
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

    /// Where it listens, `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// From now on subscriptions to this queue are not answered.
    pub fn silence(&self, queue: &str) {
        self.queues().insert(queue.to_owned());
    }

    /// From now on every subscription is answered. Those before stay without an answer.
    pub fn answer(&self) {
        self.queues().clear();
    }

    /// How many subscriptions were not answered.
    pub fn unanswered(&self) -> usize {
        self.state.unanswered.load(SeqCst)
    }

    /// How many connections had a subscription that was not answered.
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
    let back = async {
        copy(&mut far_read, &mut near_write).await?;
        near_write.shutdown().await
    };
    tokio::try_join!(there(near_read, far_write, &state), back)?;
    Ok(())
}

/// Passes on what the client sends, frame by frame.
async fn there(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: &State) -> io::Result<()> {
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
    /// Whether a method subscribes to a queue of which the broker is to be silent.
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
