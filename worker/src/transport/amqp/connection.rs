//! Opens connections and channels, with the implementation of the SDK.

use std::time::Duration;

use lapin::{Channel, Connection};
pub use producer_sdk::amqp::close;
use producer_sdk::amqp::{Endpoint, open_channel, parse_amqp_urls};

use super::{error::AmqpError, request};

/// Time limit of a connection to one address.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Opens a connection to one of the addresses in the URL.
pub async fn open(url: &str, name: String) -> Result<Connection, AmqpError> {
    let endpoint = Endpoint::parse(url, name, TIME_LIMIT).map_err(AmqpError::Url)?;
    Ok(endpoint.connect().await?)
}

/// Connects once and closes the connection. At the start of a program it returns the error that a
/// worker would otherwise report again and again.
pub async fn check_access(url: &str) -> Result<(), AmqpError> {
    let connection = open(url, "scrip".to_owned()).await?;
    close(&connection).await;
    Ok(())
}

/// Opens a channel, with a time limit.
pub async fn channel(connection: &Connection) -> Result<Channel, AmqpError> {
    request::answered("opening a channel", open_channel(connection)).await
}

/// Checks a URL, which may be a list, and returns the virtual host in it.
pub fn virtual_host(url: &str) -> Result<String, AmqpError> {
    let uris = parse_amqp_urls(url).map_err(AmqpError::Url)?;
    // All entries of a list name the same one.
    Ok(uris
        .into_iter()
        .next()
        .map_or_else(String::new, |uri| uri.vhost))
}
