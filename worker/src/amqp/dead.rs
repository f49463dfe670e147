//! The dead-letter queue, letter by letter.
//!
//! No more than a portion is in memory however many there are, and what is looked at stays unacknowledged: what is kept goes
//! back to its place when the channel is closed. A letter that is replayed is acknowledged after its confirm, so it may exist
//! twice if something breaks in between, never not at all.

use std::time::Duration;

use chrono::{DateTime, Utc};
use lapin::{
    BasicProperties, Connection,
    message::Delivery,
    options::ConfirmSelectOptions,
    types::{AMQPValue, ShortString},
};
use producer_sdk::{
    contract::{Door, RejectionCode, Topology, headers},
    unreadable,
};
use tokio::time::Instant;

use super::{
    AmqpError, connection,
    incoming::{header, integer, text, verified_sender},
    portions::{Portions, ready},
    replay::{Replay, Wanted},
    request,
};
use crate::dead::{Arrivals, Counts, CutBody, Fate, Letter};

/// What the broker writes on a message that it sets aside itself, newest first. Our own letters have no such headers.
const DEATHS: &str = "x-death";
const FIRST_DEATH: &str = "x-first-death-reason";
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
        request::leave(&channel).await;
        count
    }

    /// Looks at each letter that is there now, in order, and does with it what `fate` says; ends when it says nothing any
    /// more. What is to be replayed is so afterwards, in the order of first arrival, at most `rate` a second, those of
    /// unknown origin by `door` if it is said. `counts` holds what was done also after an error.
    pub async fn each(
        &self,
        rate: Option<u32>,
        door: Option<Door>,
        counts: &mut Counts,
        mut fate: impl FnMut(&Letter) -> Option<Fate> + Send,
    ) -> Result<(), AmqpError> {
        let total = self.count().await?;
        let fetching = connection::channel(&self.fetching).await?;
        let mut letters = Portions::open(fetching, self.queue()).await?;
        let mut arrivals = Arrivals::default();
        let mut wanted = Wanted::default();
        while counts.seen < total {
            let Some(delivery) = letters.next().await? else {
                break;
            };
            counts.seen += 1;
            let letter = read(&self.topology, &delivery);
            let arrived = arrivals.next(letter.first_seen);
            match fate(&letter) {
                None => break,
                Some(Fate::Keep) => {}
                Some(Fate::Drop) => {
                    letters.ack(delivery.delivery_tag).await?;
                    counts.dropped += 1;
                }
                Some(Fate::Replay) => match letter.door.or(door) {
                    None => counts.failed += 1,
                    Some(_) if letter.cut.is_some() => counts.failed += 1,
                    Some(_) => wanted.add(&delivery, arrived),
                },
            }
        }
        letters.close().await?;
        self.until_back(counts.seen - counts.dropped).await?;
        match wanted.in_order() {
            None => Ok(()),
            Some(wanted) => self.replay(&wanted, rate, door, counts).await,
        }
    }

    /// Replays what is wanted, with as many readings of the queue as memory takes.
    async fn replay(
        &self,
        wanted: &Wanted,
        rate: Option<u32>,
        door: Option<Door>,
        counts: &mut Counts,
    ) -> Result<(), AmqpError> {
        let publishing = connection::channel(&self.publishing).await?;
        let confirms = publishing.confirm_select(ConfirmSelectOptions::default());
        request::answered("asking for confirms", confirms).await?;
        let mut replay = Replay::new(&publishing, &self.topology, rate, counts);
        let mut from = Some(DateTime::default());
        while let Some(start) = from {
            // The queue may still be taking letters back.
            let kept = replay.counts.seen - replay.counts.dropped - replay.counts.replayed;
            let total = self.count().await?.max(kept);
            let before = replay.counts.replayed;
            let fetching = connection::channel(&self.fetching).await?;
            let mut letters = Portions::open(fetching, self.queue()).await?;
            from = replay
                .read(&mut letters, total, wanted, start, |delivery| {
                    let letter = read(&self.topology, delivery);
                    let door = letter.door.or(door);
                    (letter, door)
                })
                .await?;
            letters.close().await?;
            self.until_back(kept.saturating_sub(replay.counts.replayed - before))
                .await?;
        }
        request::leave(&publishing).await;
        Ok(())
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
        letter.sender = verified_sender(properties);
        letter.door = noted(properties, "exchange")
            .and_then(|exchange| topology.door_of(exchange))
            .filter(|door| *door == Door::Usage);
        return letter;
    }
    if let Some(why) = unreadable(properties) {
        // A letter of the broker's own, too: what a worker publishes can be read.
        letter.sender = verified_sender(properties);
        letter.reason = RejectionCode::UnreadableProperties.to_string();
        letter.error = Some(why);
        return letter;
    }
    letter.reason = text(headers::REASON).unwrap_or_else(|| "unknown".to_owned());
    letter.sender = text(headers::SENDER);
    letter.error = text(headers::ERROR);
    letter.field = text(headers::FIELD);
    let attempts = header(properties, headers::ATTEMPT).and_then(integer);
    letter.attempts = attempts.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    let length = header(properties, headers::BODY_LENGTH).and_then(integer);
    letter.cut = CutBody::from_headers(
        length.and_then(|n| u64::try_from(n).ok()),
        text(headers::BODY_SHA256),
    );
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
