//! A TCP relay in front of a server. A test can delay the server's responses or hold them back.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::sleep,
};

/// When the relay passes on a chunk of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forward {
    After(Duration),
    Never,
}

/// A TCP relay in front of a server.
pub struct Slow {
    url: String,
    forward: watch::Sender<Forward>,
    accepting: JoinHandle<()>,
}

impl Slow {
    /// Listens on a free port and passes everything on at once.
    pub async fn before(url: &str) -> Self {
        let address = address(url);
        let target = if address.contains(':') {
            address.to_owned()
        } else {
            let port = if url.starts_with("amqp") { 5672 } else { 5432 };
            format!("{address}:{port}")
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let here = listener.local_addr().expect("bound").to_string();
        let (forward, watched) = watch::channel(Forward::After(Duration::ZERO));
        Self {
            url: url.replacen(address, &here, 1),
            forward,
            accepting: tokio::spawn(accept(listener, target, watched)),
        }
    }

    /// The server's URL with the address of the relay.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on each chunk of a response is delayed by `delay`.
    pub fn answer_after(&self, delay: Duration) {
        self.forward.send_replace(Forward::After(delay));
    }

    /// From now on the relay holds back every response. It does not lose any of them.
    pub fn hold(&self) {
        self.forward.send_replace(Forward::Never);
    }

    /// Passes on the responses that were held back, and passes on everything at once from now on.
    pub fn release(&self) {
        self.answer_after(Duration::ZERO);
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        // This also ends the connections, whose tasks belong to it.
        self.accepting.abort();
    }
}

/// `host` or `host:port` of a URL.
fn address(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    authority.rsplit('@').next().unwrap_or(authority)
}

async fn accept(listener: TcpListener, target: String, forward: watch::Receiver<Forward>) {
    let mut connections = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        connections.spawn(relay(near, target.clone(), forward.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn relay(near: TcpStream, target: String, forward: watch::Receiver<Forward>) {
    let Ok(far) = TcpStream::connect(target).await else {
        return;
    };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    let (_open, at_once) = watch::channel(Forward::After(Duration::ZERO));
    tokio::select! {
        () = pump(near_in, far_out, at_once) => {}
        () = pump(far_in, near_out, forward) => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut forward: watch::Receiver<Forward>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let Ok(now) = forward
            .wait_for(|forward| *forward != Forward::Never)
            .await
            .map(|forward| *forward)
        else {
            return;
        };
        if let Forward::After(delay) = now
            && !delay.is_zero()
        {
            sleep(delay).await;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
