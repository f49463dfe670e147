//! The HTTP server. Its limits keep slow, verbose or numerous clients from using resources that the
//! worker needs.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{ALLOW, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tracing::warn;

use super::{Health, checks::Report};

/// Maximum of open connections. One more closes the oldest, so a new client always gets a
/// response, even if other clients keep their connections open.
const CONNECTIONS: usize = 32;
/// Maximum time to read a request.
const REQUEST_WITHIN: Duration = Duration::from_secs(3);
/// Maximum lifetime of a connection.
const CLOSED_WITHIN: Duration = Duration::from_secs(5);
/// Size of the read buffer: the minimum of the library.
const BUFFER: usize = 8 * 1024;
const HEADERS: usize = 32;
/// Pause after a connection could not be accepted, for example without free descriptors.
const PAUSE: Duration = Duration::from_millis(200);

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const PROMETHEUS: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD");

/// Serves requests until the process ends.
pub async fn serve(listener: TcpListener, health: Health) {
    let mut newest = VecDeque::with_capacity(CONNECTIONS + 1);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let health = health.clone();
                let conversation = tokio::spawn(async move { converse(stream, &health).await });
                newest.push_back(conversation.abort_handle());
                if newest.len() > CONNECTIONS
                    && let Some(oldest) = newest.pop_front()
                {
                    oldest.abort();
                }
            }
            Err(error) => {
                warn!(%error, "accepting a connection to health.listen failed");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Serves one request on a connection.
async fn converse(stream: TcpStream, health: &Health) {
    let service = service_fn(|request: Request<Incoming>| {
        let response = route(health, request.method(), request.uri().path());
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_WITHIN)
        .max_buf_size(BUFFER)
        .max_headers(HEADERS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // An error of the client needs no handling.
    let _ = timeout(CLOSED_WITHIN, connection).await;
}

fn route(health: &Health, method: &Method, path: &str) -> Response<String> {
    if *method != Method::GET && *method != Method::HEAD {
        let text = format!("the method must be GET or HEAD, got {method}\n");
        let mut response = respond(StatusCode::METHOD_NOT_ALLOWED, PLAIN, text);
        response.headers_mut().insert(ALLOW, METHODS);
        return response;
    }
    match path {
        "/livez" => report(&health.live()),
        "/readyz" => report(&health.ready()),
        "/metrics" => respond(StatusCode::OK, PROMETHEUS, health.metrics()),
        _ => {
            let text = "unknown path; use /livez, /readyz or /metrics\n";
            respond(StatusCode::NOT_FOUND, PLAIN, text.to_owned())
        }
    }
}

fn report(report: &Report) -> Response<String> {
    let status = if report.ok {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    respond(status, JSON, report.to_json())
}

fn respond(status: StatusCode, kind: HeaderValue, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
