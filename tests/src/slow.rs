//! A TCP relay before a server whose answers a test can delay or hold back.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::sleep,
};

/// When a piece of an answer is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    After(Duration),
    Never,
}

/// A TCP relay before a server.
pub struct Slow {
    url: String,
    pace: watch::Sender<Pace>,
    accepting: JoinHandle<()>,
}

impl Slow {
    /// Listens on a free port, and passes everything on at once.
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
        let (pace, watched) = watch::channel(Pace::After(Duration::ZERO));
        Self {
            url: url.replacen(address, &here, 1),
            pace,
            accepting: tokio::spawn(accept(listener, target, watched)),
        }
    }

    /// The server's URL, by way of here.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on each piece of an answer waits so long before it is passed on.
    pub fn answer_after(&self, delay: Duration) {
        self.pace.send_replace(Pace::After(delay));
    }

    /// From now on no answer is passed on, and none is lost.
    pub fn hold(&self) {
        self.pace.send_replace(Pace::Never);
    }

    /// Passes on what was held back, and everything at once from now on.
    pub fn release(&self) {
        self.answer_after(Duration::ZERO);
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        // The connections end with it.
        self.accepting.abort();
    }
}

/// `host` or `host:port` of a URL.
fn address(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    authority.rsplit('@').next().unwrap_or(authority)
}

async fn accept(listener: TcpListener, target: String, pace: watch::Receiver<Pace>) {
    let mut connections = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        connections.spawn(relay(near, target.clone(), pace.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn relay(near: TcpStream, target: String, pace: watch::Receiver<Pace>) {
    let Ok(far) = TcpStream::connect(target).await else {
        return;
    };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    let (_open, at_once) = watch::channel(Pace::After(Duration::ZERO));
    tokio::select! {
        () = pump(near_in, far_out, at_once) => {}
        () = pump(far_in, near_out, pace) => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut pace: watch::Receiver<Pace>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let Ok(now) = pace.wait_for(|pace| *pace != Pace::Never).await.map(|pace| *pace) else {
            return;
        };
        if let Pace::After(delay) = now
            && !delay.is_zero()
        {
            sleep(delay).await;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
