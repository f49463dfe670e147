//! A connection of the engine with its channel.

use lapin::Connection;
use tokio::time::timeout;

use super::confirm_channel::ConfirmChannel;
use super::connection::Endpoint;
use super::ledger;
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
        let standing = old.filter(|connection| connection.status().connected());
        let connection = if let Some(connection) = standing {
            connection
        } else {
            let connection = endpoint.connect().await?;
            if let Some(queue) = &endpoint.ledger {
                // This broker may be another one than before.
                timeout(endpoint.timeout, ledger::check(&connection, queue)).await??;
            }
            connection
        };
        let opening = ConfirmChannel::open(&connection, true);
        let channel = timeout(endpoint.timeout, opening).await??;
        Ok(Box::new(Self {
            connection,
            channel,
        }))
    }
}
