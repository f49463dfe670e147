//! Requests the health of a worker over HTTP.

use std::{
    error::Error,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use http_body_util::{BodyExt, Limited};
use hyper::{
    Request, StatusCode,
    client::conn::http1::handshake,
    header::{CONNECTION, HOST},
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};

/// Maximum time until the whole response is read.
const WITHIN: Duration = Duration::from_secs(5);
/// Maximum size of a response body.
const MAX_BYTES: usize = 1024 * 1024;

/// The response of a worker.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthResponse {
    /// Whether the status is 200.
    pub ok: bool,
    /// The response body.
    pub report: Value,
}

/// Why there is no response of a worker.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The connection failed.
    #[error("cannot reach a worker at {address}")]
    Unreachable {
        address: SocketAddr,
        source: io::Error,
    },
    /// The response is not complete within the time limit.
    #[error("no response from {address} within {WITHIN:?}")]
    Timeout { address: SocketAddr },
    /// Another program sent the response.
    #[error("the server at {address} is not a Scrip worker")]
    Strange {
        address: SocketAddr,
        source: Box<dyn Error + Send + Sync>,
    },
}

/// Requests `path` of the worker on this machine that listens at `listen`.
pub async fn get(listen: SocketAddr, path: &str) -> Result<HealthResponse, ClientError> {
    let address = reachable(listen);
    let response = async {
        let stream = TcpStream::connect(address).await;
        let stream = stream.map_err(|source| ClientError::Unreachable { address, source })?;
        let response = exchange(stream, address, path).await;
        response.map_err(|source| ClientError::Strange { address, source })
    };
    timeout(WITHIN, response)
        .await
        .map_err(|_| ClientError::Timeout { address })?
}

/// The address to connect to. A worker that listens on every address is reached by loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen {
        _ if !listen.ip().is_unspecified() => listen.ip(),
        SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, listen.port())
}

async fn exchange(
    stream: TcpStream,
    address: SocketAddr,
    path: &str,
) -> Result<HealthResponse, Box<dyn Error + Send + Sync>> {
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get(path)
        .header(HOST, address.to_string())
        .header(CONNECTION, "close")
        .body(String::new())?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, MAX_BYTES).collect().await?.to_bytes();
    let report: Value = serde_json::from_slice(&body)?;
    if !report["checks"].is_object() {
        return Err("the response has no `checks`".into());
    }
    Ok(HealthResponse {
        ok: head.status == StatusCode::OK,
        report,
    })
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    #[test]
    fn a_worker_that_listens_on_every_address_is_reached_by_loopback() {
        for (listen, address) in [
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::]:1", "[::1]:1"),
            ("10.0.0.7:1", "10.0.0.7:1"),
        ] {
            let listen = listen.parse().expect("an address");
            assert_eq!(reachable(listen).to_string(), address);
        }
    }

    #[tokio::test]
    async fn only_the_response_of_a_worker_is_accepted() {
        let report = r#"{"ok":true,"checks":{}}"#;
        for (status, body, ok) in [
            ("HTTP/1.0 200 X", report, Some(true)),
            ("HTTP/1.0 503 X", report, Some(false)),
            ("HTTP/1.0 200 X", "{}", None),
            ("HTTP/1.0 200 X", "<html>", None),
            ("220 mail ready", "", None),
            ("", "", None),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("bound");
            let server = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await?;
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await?;
                stream
                    .write_all(format!("{status}\r\nA: b\r\n\r\n{body}").as_bytes())
                    .await
            });
            let response = get(address, "/readyz").await;
            server.await.expect("no panic").expect("sent");
            match ok {
                Some(ok) => assert_eq!(response.expect("a response").ok, ok),
                None => assert!(matches!(response, Err(ClientError::Strange { .. }))),
            }
        }
    }
}
