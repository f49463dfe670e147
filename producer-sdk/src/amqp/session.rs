//! One channel in confirm mode, from its opening to the first error. It never recovers. The engine
//! opens another one.
//!
//! This module works around two properties of the client library:
//! - Its publish future resolves when the bytes are written, which takes one round trip to its I/O
//!   thread per message. The first poll already queues the frames. So each future is polled once,
//!   in order, and then kept until the confirm. Nothing waits for a write.
//! - It attaches a returned message to *some* confirm of the acknowledgement that follows, not
//!   always to its own, because it resolves the confirms of one acknowledgement in no particular
//!   order. So confirms are processed in waves that contain all confirms of an acknowledgement, and
//!   returned messages are matched by content.

use std::future::{Future, pending, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use lapin::message::BasicReturnMessage;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation, Connection};
use tokio::time::{Instant, timeout};

use super::connection::{Endpoint, open_channel};
use super::outgoing::Outgoing;
use crate::error::Cause;

type Confirmed = (u64, lapin::Result<Confirmation>);
type Confirming = Pin<Box<dyn Future<Output = Confirmed> + Send>>;

/// A connection with a channel in confirm mode, and the messages on it that are not confirmed yet.
pub(super) struct Session {
    connection: Connection,
    channel: Channel,
    outstanding: FuturesUnordered<Confirming>,
    /// The time of the last confirm, or the start of the session.
    pub(super) last_confirm: Instant,
}

/// The broker's results for a set of messages, complete for each acknowledgement.
#[derive(Default)]
pub(super) struct Wave {
    /// Sequence number of a message, and whether the broker confirmed (`true`) or refused (`false`)
    /// it.
    pub(super) confirms: Vec<(u64, bool)>,
    /// Returned messages. Each is among the confirmed ones or still outstanding.
    pub(super) returns: Vec<BasicReturnMessage>,
    /// Set if the session has ended.
    pub(super) failure: Option<Failure>,
}

/// The reason for the end of a session.
pub(super) struct Failure {
    pub(super) error: lapin::Error,
    /// The only outstanding message, if there was exactly one. If the broker closed the channel,
    /// this message is the cause.
    pub(super) only: Option<u64>,
}

impl Session {
    /// Opens a channel, on the old connection if it is still open.
    pub(super) async fn open(endpoint: Endpoint, old: Option<Connection>) -> Result<Self, Cause> {
        timeout(endpoint.timeout, async {
            let standing = old.filter(|connection| connection.status().connected());
            let connection = match standing {
                Some(connection) => connection,
                None => endpoint.connect().await?,
            };
            let channel = open_channel(&connection).await?;
            channel
                .confirm_select(ConfirmSelectOptions::default())
                .await?;
            let outstanding = FuturesUnordered::new();
            Ok(Self {
                connection,
                channel,
                outstanding,
                last_confirm: Instant::now(),
            })
        })
        .await?
    }

    /// The number of messages that are published and not confirmed.
    pub(super) fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    /// Publishes a message. Messages reach the broker in the order of these calls.
    pub(super) fn publish(&mut self, sequence: u64, message: Arc<Outgoing>) -> lapin::Result<()> {
        let channel = self.channel.clone();
        let mut confirming: Confirming = Box::pin(async move {
            let options = BasicPublishOptions {
                mandatory: true,
                immediate: false,
            };
            let (exchange, key) = (message.exchange.clone(), message.routing_key.clone());
            let properties = message.properties.clone();
            let confirmed = match channel
                .basic_publish(exchange, key, options, &message.body, properties)
                .await
            {
                Ok(confirm) => confirm.await,
                Err(error) => Err(error),
            };
            (sequence, confirmed)
        });
        match (&mut confirming).now_or_never() {
            None => self.outstanding.push(confirming),
            Some((_, Err(error))) => return Err(error),
            Some(confirmed) => self.outstanding.push(Box::pin(ready(confirmed))),
        }
        Ok(())
    }

    /// Waits for results of the broker. Cancellation-safe.
    pub(super) async fn wave(&mut self) -> Wave {
        let Some(first) = self.outstanding.next().await else {
            return pending().await;
        };
        self.finish_acknowledgement();
        let mut wave = Wave::default();
        let mut next = Some(first);
        let mut failed = Vec::new();
        while let Some((sequence, confirmed)) = next {
            match confirmed {
                Ok(Confirmation::Ack(returned)) => {
                    wave.confirms.push((sequence, true));
                    wave.returns.extend(returned);
                }
                Ok(Confirmation::Nack(returned)) => {
                    wave.confirms.push((sequence, false));
                    wave.returns.extend(returned);
                }
                // Confirm mode is on, so this does not occur. The result of the message would be
                // unknown.
                Ok(Confirmation::NotRequested) => {}
                Err(error) => failed.push((sequence, error)),
            }
            next = self.outstanding.next().now_or_never().flatten();
        }
        if !wave.confirms.is_empty() {
            self.last_confirm = Instant::now();
        }
        let alone = failed.len() + self.outstanding.len() == 1;
        // Errors after the end of the channel only state that it has ended. An earlier one contains
        // the broker's reason.
        let with_reason = failed
            .iter()
            .position(|(_, error)| error.is_amqp_soft_error());
        wave.failure = failed
            .into_iter()
            .nth(with_reason.unwrap_or(0))
            .map(|(sequence, error)| Failure {
                error,
                only: alone.then_some(sequence),
            });
        wave
    }

    /// Waits until the current acknowledgement is processed completely. The I/O thread resolves all
    /// its confirms under a lock that this call also takes. So all confirms of the acknowledgement
    /// are visible afterwards.
    fn finish_acknowledgement(&self) {
        let _ = pin!(self.channel.wait_for_confirms()).now_or_never();
    }

    /// Returns the connection, for the next session or to be closed.
    pub(super) fn into_connection(self) -> Connection {
        self.connection
    }
}
