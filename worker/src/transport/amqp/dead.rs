//! The dead-letter queue, one dead letter at a time.
//!
//! At most one page of dead letters is in memory. A dead letter stays unacknowledged after it was
//! read, so one that is kept goes back to its position when the channel is closed. A replayed dead
//! letter is acknowledged after its confirm. If something fails in between, it exists twice, but it
//! is never lost.

use std::time::Duration;

use chrono::{DateTime, Utc};
use lapin::{
    BasicProperties, Connection,
    message::Delivery,
    types::{AMQPValue, ShortString},
};
use producer_sdk::{
    amqp::{ConfirmChannel, unreadable},
    contract::{Origin, RejectionCode, Topology, headers},
};
use tokio::time::Instant;

use super::{
    connection,
    dead_letter_reader::{DeadLetterReader, ready},
    error::AmqpError,
    incoming::{header, integer, text, verified_sender},
    replay::{Replay, Selection},
    request,
};
use crate::dead_letters::{Arrivals, Counts, CutBody, DeadLetter, Disposition};

/// Headers of a message that the broker itself dead-lettered, newest first. Dead letters of a
/// worker do not have them.
const DEATHS: &str = "x-death";
const FIRST_DEATH: &str = "x-first-death-reason";
/// Time limit for the queue to requeue the dead letters that are kept.
const REQUEUE_WITHIN: Duration = Duration::from_secs(10);
/// How often the queue is checked meanwhile.
const CHECK_EVERY: Duration = Duration::from_millis(10);

/// The dead-letter queue of a namespace.
#[derive(Debug)]
pub struct DeadLetters {
    fetching: Connection,
    publishing: Connection,
    topology: Topology,
}

impl DeadLetters {
    /// Opens the connections.
    pub async fn open(url: &str, topology: Topology) -> Result<Self, AmqpError> {
        Ok(Self {
            fetching: connection::open(url, "scrip dead".to_owned()).await?,
            publishing: connection::open(url, "scrip dead publishing".to_owned()).await?,
            topology,
        })
    }

    /// Closes the connections.
    pub async fn close(self) {
        connection::close(&self.publishing).await;
        connection::close(&self.fetching).await;
    }

    /// Number of dead letters.
    pub async fn count(&self) -> Result<u64, AmqpError> {
        let channel = connection::channel(&self.fetching).await?;
        let count = ready(&channel, self.queue()).await;
        request::close_channel(&channel).await;
        count
    }

    /// Passes each dead letter that exists now to `disposition`, in order, and carries out the
    /// result, until `disposition` returns `None`. Replays follow afterwards, in the order of first
    /// arrival, at most `rate` per second. A dead letter of unknown origin is replayed through
    /// `origin`, if it is given. After an error `counts` holds what was done before.
    pub async fn each(
        &self,
        rate: Option<u32>,
        origin: Option<Origin>,
        counts: &mut Counts,
        mut disposition: impl FnMut(&DeadLetter) -> Option<Disposition> + Send,
    ) -> Result<(), AmqpError> {
        let total = self.count().await?;
        let fetching = connection::channel(&self.fetching).await?;
        let mut reader = DeadLetterReader::open(fetching, self.queue()).await?;
        let mut arrivals = Arrivals::default();
        let mut selection = Selection::default();
        while counts.seen < total {
            let Some(delivery) = reader.next().await? else {
                break;
            };
            counts.seen += 1;
            let dead_letter = read(&self.topology, &delivery);
            let arrived = arrivals.next(dead_letter.first_seen);
            match disposition(&dead_letter) {
                None => break,
                Some(Disposition::Keep) => {}
                Some(Disposition::Drop) => {
                    reader.ack(delivery.delivery_tag).await?;
                    counts.dropped += 1;
                }
                Some(Disposition::Replay) => match dead_letter.origin.or(origin) {
                    None => counts.failed += 1,
                    Some(_) if dead_letter.cut.is_some() => counts.failed += 1,
                    Some(_) => selection.add(&delivery, arrived),
                },
            }
        }
        reader.close().await?;
        self.wait_until_requeued(counts.seen - counts.dropped)
            .await?;
        match selection.in_order() {
            None => Ok(()),
            Some(selection) => self.replay(&selection, rate, origin, counts).await,
        }
    }

    /// Replays the selected dead letters, with as many passes over the queue as memory requires.
    async fn replay(
        &self,
        selection: &Selection,
        rate: Option<u32>,
        origin: Option<Origin>,
        counts: &mut Counts,
    ) -> Result<(), AmqpError> {
        let opening = ConfirmChannel::open(&self.publishing, true);
        let mut publishing = request::answered("opening a channel", opening).await?;
        let mut replay = Replay::new(&mut publishing, &self.topology, rate, counts);
        let mut from = Some(DateTime::default());
        while let Some(start) = from {
            // The queue may still be requeuing dead letters.
            let kept = replay.counts.seen - replay.counts.dropped - replay.counts.replayed;
            let total = self.count().await?.max(kept);
            let before = replay.counts.replayed;
            let fetching = connection::channel(&self.fetching).await?;
            let mut reader = DeadLetterReader::open(fetching, self.queue()).await?;
            from = replay
                .read(&mut reader, total, selection, start, |delivery| {
                    let dead_letter = read(&self.topology, delivery);
                    let origin = dead_letter.origin.or(origin);
                    (dead_letter, origin)
                })
                .await?;
            reader.close().await?;
            self.wait_until_requeued(kept.saturating_sub(replay.counts.replayed - before))
                .await?;
        }
        // If this fails, the connection closes the channel.
        let _ = request::answered("closing a channel", publishing.close()).await;
        Ok(())
    }

    /// Waits until the queue holds `kept` dead letters again, for some seconds at most. The queue
    /// requeues them asynchronously, and the next reader must find all of them.
    async fn wait_until_requeued(&self, kept: u64) -> Result<(), AmqpError> {
        let began = Instant::now();
        while self.count().await? < kept && began.elapsed() < REQUEUE_WITHIN {
            tokio::time::sleep(CHECK_EVERY).await;
        }
        Ok(())
    }

    fn queue(&self) -> ShortString {
        ShortString::try_new(self.topology.dead()).unwrap_or_default()
    }
}

fn read(topology: &Topology, delivery: &Delivery) -> DeadLetter {
    let properties = &delivery.properties;
    let text = |name: &str| header(properties, name).and_then(text).map(str::to_owned);
    let at = |name: &str| text(name).and_then(|at| at.parse::<DateTime<Utc>>().ok());
    let mut dead_letter = DeadLetter::from_body(delivery.data.clone());
    let id = properties.message_id().as_ref().map(ToString::to_string);
    let kind = properties.kind().as_ref().map(ToString::to_string);
    dead_letter.reference_id = dead_letter.reference_id.or(id);
    dead_letter.kind = dead_letter.kind.or(kind);
    if [DEATHS, FIRST_DEATH]
        .iter()
        .any(|name| header(properties, name).is_some())
    {
        // The broker dead-lettered it: the other headers are by its sender, who may write anything.
        death_field(properties, "reason")
            .unwrap_or("unknown")
            .clone_into(&mut dead_letter.reason);
        dead_letter.sender = verified_sender(properties);
        dead_letter.origin = death_field(properties, "exchange")
            .and_then(|exchange| topology.origin_of(exchange))
            .filter(|origin| *origin == Origin::Usage);
        return dead_letter;
    }
    if let Some(cause) = unreadable(properties) {
        // The broker dead-lettered it, too: a message that a worker publishes is readable.
        dead_letter.sender = verified_sender(properties);
        dead_letter.reason = RejectionCode::UnreadableProperties.to_string();
        dead_letter.error = Some(cause);
        return dead_letter;
    }
    dead_letter.reason = text(headers::REASON).unwrap_or_else(|| "unknown".to_owned());
    dead_letter.sender = text(headers::SENDER);
    dead_letter.error = text(headers::ERROR);
    dead_letter.field = text(headers::FIELD);
    let attempts = header(properties, headers::ATTEMPT).and_then(integer);
    dead_letter.attempts = attempts.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    let length = header(properties, headers::BODY_LENGTH).and_then(integer);
    dead_letter.cut = CutBody::from_headers(
        length.and_then(|n| u64::try_from(n).ok()),
        text(headers::BODY_SHA256),
    );
    dead_letter.first_seen = at(headers::FIRST_SEEN);
    dead_letter.last_seen = at(headers::LAST_SEEN);
    dead_letter.origin = text(headers::ORIGIN).and_then(|origin| origin.parse().ok());
    dead_letter
}

/// A field that the broker recorded when it last dead-lettered the message. The reason is reliable.
/// The exchange is not: RabbitMQ 3.10 accepts what a sender wrote there before. So the exchange
/// counts only for the origin through which no credits can be created.
fn death_field<'a>(properties: &'a BasicProperties, field: &str) -> Option<&'a str> {
    let AMQPValue::FieldArray(deaths) = header(properties, DEATHS)? else {
        return None;
    };
    let AMQPValue::FieldTable(last) = deaths.as_slice().first()? else {
        return None;
    };
    last.inner().get(field).and_then(text)
}
