//! The connection that a lane subscribes over: the shared one, or its own.
//!
//! A subscription request that the broker does not answer stays open on the broker. Once the queue
//! has a leader again, the broker may deliver to it, and each requeued delivery counts towards the
//! delivery limit. Only closing the connection ends the request. RabbitMQ 3.10 even closes the whole
//! connection (541) if the only member of the queue is down. So that the other lanes keep the shared
//! connection, this lane retries over its own.

use lapin::Connection;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{connection, error::AmqpError, ledger_id, options::InboundOptions};
use crate::pipeline::{Backoff, chain};

/// The connection that a lane subscribes over.
pub struct LaneConnection<'a> {
    shared: &'a Connection,
    own: Option<Connection>,
}

impl<'a> LaneConnection<'a> {
    /// Uses the connection that all lanes share.
    pub const fn shared(shared: &'a Connection) -> Self {
        Self { shared, own: None }
    }

    /// The current connection.
    pub fn get(&self) -> &Connection {
        self.own.as_ref().unwrap_or(self.shared)
    }

    /// Closes the lane's own connection, if there is one.
    pub async fn close_own(&mut self) {
        if let Some(own) = self.own.take() {
            connection::close(&own).await;
        }
    }

    /// Opens the lane's own connection, and retries until it succeeds, the shared connection is lost
    /// or the lane must stop. Fails if it leads to a broker on which the namespace belongs to another
    /// ledger.
    pub async fn open_own(
        &mut self,
        queue: &str,
        options: &InboundOptions,
        backoff: &mut Backoff,
        stop: &CancellationToken,
    ) -> Result<(), AmqpError> {
        self.close_own().await;
        while self.shared.status().connected() && !stop.is_cancelled() {
            let opened = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                opened = open_compared(queue, options) => opened,
            };
            match opened {
                Ok(own) => {
                    self.own = Some(own);
                    return Ok(());
                }
                Err(error @ AmqpError::OtherLedger(_)) => return Err(error),
                Err(error) => warn!(
                    error = chain(&error),
                    "lane connection cannot be opened, retrying"
                ),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(backoff.wait()) => {}
            }
        }
        Ok(())
    }

    /// Waits after a failure and prepares the next attempt. Fails if the shared connection is lost.
    pub async fn recover(
        &mut self,
        error: AmqpError,
        queue: &str,
        options: &InboundOptions,
        backoff: &mut Backoff,
        stop: &CancellationToken,
    ) -> Result<(), AmqpError> {
        if !self.shared.status().connected() {
            return Err(error);
        }
        warn!(
            error = chain(&error),
            "subscription lost, subscribing again"
        );
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = sleep(backoff.wait()) => {}
        }
        let has_lost_own = self
            .own
            .as_ref()
            .is_some_and(|own| !own.status().connected());
        if has_lost_own || matches!(error, AmqpError::NoAnswer { .. }) || error.is_internal() {
            self.open_own(queue, options, backoff, stop).await?;
        }
        if self.shared.status().connected() {
            Ok(())
        } else {
            Err(error)
        }
    }
}

/// Opens a connection for a lane. It may lead to another broker than the shared one, so the ledger's
/// id is compared.
async fn open_compared(queue: &str, options: &InboundOptions) -> Result<Connection, AmqpError> {
    let name = format!("scrip {} receiving {queue}", options.worker);
    let own = connection::open(&options.url, name).await?;
    if let Some(id) = options.ledger_id {
        ledger_id::compare(&own, &options.topology, id).await?;
    }
    Ok(own)
}
