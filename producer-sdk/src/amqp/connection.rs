//! Opens connections and channels, and closes connections.

use std::pin::pin;
use std::time::Duration;

use lapin::uri::{AMQPScheme, AMQPUri, SASLMechanism};
use lapin::{Channel, Connection, ConnectionProperties, ConnectionState, ErrorKind};
use tokio::time::timeout;

use super::frame_filter;
use super::uri::parse_amqp_url;

/// Seconds between heartbeats, unless the URL sets another value. A dead peer is detected within
/// two of them.
const HEARTBEAT: u16 = 20;
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a pending channel request checks that the connection is open.
const CHECK_EVERY: Duration = Duration::from_millis(100);

/// Why a connection could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL demands TLS, but the peer does not speak it.
    #[error("the broker does not speak TLS on this port, as amqps:// demands")]
    NotTls,
    /// The connection was not opened within the time limit.
    #[error("no connection to the broker within {0:?}")]
    Timeout(Duration),
    /// The broker or the network refused the connection.
    #[error(transparent)]
    Broker(lapin::Error),
}

/// The address of the broker and the name of the connection.
#[derive(Clone)]
pub struct Endpoint {
    uri: AMQPUri,
    name: String,
    /// The time that opening a connection or a channel may take.
    pub(super) timeout: Duration,
}

impl Endpoint {
    /// `name` is shown in the broker's management. The error describes the problem of the URL.
    pub fn parse(url: &str, name: String, timeout: Duration) -> Result<Self, String> {
        let mut uri = parse_amqp_url(url)?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        if uri.scheme == AMQPScheme::AMQPS
            && rustls::crypto::CryptoProvider::get_default().is_none()
        {
            // If another thread installs a provider first, that provider is used.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        Ok(Self { uri, name, timeout })
    }

    /// The user whose password the broker checks. `None` if another mechanism authenticates the
    /// connection.
    pub(super) fn user(&self) -> Option<&str> {
        let is_by_password = matches!(
            self.uri.query.auth_mechanism,
            None | Some(SASLMechanism::Plain | SASLMechanism::AMQPlain)
        );
        is_by_password.then_some(self.uri.authority.userinfo.username.as_str())
    }

    /// Opens a connection. The library sets `TCP_NODELAY` on the socket; its recovery stays off. No
    /// message that arrives can end the connection: see [`unreadable`](super::unreadable).
    pub async fn connect(&self) -> Result<Connection, ConnectError> {
        let properties =
            ConnectionProperties::default().with_connection_name(self.name.clone().into());
        let connecting = frame_filter::connect(self.uri.clone(), properties);
        match timeout(self.timeout, connecting).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) if speaks_no_tls(&error) => Err(ConnectError::NotTls),
            Ok(Err(error)) => Err(ConnectError::Broker(error)),
            Err(_) => Err(ConnectError::Timeout(self.timeout)),
        }
    }
}

fn speaks_no_tls(error: &lapin::Error) -> bool {
    let ErrorKind::IOError(error) = error.kind() else {
        return false;
    };
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    matches!(inner, Some(rustls::Error::InvalidMessage(_)))
}

/// Opens a channel. Every channel must be opened here: the library never answers a channel request
/// that it receives just as the connection ends.
pub async fn open_channel(connection: &Connection) -> lapin::Result<Channel> {
    let mut opening = pin!(connection.create_channel());
    loop {
        if let Ok(opened) = timeout(CHECK_EVERY, &mut opening).await {
            return opened;
        }
        if !connection.status().connected() {
            // The error that the library itself returns a moment later.
            return Err(ErrorKind::InvalidConnectionState(ConnectionState::Error).into());
        }
    }
}

/// Closes a connection, if it is open. A broker that does not answer in time is ignored: it notices
/// the closed socket.
pub async fn close(connection: &Connection) {
    if connection.status().connected() {
        let _ = timeout(CLOSE_TIMEOUT, connection.close(200, "OK".into())).await;
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
#[path = "connection_tests.rs"]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests;
