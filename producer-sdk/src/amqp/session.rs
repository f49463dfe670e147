//! One confirm channel, from its opening to the first error. It never recovers; the engine opens another.
//!
//! Two traits of the client library are dealt with here:
//! - its publish future resolves when the bytes are written, which is one trip to its I/O thread for each message.
//!   The frames are queued by the first poll, though, so each future is polled once, in order, and kept until
//!   the confirm; nobody waits for a write.
//! - a returned message is attached to *some* confirm of the acknowledgement that follows it, not always to its
//!   own, because an acknowledgement of several is resolved in no particular order. So confirms are only believed
//!   in waves that hold every confirm of an acknowledgement, and returns are matched by content.

use std::future::{Future, pending, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use lapin::message::BasicReturnMessage;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation, Connection};
use tokio::time::{Instant, timeout};

use super::connection::Endpoint;
use super::outgoing::Outgoing;
use crate::error::Cause;

type Confirmed = (u64, lapin::Result<Confirmation>);
type Confirming = Pin<Box<dyn Future<Output = Confirmed> + Send>>;

/// A connection with a channel in confirm mode, and what was published on it and is not confirmed.
pub(super) struct Session {
    connection: Connection,
    channel: Channel,
    outstanding: FuturesUnordered<Confirming>,
    /// When the broker last confirmed anything here, or when the session began.
    pub(super) last_confirm: Instant,
}

/// What the broker said about some messages, all at once.
#[derive(Default)]
pub(super) struct Wave {
    /// Confirmed (`true`) or refused (`false`), by sequence number.
    pub(super) confirms: Vec<(u64, bool)>,
    /// Messages that came back; they are among the confirmed or still outstanding.
    pub(super) returns: Vec<BasicReturnMessage>,
    /// The session is at its end.
    pub(super) failure: Option<Failure>,
}

/// Why a session ended.
pub(super) struct Failure {
    pub(super) error: lapin::Error,
    /// The only message that was outstanding; if the broker closed the channel, it closed it over this one.
    pub(super) only: Option<u64>,
}

impl Session {
    /// Open a channel, on the old connection if that still stands.
    pub(super) async fn open(endpoint: Endpoint, old: Option<Connection>) -> Result<Self, Cause> {
        timeout(endpoint.timeout, async {
            let standing = old.filter(|connection| connection.status().connected());
            let connection = match standing {
                Some(connection) => connection,
                None => endpoint.connect().await?,
            };
            let channel = connection.create_channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
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

    /// Messages handed over and not confirmed.
    pub(super) fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    /// Hand a message over. Messages reach the broker in the order of these calls.
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

    /// Wait for the broker to say something. May be dropped and called again.
    pub(super) async fn wave(&mut self) -> Wave {
        let Some(first) = self.outstanding.next().await else {
            return pending().await;
        };
        self.let_the_acknowledgement_finish();
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
                // Confirm mode is on, so this is never said; nothing is known about the message then.
                Ok(Confirmation::NotRequested) => {}
                Err(error) => failed.push((sequence, error)),
            }
            next = self.outstanding.next().now_or_never().flatten();
        }
        if !wave.confirms.is_empty() {
            self.last_confirm = Instant::now();
        }
        let alone = failed.len() + self.outstanding.len() == 1;
        // What came after the channel's end only knows that it had ended; the broker's words are in an earlier one.
        let telling = failed.iter().position(|(_, error)| error.is_amqp_soft_error());
        wave.failure = failed
            .into_iter()
            .nth(telling.unwrap_or(0))
            .map(|(sequence, error)| Failure {
                error,
                only: alone.then_some(sequence),
            });
        wave
    }

    /// The I/O thread resolves all confirms of one acknowledgement under the lock that this call takes too: when
    /// it is back, every confirm of that acknowledgement can be seen.
    fn let_the_acknowledgement_finish(&self) {
        let _ = pin!(self.channel.wait_for_confirms()).now_or_never();
    }

    /// The connection, for the next session or to be closed.
    pub(super) fn into_connection(self) -> Connection {
        self.connection
    }
}
