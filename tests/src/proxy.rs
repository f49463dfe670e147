//! A TCP proxy in front of a server, whose connections a test can cut.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinHandle},
};

/// A TCP proxy in front of a server.
pub struct Proxy {
    address: String,
    accepting: JoinHandle<()>,
    connections: Arc<Mutex<Vec<AbortHandle>>>,
    refusing: Arc<AtomicBool>,
}

impl Proxy {
    /// Listens on a free port and passes everything on to `target` (`host:port`).
    pub async fn before(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let connections = Arc::<Mutex<Vec<AbortHandle>>>::default();
        let all = connections.clone();
        let refusing = Arc::<AtomicBool>::default();
        let refuse = refusing.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                if refuse.load(SeqCst) {
                    continue;
                }
                let target = target.clone();
                let passing = tokio::spawn(async move {
                    let mut far = TcpStream::connect(target).await?;
                    near.set_nodelay(true)?;
                    far.set_nodelay(true)?;
                    copy_bidirectional(&mut near, &mut far).await
                });
                all.lock().expect("not poisoned").push(passing.abort_handle());
            }
        });
        Self {
            address,
            accepting,
            connections,
            refusing,
        }
    }

    /// Where it listens, `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// From now on closes new connections at once, or no more.
    pub fn refuse(&self, refuse: bool) {
        self.refusing.store(refuse, SeqCst);
    }

    /// Cuts every connection in the middle of whatever it carries. Returns how many there were.
    pub fn cut(&self) -> usize {
        let connections = std::mem::take(&mut *self.connections.lock().expect("not poisoned"));
        let open = connections.iter().filter(|connection| !connection.is_finished());
        open.map(AbortHandle::abort).count()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}
