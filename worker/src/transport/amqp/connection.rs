//! Opens connections, with a name, a heartbeat and a time limit.

use std::{pin::pin, time::Duration};

use lapin::{Channel, Connection, ConnectionProperties, ConnectionState, ErrorKind, uri::AMQPUri};
use producer_sdk::{connect_amqp, parse_amqp_url};
use tokio::time::timeout;

use super::{error::AmqpError, request};

/// Seconds without traffic after which either side closes the connection.
const HEARTBEAT: u16 = 20;
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// How often a pending channel request checks that the connection is open.
const CHECK_EVERY: Duration = Duration::from_millis(100);

/// Opens a connection. The library sets `TCP_NODELAY` on the socket; its recovery stays off. No
/// message that arrives can end the connection: see [`producer_sdk::unreadable`].
pub async fn open(url: &str, name: String) -> Result<Connection, AmqpError> {
    let mut uri = parse(url)?;
    uri.query.heartbeat.get_or_insert(HEARTBEAT);
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    match timeout(TIME_LIMIT, connect_amqp(uri, properties)).await {
        Ok(connected) => connected.map_err(AmqpError::doing("connecting")),
        Err(_) => Err(AmqpError::Timeout(TIME_LIMIT)),
    }
}

/// Connects once and closes the connection. At the start of a program it returns the error that a
/// worker would otherwise report again and again.
pub async fn check_access(url: &str) -> Result<(), AmqpError> {
    let connection = open(url, "scrip".to_owned()).await?;
    close(&connection).await;
    Ok(())
}

/// Opens a channel. Every channel must be opened here: the library never answers a channel request
/// that it receives just as the connection ends.
pub async fn channel(connection: &Connection) -> Result<Channel, AmqpError> {
    let mut opening = pin!(connection.create_channel());
    let opening = async {
        loop {
            if let Ok(opened) = timeout(CHECK_EVERY, &mut opening).await {
                return opened;
            }
            if !connection.status().connected() {
                // The error that the library itself returns a moment later.
                return Err(ErrorKind::InvalidConnectionState(ConnectionState::Error).into());
            }
        }
    };
    request::answered("opening a channel", opening).await
}

/// Parses a URL like the SDK.
pub fn parse(url: &str) -> Result<AMQPUri, AmqpError> {
    parse_amqp_url(url).map_err(AmqpError::Url)
}

/// The virtual host in a URL.
pub fn virtual_host(url: &str) -> Result<String, AmqpError> {
    Ok(parse(url)?.vhost)
}

/// Closes a connection, if it is open.
pub async fn close(connection: &Connection) {
    if connection.status().connected() {
        // A failure to close loses nothing more; the broker notices the closed socket.
        let _ = timeout(TIME_LIMIT, connection.close(200, "bye".into())).await;
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
#[path = "connection_tests.rs"]
mod tests;
