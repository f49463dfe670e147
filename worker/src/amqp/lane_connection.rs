//! The connection that a lane subscribes over: the one of all lanes, or one of its own.
//!
//! A subscription that the broker does not answer stays open on the broker. When its queue has a leader again, the broker
//! may deliver to it, and each delivery that goes back counts towards the delivery limit. So it is ended with its
//! connection, and in order that the other lanes keep theirs, the lane tries again over a connection of its own.

use lapin::Connection;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{AmqpError, InboundOptions, connection, topology};
use crate::lane::{Backoff, chain};

/// The connection that a lane subscribes over.
pub struct LaneConnection<'a> {
    shared: &'a Connection,
    own: Option<Connection>,
}

impl<'a> LaneConnection<'a> {
    /// The connection of all lanes.
    pub const fn shared(shared: &'a Connection) -> Self {
        Self { shared, own: None }
    }

    /// The connection to subscribe over.
    pub fn get(&self) -> &Connection {
        self.own.as_ref().unwrap_or(self.shared)
    }

    /// Closes the lane's own connection, if it has one.
    pub async fn close_own(&mut self) {
        if let Some(own) = self.own.take() {
            connection::close(&own).await;
        }
    }

    /// Waits after a failure, then makes ready for the next try. Fails when the connection of all lanes is lost.
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
            "the subscription was lost; subscribing again"
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
                Err(error) => warn!(error = chain(&error), "the lane has no connection of its own"),
            }
            // The queue is there: it only does not answer.
            return Ok(());
        }
        if !self.get().status().connected() {
            self.close_own().await;
        }
        match topology::declare(self.get(), &options.topology).await {
            Err(error) if !self.shared.status().connected() => Err(error),
            Err(error) => {
                warn!(error = chain(&error), "what is missing cannot be declared");
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }
}
