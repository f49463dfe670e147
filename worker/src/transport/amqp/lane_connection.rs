//! The connection that a lane subscribes over: the shared one, or its own.
//!
//! A subscription request that the broker does not answer stays open on the broker. Once the queue
//! has a leader again, the broker may deliver to it, and each requeued delivery counts towards the
//! delivery limit. Only closing the connection ends the request. So that the other lanes keep the
//! shared connection, this lane retries over its own.

use lapin::Connection;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{connection, error::AmqpError, options::InboundOptions, topology};
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
        if matches!(error, AmqpError::NoAnswer { .. }) {
            self.close_own().await;
            let name = format!("scrip {} receiving {queue}", options.worker);
            match connection::open(&options.url, name).await {
                Ok(own) => self.own = Some(own),
                Err(error) => warn!(
                    error = chain(&error),
                    "lane connection cannot be opened, using the shared connection"
                ),
            }
            // The queue exists, so the topology is not declared again: only its leader does not
            // answer.
            return Ok(());
        }
        if !self.get().status().connected() {
            self.close_own().await;
        }
        match topology::declare(self.get(), &options.topology).await {
            Err(error) if !self.shared.status().connected() => Err(error),
            Err(error) => {
                warn!(error = chain(&error), "topology cannot be declared");
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }
}
