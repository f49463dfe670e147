//! Asks a worker how it is: as much HTTP as that takes.

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

/// The answer is to be here by then.
const WITHIN: Duration = Duration::from_secs(5);
/// An answer is not longer than this.
const MOST_BYTES: u64 = 1024 * 1024;

/// What a worker says.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Whether it says that all is well.
    pub ok: bool,
    /// What it looked at.
    pub report: Value,
}

/// Why a worker says nothing.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody is there.
    #[error("nobody answers at {address}")]
    Unreachable {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// Whoever is there takes too long.
    #[error("no answer from {address} within {WITHIN:?}")]
    Timeout {
        /// Where.
        address: SocketAddr,
    },
    /// Somebody else is there.
    #[error("what answers at {address} is no Scrip worker")]
    Strange {
        /// Where.
        address: SocketAddr,
    },
}

/// Asks the worker of this machine that listens at `listen` for `path`.
pub async fn ask(listen: SocketAddr, path: &str) -> Result<Told, AskError> {
    let address = reachable(listen);
    let answer = timeout(WITHIN, exchange(address, path))
        .await
        .map_err(|_| AskError::Timeout { address })?
        .map_err(|source| AskError::Unreachable { address, source })?;
    read(&answer).ok_or(AskError::Strange { address })
}

/// Where to ask somebody who listens on every address.
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
    // In the older version an answer ends with its connection.
    let question = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(question.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(MOST_BYTES).read_to_end(&mut answer).await?;
    Ok(answer)
}

fn read(answer: &[u8]) -> Option<Told> {
    let text = std::str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?;
    let report: Value = serde_json::from_str(body).ok()?;
    report.get("checks")?.as_object()?;
    Some(Told {
        ok: status == "200",
        report,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_everywhere_is_asked_here() {
        for (listen, asked) in [
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::]:1", "[::1]:1"),
            ("10.0.0.7:1", "10.0.0.7:1"),
        ] {
            let listen = listen.parse().expect("an address");
            assert_eq!(reachable(listen).to_string(), asked);
        }
    }

    #[test]
    fn only_the_answer_of_a_worker_is_taken_for_one() {
        let of =
            |status: &str, body: &str| read(format!("HTTP/1.0 {status} X\r\nA: b\r\n\r\n{body}").as_bytes());
        let report = r#"{"ok":true,"checks":{}}"#;
        assert!(of("200", report).is_some_and(|told| told.ok));
        assert!(of("503", report).is_some_and(|told| !told.ok));
        assert_eq!(of("200", "{}"), None);
        assert_eq!(of("200", "<html>"), None);
        assert_eq!(read(b"220 mail ready\r\n"), None);
        assert_eq!(read(b""), None);
    }
}
