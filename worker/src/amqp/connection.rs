//! One connection: its name, its heartbeat and a time limit.

use std::{pin::pin, time::Duration};

use lapin::{Channel, Connection, ConnectionProperties, ConnectionState, ErrorKind, uri::AMQPUri};
use producer_sdk::{connect_amqp, parse_amqp_url};
use tokio::time::timeout;

use super::{AmqpError, request};

/// Seconds without a sign of life after which either side gives the connection up.
const HEARTBEAT: u16 = 20;
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// Whoever waits for a channel looks this often whether the connection still is one.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Connects. The library sets `TCP_NODELAY` on the socket; its recovery stays off. No message that arrives on the
/// connection ends it: see [`producer_sdk::unreadable`].
pub async fn open(url: &str, name: String) -> Result<Connection, AmqpError> {
    let mut uri = parse(url)?;
    uri.query.heartbeat.get_or_insert(HEARTBEAT);
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    match timeout(TIME_LIMIT, connect_amqp(uri, properties)).await {
        Ok(connected) => connected.map_err(AmqpError::doing("connecting")),
        Err(_) => Err(AmqpError::Timeout(TIME_LIMIT)),
    }
}

/// Opens a channel; the only way to. A request that the library gets just when a connection ends it never answers.
pub async fn channel(connection: &Connection) -> Result<Channel, AmqpError> {
    let mut opening = pin!(connection.create_channel());
    let opening = async {
        loop {
            if let Ok(opened) = timeout(LOOK_AGAIN, &mut opening).await {
                return opened;
            }
            if !connection.status().connected() {
                // As the library itself says a moment later.
                return Err(ErrorKind::InvalidConnectionState(ConnectionState::Error).into());
            }
        }
    };
    request::answered("opening a channel", opening).await
}

/// Reads a URL, as the SDK does.
pub fn parse(url: &str) -> Result<AMQPUri, AmqpError> {
    parse_amqp_url(url).map_err(AmqpError::Url)
}

/// The virtual host that a URL names.
pub fn virtual_host(url: &str) -> Result<String, AmqpError> {
    Ok(parse(url)?.vhost)
}

/// Closes a connection, if it still is one.
pub async fn close(connection: &Connection) {
    if connection.status().connected() {
        // What is lost by then is lost either way; the broker notices the closed socket.
        let _ = timeout(TIME_LIMIT, connection.close(200, "bye".into())).await;
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
#[path = "connection_tests.rs"]
mod tests;
