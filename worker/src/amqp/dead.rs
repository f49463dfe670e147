//! The dead-letter queue, letter by letter.
//!
//! No more than a portion is in memory however many there are, and what is looked at stays unacknowledged: what is kept goes
//! back to its place when the channel is closed. A letter that is replayed is acknowledged after its confirm, so it may exist
//! twice if something breaks in between, never not at all.

use std::time::Duration;

use chrono::{DateTime, Utc};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, PublisherConfirm,
    message::Delivery,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use producer_sdk::contract::{Door, Topology, headers};
use tokio::time::Instant;

use super::{
    AmqpError, connection,
    incoming::{header, integer, text},
    outgoing,
    portions::{Portions, ready},
};
use crate::{
    dead::{Counts, Fate, Letter},
    pace::pace,
};

/// What the broker writes on a message that it sets aside itself, newest first. Our own letters have no such headers.
const DEATHS: &str = "x-death";
const FIRST_DEATH: &str = "x-first-death-reason";
/// Replayed letters whose confirm is open.
const UNCONFIRMED: usize = 200;
/// How long the queue may take to have back what was kept.
const TAKING_BACK: Duration = Duration::from_secs(10);
/// How often it is asked meanwhile.
const LOOK: Duration = Duration::from_millis(10);

/// The dead-letter queue of a namespace.
#[derive(Debug)]
pub struct DeadLetters {
    fetching: Connection,
    publishing: Connection,
    topology: Topology,
}

impl DeadLetters {
    /// Connects.
    pub async fn open(url: &str, topology: Topology) -> Result<Self, AmqpError> {
        Ok(Self {
            fetching: connection::open(url, "scrip dead".to_owned()).await?,
            publishing: connection::open(url, "scrip dead publishing".to_owned()).await?,
            topology,
        })
    }

    /// Disconnects.
    pub async fn close(self) {
        connection::close(&self.publishing).await;
        connection::close(&self.fetching).await;
    }

    /// How many letters there are.
    pub async fn count(&self) -> Result<u64, AmqpError> {
        let channel = connection::channel(&self.fetching).await?;
        let count = ready(&channel, self.queue()).await;
        let _ = channel.close(200, "bye".into()).await;
        count
    }

    /// Looks at each letter that is there now, in order, and does with it what `fate` says. At most `rate` a second are
    /// replayed, those of unknown origin by `door` if it is said. Ends when `fate` says nothing any more.
    pub async fn each(
        &self,
        rate: Option<u32>,
        door: Option<Door>,
        mut fate: impl FnMut(&Letter) -> Option<Fate> + Send,
    ) -> Result<Counts, AmqpError> {
        let total = self.count().await?;
        let fetching = connection::channel(&self.fetching).await?;
        let publishing = connection::channel(&self.publishing).await?;
        publishing
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .map_err(AmqpError::doing("asking for confirms"))?;
        let mut pass = Pass {
            letters: Portions::open(fetching, self.queue()).await?,
            publishing: &publishing,
            open: Vec::new(),
            counts: Counts::default(),
            began: Instant::now(),
            rate,
        };
        while pass.counts.seen < total {
            if pass.letters.is_full() {
                pass.settle().await?;
            }
            let Some(delivery) = pass.letters.next().await? else {
                break;
            };
            pass.counts.seen += 1;
            let letter = read(&self.topology, &delivery);
            match fate(&letter) {
                None => break,
                Some(Fate::Keep) => {}
                Some(Fate::Drop) => {
                    pass.letters.ack(delivery.delivery_tag).await?;
                    pass.counts.dropped += 1;
                }
                Some(Fate::Replay) => match letter.door.or(door) {
                    None => pass.counts.failed += 1,
                    Some(door) => pass.publish(&self.topology.door(door), delivery).await?,
                },
            }
        }
        pass.settle().await?;
        let counts = pass.counts;
        pass.letters.close().await?;
        let _ = publishing.close(200, "bye".into()).await;
        self.until_back(counts.seen - counts.replayed - counts.dropped)
            .await?;
        Ok(counts)
    }

    /// Waits, for some seconds at most, until there are `kept` letters again: the queue takes back in its own time, and
    /// whoever looks next is to find them all.
    async fn until_back(&self, kept: u64) -> Result<(), AmqpError> {
        let began = Instant::now();
        while self.count().await? < kept && began.elapsed() < TAKING_BACK {
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    fn queue(&self) -> ShortString {
        ShortString::try_new(self.topology.dead()).unwrap_or_default()
    }
}

fn read(topology: &Topology, delivery: &Delivery) -> Letter {
    let properties = &delivery.properties;
    let text = |name: &str| header(properties, name).and_then(text).map(str::to_owned);
    let at = |name: &str| text(name).and_then(|at| at.parse::<DateTime<Utc>>().ok());
    let mut letter = Letter::of(delivery.data.clone());
    let id = properties.message_id().as_ref().map(ToString::to_string);
    let kind = properties.kind().as_ref().map(ToString::to_string);
    letter.reference_id = letter.reference_id.or(id);
    letter.kind = letter.kind.or(kind);
    if [DEATHS, FIRST_DEATH]
        .iter()
        .any(|name| header(properties, name).is_some())
    {
        // A letter of the broker's own: its other headers are the sender's, who may say anything.
        noted(properties, "reason")
            .unwrap_or("unknown")
            .clone_into(&mut letter.reason);
        letter.door = noted(properties, "exchange")
            .and_then(|exchange| topology.door_of(exchange))
            .filter(|door| *door == Door::Usage);
        return letter;
    }
    letter.reason = text(headers::REASON).unwrap_or_else(|| "unknown".to_owned());
    letter.error = text(headers::ERROR);
    letter.field = text(headers::FIELD);
    let attempts = header(properties, headers::ATTEMPT).and_then(integer);
    letter.attempts = attempts.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    letter.first_seen = at(headers::FIRST_SEEN);
    letter.last_seen = at(headers::LAST_SEEN);
    letter.door = text(headers::ORIGIN).and_then(|origin| Door::parse(&origin));
    letter
}

/// What the broker noted when it set a message aside the last time. Its reason is true. Of the exchange RabbitMQ 3.10
/// believes what a sender wrote there before; so that is believed only of the door through which nobody mints.
fn noted<'a>(properties: &'a BasicProperties, what: &str) -> Option<&'a str> {
    let AMQPValue::FieldArray(deaths) = header(properties, DEATHS)? else {
        return None;
    };
    let AMQPValue::FieldTable(last) = deaths.as_slice().first()? else {
        return None;
    };
    last.inner().get(what).and_then(text)
}

/// One way through the queue.
struct Pass<'a> {
    letters: Portions,
    publishing: &'a Channel,
    open: Vec<(u64, PublisherConfirm)>,
    counts: Counts,
    began: Instant,
    rate: Option<u32>,
}

impl Pass<'_> {
    /// Sends a letter back as it was: its body, and the properties that are the sender's.
    async fn publish(&mut self, exchange: &str, delivery: Delivery) -> Result<(), AmqpError> {
        let sent = self.counts.replayed + self.open.len() as u64;
        pace(self.began, sent, self.rate).await;
        let mandatory = BasicPublishOptions {
            mandatory: true,
            immediate: false,
        };
        let confirm = self
            .publishing
            .basic_publish(
                ShortString::try_new(exchange).unwrap_or_default(),
                delivery.routing_key,
                mandatory,
                &delivery.data,
                as_it_was(&delivery.properties),
            )
            .await
            .map_err(AmqpError::doing("replaying a dead letter"))?;
        self.open.push((delivery.delivery_tag, confirm));
        if self.open.len() >= UNCONFIRMED {
            self.settle().await?;
        }
        Ok(())
    }

    /// Waits for the confirms of what was sent. The library may attach a returned message to the confirm of another, so
    /// if one came back all of these stay: what was taken twice is applied once.
    async fn settle(&mut self) -> Result<(), AmqpError> {
        let mut taken = Vec::new();
        let mut came_back = false;
        for (tag, confirm) in std::mem::take(&mut self.open) {
            match confirm.await.map_err(AmqpError::doing("waiting for a confirm"))? {
                Confirmation::Ack(None) => taken.push(tag),
                Confirmation::Ack(Some(_)) => {
                    came_back = true;
                    self.counts.failed += 1;
                }
                _ => self.counts.failed += 1,
            }
        }
        if came_back {
            self.counts.failed += taken.len() as u64;
            return Ok(());
        }
        for tag in taken {
            self.letters.ack(tag).await?;
            self.counts.replayed += 1;
        }
        Ok(())
    }
}

/// The sender's properties; of the headers only the trace context is left.
fn as_it_was(received: &BasicProperties) -> BasicProperties {
    let properties = outgoing::kept(received);
    let Some(trace) = header(received, headers::TRACEPARENT) else {
        return properties;
    };
    let mut table = FieldTable::default();
    table.insert(headers::TRACEPARENT.into(), trace.clone());
    properties.with_headers(table)
}
