//! A TCP relay between a client and the broker. It can cut connections, and it can hold back data
//! from the broker.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::select;
use tokio::sync::watch;

pub struct Relay {
    port: u16,
    cut: watch::Sender<u64>,
    mute: watch::Sender<bool>,
    accepted: Arc<AtomicUsize>,
}

impl Relay {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (cut, cuts) = watch::channel(0);
        let (mute, muted) = watch::channel(false);
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (mut cuts, muted) = (cuts.clone(), muted.clone());
                cuts.mark_unchanged();
                tokio::spawn(async move {
                    let Ok(broker) = TcpStream::connect(broker_address()).await else {
                        return;
                    };
                    let (client_in, client_out) = client.into_split();
                    let (broker_in, broker_out) = broker.into_split();
                    let (_open, never_muted) = watch::channel(false);
                    // A cut takes precedence over data that was held back at that time.
                    select! {
                        biased;
                        _ = cuts.changed() => {}
                        () = pump(client_in, broker_out, never_muted) => {}
                        () = pump(broker_in, client_out, muted) => {}
                    }
                });
            }
        });
        Self {
            port,
            cut,
            mute,
            accepted,
        }
    }

    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    /// Cuts all current connections.
    pub fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }

    /// Holds back data from the broker, and with it the confirms.
    pub fn mute(&self, muted: bool) {
        self.mute.send_replace(muted);
    }

    pub fn connections(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

fn broker_address() -> String {
    let url = super::url();
    let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    if host.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:5672")
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut muted: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if muted.wait_for(|muted| !muted).await.is_err()
            || to.write_all(&buffer[..count]).await.is_err()
        {
            return;
        }
    }
}
