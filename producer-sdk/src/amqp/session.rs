//! A connection of the engine with its channel.

use lapin::Connection;
use tokio::time::timeout;

use super::confirm_channel::ConfirmChannel;
use super::connection::Endpoint;
use crate::error::Cause;

pub(super) struct Session {
    pub(super) connection: Connection,
    pub(super) channel: ConfirmChannel,
}

impl Session {
    /// Opens a channel, on the old connection if it is still open.
    pub(super) async fn open(
        endpoint: Endpoint,
        old: Option<Connection>,
    ) -> Result<Box<Self>, Cause> {
        timeout(endpoint.timeout, async {
            let standing = old.filter(|connection| connection.status().connected());
            let connection = match standing {
                Some(connection) => connection,
                None => endpoint.connect().await?,
            };
            let channel = ConfirmChannel::open(&connection, true).await?;
            Ok(Box::new(Self {
                connection,
                channel,
            }))
        })
        .await?
    }
}
