//! HTTP, bounded in every way: who is slow, says too much or comes in crowds costs nothing that the worker needs.

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

/// Connections at once. One more, and the oldest is closed: whoever asks now is answered, whoever else holds on.
const CONNECTIONS: usize = 32;
/// A request that is not read by then is none.
const REQUEST_WITHIN: Duration = Duration::from_secs(3);
/// A connection is closed by then.
const CLOSED_WITHIN: Duration = Duration::from_secs(5);
/// The least that the library takes.
const BUFFER: usize = 8 * 1024;
const HEADERS: usize = 32;
/// After a connection could not be accepted, as when the process has too many.
const PAUSE: Duration = Duration::from_millis(200);

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const PROMETHEUS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD");

/// Answers for as long as the process.
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
                warn!(%error, "a connection to health.listen could not be accepted");
                sleep(PAUSE).await;
            }
        }
    }
}

/// One question, one answer.
async fn converse(stream: TcpStream, health: &Health) {
    let service = service_fn(|request: Request<Incoming>| {
        let answer = answer(health, request.method(), request.uri().path());
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_WITHIN)
        .max_buf_size(BUFFER)
        .max_headers(HEADERS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // What a client does wrong is his own affair.
    let _ = timeout(CLOSED_WITHIN, connection).await;
}

fn answer(health: &Health, method: &Method, path: &str) -> Response<String> {
    if *method != Method::GET && *method != Method::HEAD {
        let text = format!("the method is {method}; allowed is GET or HEAD\n");
        let mut response = respond(StatusCode::METHOD_NOT_ALLOWED, PLAIN, text);
        response.headers_mut().insert(ALLOW, METHODS);
        return response;
    }
    match path {
        "/livez" => report(&health.live()),
        "/readyz" => report(&health.ready()),
        "/metrics" => respond(StatusCode::OK, PROMETHEUS, health.metrics()),
        _ => {
            let text = "there is no such path; allowed are /livez, /readyz and /metrics\n";
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
