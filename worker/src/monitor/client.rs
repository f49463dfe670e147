//! Requests the health of a worker, with the minimum of HTTP that this needs.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Maximum time until the whole response is read.
const WITHIN: Duration = Duration::from_secs(5);
/// Maximum size of a response. The rest is not read.
const MAX_BYTES: u64 = 1024 * 1024;

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
    Strange { address: SocketAddr },
}

/// Requests `path` of the worker on this machine that listens at `listen`.
pub async fn get(listen: SocketAddr, path: &str) -> Result<HealthResponse, ClientError> {
    let address = reachable(listen);
    let response = timeout(WITHIN, exchange(address, path))
        .await
        .map_err(|_| ClientError::Timeout { address })?
        .map_err(|source| ClientError::Unreachable { address, source })?;
    read(&response).ok_or(ClientError::Strange { address })
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

async fn exchange(address: SocketAddr, path: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    // In HTTP/1.0 the response ends with its connection.
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut response = Vec::new();
    stream.take(MAX_BYTES).read_to_end(&mut response).await?;
    Ok(response)
}

fn read(response: &[u8]) -> Option<HealthResponse> {
    let text = std::str::from_utf8(response).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?;
    let report: Value = serde_json::from_str(body).ok()?;
    report.get("checks")?.as_object()?;
    Some(HealthResponse {
        ok: status == "200",
        report,
    })
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn only_the_response_of_a_worker_is_accepted() {
        let of = |status: &str, body: &str| {
            read(format!("HTTP/1.0 {status} X\r\nA: b\r\n\r\n{body}").as_bytes())
        };
        let report = r#"{"ok":true,"checks":{}}"#;
        assert!(of("200", report).is_some_and(|response| response.ok));
        assert!(of("503", report).is_some_and(|response| !response.ok));
        assert_eq!(of("200", "{}"), None);
        assert_eq!(of("200", "<html>"), None);
        assert_eq!(read(b"220 mail ready\r\n"), None);
        assert_eq!(read(b""), None);
    }
}
