//! One channel in confirm mode, from its opening to the first error. It never recovers: the caller
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

use std::collections::BTreeMap;
use std::future::{Future, pending, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use lapin::message::BasicReturnMessage;
use lapin::options::ConfirmSelectOptions;
use lapin::{Channel, Confirmation, Connection};
use tokio::time::Instant;
use tracing::warn;

use super::connection::open_channel;
use super::outgoing::Outgoing;

type Confirmed = (u64, lapin::Result<Confirmation>);
type Confirming = Pin<Box<dyn Future<Output = Confirmed> + Send>>;

/// The broker's answer to a published message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishResult {
    /// The broker has taken it.
    Confirmed,
    /// No queue takes it. The broker's reason.
    Returned(String),
    /// Its queue does not take messages: it is full or unavailable.
    Refused,
}

/// A channel in confirm mode, and the messages on it that are not confirmed yet.
pub struct ConfirmChannel {
    channel: Channel,
    mandatory: bool,
    confirming: FuturesUnordered<Confirming>,
    /// The messages behind `confirming`, by sequence number.
    outstanding: BTreeMap<u64, Outstanding>,
    /// The time of the last confirm, or of the opening.
    pub(super) last_confirm: Instant,
}

struct Outstanding {
    message: Arc<Outgoing>,
    published_at: Instant,
    /// The broker's reason, if it has returned the message. Its confirm follows.
    returned: Option<String>,
}

/// The broker's results for a set of messages, complete for each acknowledgement.
#[derive(Default)]
pub(super) struct Wave {
    /// Sequence number of a message, and its result.
    pub(super) results: Vec<(u64, PublishResult)>,
    /// Set if the channel has ended.
    pub(super) failure: Option<Failure>,
}

/// The reason for the end of a channel.
pub(super) struct Failure {
    pub(super) error: lapin::Error,
    /// The only outstanding message, if there was exactly one. If the broker closed the channel,
    /// this message is the cause.
    pub(super) only: Option<u64>,
}

impl ConfirmChannel {
    /// Opens a channel in confirm mode. The broker returns a `mandatory` message that no queue
    /// takes. It drops and confirms any other.
    pub async fn open(connection: &Connection, mandatory: bool) -> lapin::Result<Self> {
        let channel = open_channel(connection).await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        Ok(Self {
            channel,
            mandatory,
            confirming: FuturesUnordered::new(),
            outstanding: BTreeMap::new(),
            last_confirm: Instant::now(),
        })
    }

    /// The number of messages that are published and not confirmed.
    pub fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    /// Since when the first outstanding message waits for its confirm.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        let first = self.outstanding.first_key_value();
        first.map(|(_, outstanding)| outstanding.published_at)
    }

    /// Publishes a message. Messages reach the broker in the order of these calls. `sequence`
    /// identifies the message among the outstanding ones.
    pub fn publish(&mut self, sequence: u64, message: Arc<Outgoing>) -> lapin::Result<()> {
        let (channel, mandatory) = (self.channel.clone(), self.mandatory);
        let published = Arc::clone(&message);
        let mut confirming: Confirming = Box::pin(async move {
            let confirmed = match published.publish(&channel, mandatory).await {
                Ok(confirm) => confirm.await,
                Err(error) => Err(error),
            };
            (sequence, confirmed)
        });
        match (&mut confirming).now_or_never() {
            None => self.confirming.push(confirming),
            Some((_, Err(error))) => return Err(error),
            Some(confirmed) => self.confirming.push(Box::pin(ready(confirmed))),
        }
        let outstanding = Outstanding {
            message,
            published_at: Instant::now(),
            returned: None,
        };
        self.outstanding.insert(sequence, outstanding);
        Ok(())
    }

    /// Publishes messages in order and returns the result of each. No other message may be
    /// outstanding.
    pub async fn publish_all(
        &mut self,
        messages: impl IntoIterator<Item = Arc<Outgoing>>,
    ) -> lapin::Result<Vec<PublishResult>> {
        for (sequence, message) in (0..).zip(messages) {
            self.publish(sequence, message)?;
        }
        Ok(self.results().await?.into_values().collect())
    }

    /// Waits for the results of all outstanding messages, by sequence number.
    pub async fn results(&mut self) -> lapin::Result<BTreeMap<u64, PublishResult>> {
        let mut results = BTreeMap::new();
        while self.outstanding() > 0 {
            let wave = self.wave().await;
            results.extend(wave.results);
            if let Some(failure) = wave.failure {
                return Err(failure.error);
            }
        }
        Ok(results)
    }

    /// Closes the channel. A dropped channel would be closed at the same time as its connection.
    pub async fn close(self) -> lapin::Result<()> {
        self.channel.close(200, "OK".into()).await
    }

    /// Waits for results of the broker. Cancellation-safe.
    pub(super) async fn wave(&mut self) -> Wave {
        let Some(first) = self.confirming.next().await else {
            return pending().await;
        };
        self.finish_acknowledgement();
        let mut resolved = vec![first];
        while let Some(Some(next)) = self.confirming.next().now_or_never() {
            resolved.push(next);
        }
        let (mut confirms, mut failed) = (Vec::new(), Vec::new());
        for (sequence, confirmed) in resolved {
            let (is_taken, returned) = match confirmed {
                Ok(Confirmation::Ack(returned)) => (true, returned),
                Ok(Confirmation::Nack(returned)) => (false, returned),
                // Confirm mode is on, so this does not occur. The message may not have been taken.
                Ok(Confirmation::NotRequested) => (false, None),
                Err(error) => {
                    failed.push((sequence, error));
                    continue;
                }
            };
            confirms.push((sequence, is_taken));
            if let Some(returned) = returned {
                self.mark(&returned);
            }
        }
        if !confirms.is_empty() {
            self.last_confirm = Instant::now();
        }
        let mut wave = Wave::default();
        for (sequence, is_taken) in confirms {
            let outstanding = self.outstanding.remove(&sequence);
            let result = match outstanding.and_then(|outstanding| outstanding.returned) {
                Some(reason) => PublishResult::Returned(reason),
                None if is_taken => PublishResult::Confirmed,
                None => PublishResult::Refused,
            };
            wave.results.push((sequence, result));
        }
        let is_alone = self.outstanding.len() == 1;
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
                only: is_alone.then_some(sequence),
            });
        wave
    }

    /// Marks the outstanding message that the broker has returned. If none matches, any of them may
    /// be the one, so all are marked.
    fn mark(&mut self, returned: &BasicReturnMessage) {
        let reason = || Some(format!("{} {}", returned.reply_code, returned.reply_text));
        let mut unmarked = self
            .outstanding
            .values_mut()
            .filter(|o| o.returned.is_none());
        if let Some(found) = unmarked.find(|o| o.message.matches(returned)) {
            found.returned = reason();
            return;
        }
        warn!("returned message matches no published one, all count as returned");
        for outstanding in self.outstanding.values_mut() {
            outstanding.returned = reason();
        }
    }

    /// Waits until the current acknowledgement is processed completely. The I/O thread resolves all
    /// its confirms under a lock that this call also takes. So all confirms of the acknowledgement
    /// are visible afterwards.
    fn finish_acknowledgement(&self) {
        let _ = pin!(self.channel.wait_for_confirms()).now_or_never();
    }
}

#[cfg(test)]
#[path = "confirm_channel_tests.rs"]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests;
