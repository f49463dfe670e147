//! Opens connections and channels, and closes connections.

use std::fmt::Write;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use lapin::uri::{AMQPScheme, AMQPUri, SASLMechanism};
use lapin::{Channel, Connection, ConnectionProperties, ConnectionState, ErrorKind};
use tokio::net::lookup_host;
use tokio::time::timeout;
use tracing::debug;

use super::addresses::first_answer;
use super::frame_filter;
use super::uri::{host_and_port, parse_amqp_urls};
use crate::contract::QueueSpec;

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
    /// None of several addresses can be used.
    #[error("none of the broker's {} addresses can be used: {}", .0.len(), listed(.0))]
    NoAddress(Vec<AddressError>),
}

/// Why one of several addresses cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{address}: {error}")]
pub struct AddressError {
    /// Host and port, and the IP address if the host has several.
    pub address: String,
    /// The cause.
    pub error: ConnectError,
}

fn listed(errors: &[AddressError]) -> String {
    let mut text = String::new();
    for error in errors {
        let separator = if text.is_empty() { "" } else { "; " };
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}{error}");
    }
    text
}

/// The errors of the addresses of one host.
#[derive(Debug, thiserror::Error)]
#[error("{}", listed(.0))]
struct HostError(Vec<AddressError>);

/// The addresses of the broker and the name of the connection.
#[derive(Clone)]
pub struct Endpoint {
    uris: Vec<AMQPUri>,
    name: String,
    /// The time that opening a connection to one address, or a channel, may take.
    pub(super) timeout: Duration,
    /// The queue that names the ledger to which the namespace must belong; `None`: not compared.
    pub(super) ledger: Option<QueueSpec>,
}

impl Endpoint {
    /// `url` is one URL or a list of them, `name` is shown in the broker's management. The error
    /// describes the problem of the URL.
    pub fn parse(url: &str, name: String, timeout: Duration) -> Result<Self, String> {
        let mut uris = parse_amqp_urls(url)?;
        for uri in &mut uris {
            uri.query.heartbeat.get_or_insert(HEARTBEAT);
        }
        if uris.iter().any(|uri| uri.scheme == AMQPScheme::AMQPS)
            && rustls::crypto::CryptoProvider::get_default().is_none()
        {
            // If another thread installs a provider first, that provider is used.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        Ok(Self {
            uris,
            name,
            timeout,
            ledger: None,
        })
    }

    /// The user whose password the broker checks. `None` if another mechanism authenticates the
    /// connection.
    pub fn user(&self) -> Option<&str> {
        // All URLs name the same user.
        let uri = self.uris.first()?;
        let is_by_password = matches!(
            uri.query.auth_mechanism,
            None | Some(SASLMechanism::Plain | SASLMechanism::AMQPlain)
        );
        is_by_password.then_some(uri.authority.userinfo.username.as_str())
    }

    /// Opens a connection to the first address that answers, of all hosts and of all addresses of
    /// each host. Each has the time limit for itself.
    ///
    /// The library sets `TCP_NODELAY` on the socket; its recovery stays off. No message that
    /// arrives can end the connection: see [`unreadable`](super::unreadable).
    pub async fn connect(&self) -> Result<Connection, ConnectError> {
        let hosts = self.uris.iter().map(|uri| (host_and_port(uri), uri));
        let connected = first_answer(hosts.collect(), |uri| self.connect_to_host(uri)).await;
        connected.map_err(|errors| {
            let mut errors: Vec<_> = errors.into_iter().flat_map(|HostError(all)| all).collect();
            match errors.pop() {
                Some(only) if errors.is_empty() => only.error,
                last => {
                    errors.extend(last);
                    ConnectError::NoAddress(errors)
                }
            }
        })
    }

    async fn connect_to_host(&self, uri: &AMQPUri) -> Result<Connection, HostError> {
        let authority = &uri.authority;
        let resolving = lookup_host((authority.host.as_str(), authority.port));
        let error = match timeout(self.timeout, resolving).await {
            Ok(Ok(found)) => return self.connect_to_any(uri, found.collect()).await,
            Ok(Err(error)) => ConnectError::Broker(error.into()),
            Err(_) => ConnectError::Timeout(self.timeout),
        };
        let address = host_and_port(uri);
        Err(HostError(vec![AddressError { address, error }]))
    }

    /// Connects to one of the addresses of a host.
    async fn connect_to_any(
        &self,
        uri: &AMQPUri,
        mut addresses: Vec<SocketAddr>,
    ) -> Result<Connection, HostError> {
        addresses.sort_unstable();
        addresses.dedup();
        let is_only = addresses.len() == 1;
        let addresses = addresses
            .into_iter()
            .map(|address| (address.to_string(), address));
        let connected = first_answer(addresses.collect(), async |address: SocketAddr| {
            let connected = self.connect_to_address(uri, address).await;
            connected.map_err(|error| {
                let host = host_and_port(uri);
                let address = if is_only {
                    host
                } else {
                    format!("{host} ({})", address.ip())
                };
                AddressError { address, error }
            })
        });
        connected.await.map_err(HostError)
    }

    async fn connect_to_address(
        &self,
        uri: &AMQPUri,
        address: SocketAddr,
    ) -> Result<Connection, ConnectError> {
        let properties =
            ConnectionProperties::default().with_connection_name(self.name.clone().into());
        let connecting = frame_filter::connect(uri.clone(), address, properties);
        match timeout(self.timeout, connecting).await {
            Ok(Ok(connection)) => {
                debug!(%address, name = self.name, "connected to the broker");
                Ok(connection)
            }
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
