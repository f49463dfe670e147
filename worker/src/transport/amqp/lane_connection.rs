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

use super::{connection, error::AmqpError, options::InboundOptions};
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
    /// or the lane must stop.
    pub async fn open_own(
        &mut self,
        queue: &str,
        options: &InboundOptions,
        backoff: &mut Backoff,
        stop: &CancellationToken,
    ) {
        self.close_own().await;
        while self.shared.status().connected() && !stop.is_cancelled() {
            let name = format!("scrip {} receiving {queue}", options.worker);
            match connection::open(&options.url, name).await {
                Ok(own) => {
                    self.own = Some(own);
                    return;
                }
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
        if matches!(error, AmqpError::NoAnswer { .. }) || error.is_internal() {
            self.open_own(queue, options, backoff, stop).await;
        } else if !self.get().status().connected() {
            self.close_own().await;
        }
        if self.shared.status().connected() {
            Ok(())
        } else {
            Err(error)
        }
    }
}
