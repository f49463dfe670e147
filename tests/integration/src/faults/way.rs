//! The ways from a producer to the ledger: over the queue, or over the HTTP API.

use producer_sdk::{Command, Options, Producer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::load::CONFIRM_TIMEOUT;

/// Where producers send their commands.
#[derive(Clone, Debug)]
pub enum Target {
    /// To the queue at this URL, in this namespace.
    Queue { url: String, namespace: String },
    /// To the HTTP server at this address, with this token.
    Http { address: String, token: String },
}

/// The way of one producer.
pub(super) enum Way {
    Queue(Producer),
    Http { address: String, token: String },
}

impl Way {
    pub async fn to(target: &Target, producer: u32) -> Self {
        match target {
            Target::Queue { url, namespace } => {
                let options = Options {
                    namespace: namespace.clone(),
                    confirm_timeout: CONFIRM_TIMEOUT,
                    connection_name: format!("load {producer}"),
                    ..Options::default()
                };
                Self::Queue(Producer::connect(url, options).await.expect("a producer"))
            }
            Target::Http { address, token } => Self::Http {
                address: address.clone(),
                token: token.clone(),
            },
        }
    }

    /// Sends a command and waits for its confirm. Returns whether it was confirmed.
    pub async fn publish(&self, command: &Command) -> bool {
        match self {
            Self::Queue(producer) => producer.publish(command).await.is_ok(),
            Self::Http { address, token } => {
                let posted = timeout(CONFIRM_TIMEOUT, post(address, token, command)).await;
                match posted.expect("a response in time") {
                    Ok(status) => {
                        let may_be_sent_again = [202, 503].contains(&status);
                        assert!(may_be_sent_again, "{status} for {command:?}");
                        status == 202
                    }
                    // The server is away, or the connection was cut.
                    Err(_) => false,
                }
            }
        }
    }

    /// Waits until every command is confirmed.
    pub async fn close(self) {
        if let Self::Queue(producer) = self {
            producer.close().await.expect("every command is confirmed");
        }
    }
}

/// Posts a command on a connection of its own. Returns the status of the response.
async fn post(address: &str, token: &str, command: &Command) -> std::io::Result<u16> {
    let body = command.to_json();
    let head = format!(
        "POST /v1/commands?origin={} HTTP/1.1\r\nHost: scrip\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        command.origin().as_str(),
        body.len()
    );
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&[head.as_bytes(), &body].concat()).await?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await?;
    let response = String::from_utf8_lossy(&response);
    // A response without its end was cut.
    let is_whole = response.contains("\r\n\r\n");
    let status = response.split(' ').nth(1).filter(|_| is_whole);
    status
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
}
