//! The connections of the server, with limits that keep slow or numerous clients from using the
//! resources of others.

use std::{pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

use super::{counters::HttpCounters, tls::Tls, write_limit::WriteLimit};

/// Maximum size of the head of a request.
const MAX_HEAD: usize = 32 * 1024;
const MAX_HEADERS: usize = 64;
/// Time after which a connection is closed as soon as its request is answered, so that a client
/// that reads nothing cannot keep it for ever.
const LIFETIME: Duration = Duration::from_mins(10);
/// Time that the last request of a connection may take.
const LAST_REQUEST: Duration = Duration::from_mins(6);
/// Pause after a connection could not be accepted, for example without free descriptors.
const PAUSE: Duration = Duration::from_millis(200);

/// The limits of connections.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Maximum of open connections. Further ones wait.
    pub connections: usize,
    /// Maximum time of the TLS handshake, to receive the head of a request, to wait for the next
    /// request, and to write without progress.
    pub request: Duration,
}

/// Serves connections until `stop` is cancelled. Then it accepts no more of them, and the requests
/// in progress end. With a certificate it speaks TLS, and nothing else.
pub async fn serve(
    (listener, tls): (TcpListener, Option<Tls>),
    router: Router,
    limits: Limits,
    counters: HttpCounters,
    stop: CancellationToken,
) {
    let permits = Arc::new(Semaphore::new(limits.connections));
    let open = TaskTracker::new();
    loop {
        let next = accept(&listener, &permits);
        let Some((stream, permit)) = stop.run_until_cancelled(next).await else {
            break;
        };
        let (router, tls, stop) = (router.clone(), tls.clone(), stop.clone());
        let counters = counters.clone();
        open.spawn(async move {
            counters.opened();
            serve_connection((stream, tls), router, limits, stop).await;
            counters.closed();
            drop(permit);
        });
    }
    drop(listener);
    open.close();
    open.wait().await;
}

/// The next connection. It is accepted only if there is room for it: others wait in the system.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    loop {
        let Ok(permit) = permits.clone().acquire_owned().await else {
            // The semaphore is never closed.
            return std::future::pending().await;
        };
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            Err(error) => {
                warn!(%error, "accepting a connection to the HTTP server failed");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Serves a connection.
async fn serve_connection(
    (stream, tls): (TcpStream, Option<Tls>),
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) {
    // A response is written at once.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "socket option not set");
    }
    let Some(tls) = tls else {
        return answer(stream, router, limits, stop).await;
    };
    let handshake = tls.accept(stream, limits.request);
    if let Some(Some(stream)) = stop.run_until_cancelled(handshake).await {
        answer(stream, router, limits, stop).await;
    }
}

/// Answers the requests of a connection.
async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) {
    let stream = WriteLimit::new(stream, limits.request);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.request)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    tokio::select! {
        // An error of the client needs no handling.
        _ = connection.as_mut() => return,
        () = stop.cancelled() => {}
        () = sleep(LIFETIME) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(LAST_REQUEST, connection).await;
}
