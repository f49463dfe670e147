//! Opens and closes connections to the broker.

use std::time::Duration;

use lapin::uri::{AMQPScheme, AMQPUri, SASLMechanism};
use lapin::{Connection, ConnectionProperties};
use tokio::time::timeout;

use super::frame_filter;
use super::uri::parse_amqp_url;
use crate::error::{Cause, Error, Result};

/// Seconds between heartbeats, unless the URL sets another value. A dead peer is detected within
/// two of them.
const HEARTBEAT: u16 = 20;
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The address of the broker and the name of the connection.
#[derive(Clone)]
pub(super) struct Endpoint {
    uri: AMQPUri,
    name: String,
    /// The time that opening a connection or a channel may take.
    pub(super) timeout: Duration,
}

impl Endpoint {
    pub(super) fn parse(url: &str, name: String, timeout: Duration) -> Result<Self> {
        let mut uri = parse_amqp_url(url).map_err(Error::Url)?;
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

    pub(super) async fn connect(&self) -> Result<Connection, Cause> {
        let properties =
            ConnectionProperties::default().with_connection_name(self.name.clone().into());
        frame_filter::connect(self.uri.clone(), properties)
            .await
            .map_err(|error| {
                if speaks_no_tls(&error) {
                    return "the broker does not speak TLS on this port, as amqps:// demands"
                        .into();
                }
                error.into()
            })
    }
}

fn speaks_no_tls(error: &lapin::Error) -> bool {
    let lapin::ErrorKind::IOError(error) = error.kind() else {
        return false;
    };
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    matches!(inner, Some(rustls::Error::InvalidMessage(_)))
}

/// Closes a connection. A broker that does not answer in time is ignored.
pub(super) async fn close(connection: &Connection) {
    if connection.status().connected() {
        let _ = timeout(CLOSE_TIMEOUT, connection.close(200, "OK".into())).await;
    }
}
