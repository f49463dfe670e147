//! Replays dead letters in the order in which their messages first arrived, whichever door they came through: usage
//! ahead of the purchase that paid for it would be refused for good.
//!
//! One channel publishes them, so the broker routes them in this order. A letter is confirmed before a later one of the
//! same user goes through another door, and one that is not taken keeps back all later ones of its user: they stay dead
//! letters.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use chrono::{DateTime, Utc};
use lapin::{
    Channel, Confirmation, PublisherConfirm,
    message::Delivery,
    options::BasicPublishOptions,
    types::{AMQPValue, FieldTable, ShortString},
};
use producer_sdk::contract::{Door, Topology, headers};
use tokio::time::Instant;

use super::{
    AmqpError,
    incoming::{self, header, text},
    outgoing,
    portions::Portions,
    request,
};
use crate::{
    dead::{Arrivals, ByArrival, Counts, Letter},
    pace::pace,
};

/// Bytes of letters that wait for their turn in memory. What does not fit is fetched again.
const HELD: usize = 16 << 20;
/// What a letter takes beside its body: properties, headers, a place in a map.
const PER_LETTER: usize = 2 << 10;
/// Most replayed letters whose confirm is open. Where a rate is set, at most as many as go in a second.
const UNCONFIRMED: usize = 200;

/// Which letters are to be replayed, as the first look at the queue has shown.
#[derive(Debug, Default)]
pub struct Wanted {
    letters: HashSet<u64>,
    arrived: Vec<DateTime<Utc>>,
}

impl Wanted {
    /// Another letter.
    pub fn add(&mut self, delivery: &Delivery, arrived: DateTime<Utc>) {
        self.letters.insert(mark(delivery));
        self.arrived.push(arrived);
    }

    /// In the order of arrival; `None` where there is nothing to replay.
    pub fn in_order(mut self) -> Option<Self> {
        self.arrived.sort_unstable();
        (!self.arrived.is_empty()).then_some(self)
    }

    /// When the letters arrived that did so at `from` or later, in order.
    fn arrived_from(&self, from: DateTime<Utc>) -> &[DateTime<Utc>] {
        &self.arrived[self.arrived.partition_point(|at| *at < from)..]
    }
}

/// What a letter is recognised by when the queue is read again.
fn mark(delivery: &Delivery) -> u64 {
    let seen = |name| header(&delivery.properties, name).and_then(text);
    let mut hasher = DefaultHasher::new();
    incoming::identity(delivery).hash(&mut hasher);
    seen(headers::FIRST_SEEN).hash(&mut hasher);
    seen(headers::LAST_SEEN).hash(&mut hasher);
    hasher.finish()
}

/// What is known of a letter beside its message.
struct Known {
    user_id: Option<String>,
    first_seen: Option<DateTime<Utc>>,
    sender: Option<String>,
}

/// A letter on its way.
struct Sent {
    tag: u64,
    user_id: Option<String>,
    confirm: PublisherConfirm,
}

/// Replays letters over one channel.
pub struct Replay<'a> {
    publishing: &'a Channel,
    topology: &'a Topology,
    rate: Option<u32>,
    began: Instant,
    open: Vec<Sent>,
    /// The doors of users who have an unconfirmed letter.
    doors: HashMap<String, Door>,
    /// Users of whom a letter was not taken.
    kept_back: HashSet<String>,
    /// Counts what is replayed and what fails; the caller has it also after an error.
    pub counts: &'a mut Counts,
}

impl<'a> Replay<'a> {
    /// Publishes on a channel with confirms; at most `rate` letters a second.
    pub fn new(
        publishing: &'a Channel,
        topology: &'a Topology,
        rate: Option<u32>,
        counts: &'a mut Counts,
    ) -> Self {
        Self {
            publishing,
            topology,
            rate,
            began: Instant::now(),
            open: Vec::new(),
            doors: HashMap::new(),
            kept_back: HashSet::new(),
            counts,
        }
    }

    /// Replays those of the next `total` letters of the queue that are wanted and arrived at `from` or later, each by
    /// the door that `look` says. Returns from which arrival on the others are left for another reading.
    pub async fn read(
        &mut self,
        letters: &mut Portions,
        total: u64,
        wanted: &Wanted,
        from: DateTime<Utc>,
        look: impl Fn(&Delivery) -> (Letter, Option<Door>),
    ) -> Result<Option<DateTime<Utc>>, AmqpError> {
        let mut arrivals = Arrivals::from(from);
        let mut held = ByArrival::new(wanted.arrived_from(from), HELD);
        for _ in 0..total {
            let Some(delivery) = letters.next().await? else {
                break;
            };
            let (letter, door) = look(&delivery);
            let arrived = arrivals.next(letter.first_seen);
            let Some(door) = door.filter(|_| arrived >= from && wanted.letters.contains(&mark(&delivery)))
            else {
                continue;
            };
            held.hold(
                arrived,
                PER_LETTER + delivery.data.len(),
                (
                    delivery,
                    door,
                    Known {
                        user_id: letter.user_id,
                        first_seen: letter.first_seen,
                        sender: letter.sender,
                    },
                ),
            );
            while let Some((delivery, door, known)) = held.next() {
                self.send(letters, delivery, door, known).await?;
            }
        }
        while let Some((delivery, door, known)) = held.pop() {
            self.send(letters, delivery, door, known).await?;
        }
        self.settle(letters).await?;
        Ok(held.left_from())
    }

    /// Sends a letter back as it was: its body, and the properties that are the sender's.
    async fn send(
        &mut self,
        letters: &mut Portions,
        delivery: Delivery,
        door: Door,
        known: Known,
    ) -> Result<(), AmqpError> {
        let user_id = known.user_id.clone();
        let by = user_id.as_ref().and_then(|user_id| self.doors.get(user_id));
        if by.is_some_and(|by| *by != door) || self.open.len() >= self.most_unconfirmed() {
            self.settle(letters).await?;
        }
        if let Some(user_id) = &user_id {
            if self.kept_back.contains(user_id) {
                self.counts.failed += 1;
                return Ok(());
            }
            self.doors.insert(user_id.clone(), door);
        }
        let sent = self.counts.replayed + self.open.len() as u64;
        pace(self.began, sent, self.rate).await;
        let mandatory = BasicPublishOptions {
            mandatory: true,
            immediate: false,
        };
        let headers = replay_headers(self.topology, door, &known, &delivery);
        let confirm = self
            .publishing
            .basic_publish(
                ShortString::try_new(self.topology.door(Door::Internal)).unwrap_or_default(),
                delivery.routing_key,
                mandatory,
                &delivery.data,
                outgoing::kept(&delivery.properties).with_headers(headers),
            )
            .await
            .map_err(AmqpError::doing("replaying a dead letter"))?;
        self.open.push(Sent {
            tag: delivery.delivery_tag,
            user_id,
            confirm,
        });
        Ok(())
    }

    fn most_unconfirmed(&self) -> usize {
        let a_second = self.rate.and_then(|rate| usize::try_from(rate).ok());
        a_second.map_or(UNCONFIRMED, |letters| letters.min(UNCONFIRMED))
    }

    /// Waits for the confirms of what was sent. The library may attach a returned message to the confirm of another, so
    /// if one came back all of these stay: what was taken twice is applied once.
    async fn settle(&mut self, letters: &mut Portions) -> Result<(), AmqpError> {
        self.doors.clear();
        let mut settled = Vec::with_capacity(self.open.len());
        let mut came_back = false;
        for Sent {
            tag,
            user_id,
            confirm,
        } in self.open.drain(..)
        {
            let confirmation = request::answered_slowly("waiting for a confirm", confirm).await?;
            came_back |= matches!(confirmation, Confirmation::Ack(Some(_)));
            settled.push((tag, user_id, matches!(confirmation, Confirmation::Ack(_))));
        }
        for (tag, user_id, was_taken) in settled {
            if was_taken && !came_back {
                letters.ack(tag).await?;
                self.counts.replayed += 1;
            } else {
                self.counts.failed += 1;
                self.kept_back.extend(user_id);
            }
        }
        Ok(())
    }
}

/// The headers of a letter that is replayed. It goes through the internal exchange, to which only workers may write, so that its
/// origin, its sender and the time at which a worker first received it are believed again.
fn replay_headers(topology: &Topology, door: Door, known: &Known, delivery: &Delivery) -> FieldTable {
    let mut table = FieldTable::default();
    let mut put = |name: &str, value: &str| {
        table.insert(name.into(), AMQPValue::LongString(value.into()));
    };
    put(headers::ORIGIN, door.as_str());
    put(headers::EXCHANGE, &topology.door(door));
    put(headers::ROUTING_KEY, delivery.routing_key.as_str());
    if let Some(sender) = &known.sender {
        put(headers::SENDER, sender);
    }
    if let Some(at) = known.first_seen {
        put(headers::FIRST_SEEN, &at.to_rfc3339());
    }
    if let Some(trace) = header(&delivery.properties, headers::TRACEPARENT) {
        table.insert(headers::TRACEPARENT.into(), trace.clone());
    }
    table
}
