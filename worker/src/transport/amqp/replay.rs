//! Replays dead letters in the order in which their messages first arrived, across all origins:
//! usage that overtook the purchase which paid for it would be refused permanently.
//!
//! One channel publishes all of them, so the broker routes them in this order. A dead letter is
//! confirmed before a later one of the same user goes through another origin. One that is not
//! accepted holds back all later ones of its user: they stay dead letters.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    mem,
    sync::Arc,
};

use chrono::{DateTime, Utc};
use lapin::{
    message::Delivery,
    types::{AMQPValue, FieldTable, ShortString},
};
use producer_sdk::{
    amqp::{ConfirmChannel, Outgoing, PublishResult},
    contract::{Origin, Topology, headers},
};
use tokio::time::Instant;

use super::{
    dead_letter_reader::DeadLetterReader,
    error::AmqpError,
    incoming::{self, header, text},
    outgoing, request,
};
use crate::{
    dead_letters::{Arrivals, ByArrival, Counts, DeadLetter},
    rate_limit::rate_limit,
};

/// Largest size of the dead letters that wait in memory for their turn. Those that do not fit are
/// fetched again.
const MAX_HELD: usize = 16 << 20;
/// Bytes that a dead letter takes besides its body: properties, headers, an entry in a map.
const OVERHEAD: usize = 2 << 10;
/// Largest number of unconfirmed dead letters. With a rate, it is at most the number per second.
const MAX_UNCONFIRMED: usize = 200;

/// The dead letters to replay, as determined by the first pass over the queue.
#[derive(Debug, Default)]
pub struct Selection {
    fingerprints: HashSet<u64>,
    arrived: Vec<DateTime<Utc>>,
}

impl Selection {
    /// Adds a dead letter.
    pub fn add(&mut self, delivery: &Delivery, arrived: DateTime<Utc>) {
        self.fingerprints.insert(fingerprint(delivery));
        self.arrived.push(arrived);
    }

    /// Sorts the arrivals; `None` if there is nothing to replay.
    pub fn in_order(mut self) -> Option<Self> {
        self.arrived.sort_unstable();
        (!self.arrived.is_empty()).then_some(self)
    }

    /// The arrivals at `from` or later, in order.
    fn arrived_from(&self, from: DateTime<Utc>) -> &[DateTime<Utc>] {
        &self.arrived[self.arrived.partition_point(|at| *at < from)..]
    }
}

/// Identifies a dead letter when the queue is read again.
fn fingerprint(delivery: &Delivery) -> u64 {
    let value = |name| header(&delivery.properties, name).and_then(text);
    let mut hasher = DefaultHasher::new();
    incoming::identity(delivery).hash(&mut hasher);
    value(headers::FIRST_SEEN).hash(&mut hasher);
    value(headers::LAST_SEEN).hash(&mut hasher);
    hasher.finish()
}

/// The fields of a dead letter that its replay needs.
struct Known {
    user_id: Option<String>,
    first_seen: Option<DateTime<Utc>>,
    sender: Option<String>,
}

/// Replays dead letters over one channel.
pub struct Replay<'a> {
    publishing: &'a mut ConfirmChannel,
    topology: &'a Topology,
    rate: Option<u32>,
    began: Instant,
    /// The user of each unconfirmed dead letter, by delivery tag.
    unconfirmed: BTreeMap<u64, Option<String>>,
    /// The origin of the unconfirmed dead letter of each user.
    origins: HashMap<String, Origin>,
    /// Users with a dead letter that was not accepted.
    kept_back: HashSet<String>,
    /// Counts replays and failures. The caller keeps the counts after an error.
    pub counts: &'a mut Counts,
}

impl<'a> Replay<'a> {
    /// Publishes at most `rate` dead letters per second.
    pub fn new(
        publishing: &'a mut ConfirmChannel,
        topology: &'a Topology,
        rate: Option<u32>,
        counts: &'a mut Counts,
    ) -> Self {
        Self {
            publishing,
            topology,
            rate,
            began: Instant::now(),
            unconfirmed: BTreeMap::new(),
            origins: HashMap::new(),
            kept_back: HashSet::new(),
            counts,
        }
    }

    /// Replays those of the next `total` dead letters that are selected and arrived at `from` or
    /// later, each through the origin that `describe` returns. Returns the arrival from which on
    /// dead letters are left for another pass.
    pub async fn read(
        &mut self,
        reader: &mut DeadLetterReader,
        total: u64,
        selection: &Selection,
        from: DateTime<Utc>,
        describe: impl Fn(&Delivery) -> (DeadLetter, Option<Origin>),
    ) -> Result<Option<DateTime<Utc>>, AmqpError> {
        let mut arrivals = Arrivals::from(from);
        let mut held = ByArrival::new(selection.arrived_from(from), MAX_HELD);
        for _ in 0..total {
            let Some(delivery) = reader.next().await? else {
                break;
            };
            let (dead_letter, origin) = describe(&delivery);
            let arrived = arrivals.next(dead_letter.first_seen);
            let Some(origin) = origin.filter(|_| {
                arrived >= from && selection.fingerprints.contains(&fingerprint(&delivery))
            }) else {
                continue;
            };
            held.hold(
                arrived,
                OVERHEAD + delivery.data.len(),
                (
                    delivery,
                    origin,
                    Known {
                        user_id: dead_letter.user_id,
                        first_seen: dead_letter.first_seen,
                        sender: dead_letter.sender,
                    },
                ),
            );
            while let Some((delivery, origin, known)) = held.next() {
                self.send(reader, delivery, origin, known).await?;
            }
        }
        while let Some((delivery, origin, known)) = held.pop() {
            self.send(reader, delivery, origin, known).await?;
        }
        self.settle(reader).await?;
        Ok(held.left_from())
    }

    /// Publishes a dead letter again, with its original body and the properties of its sender.
    async fn send(
        &mut self,
        reader: &mut DeadLetterReader,
        delivery: Delivery,
        origin: Origin,
        known: Known,
    ) -> Result<(), AmqpError> {
        let user_id = known.user_id.clone();
        let by = user_id
            .as_ref()
            .and_then(|user_id| self.origins.get(user_id));
        if by.is_some_and(|by| *by != origin) || self.unconfirmed.len() >= self.most_unconfirmed() {
            self.settle(reader).await?;
        }
        if let Some(user_id) = &user_id {
            if self.kept_back.contains(user_id) {
                self.counts.failed += 1;
                return Ok(());
            }
            self.origins.insert(user_id.clone(), origin);
        }
        let sent = self.counts.replayed + self.unconfirmed.len() as u64;
        rate_limit(self.began, sent, self.rate).await;
        let headers = replay_headers(self.topology, origin, &known, &delivery);
        let exchange = self.topology.exchange(Origin::Internal);
        let message = Outgoing {
            exchange: ShortString::try_new(exchange).unwrap_or_default(),
            routing_key: delivery.routing_key,
            properties: outgoing::kept_properties(&delivery.properties).with_headers(headers),
            body: delivery.data,
        };
        self.publishing
            .publish(delivery.delivery_tag, Arc::new(message))
            .map_err(AmqpError::doing("replaying a dead letter"))?;
        self.unconfirmed.insert(delivery.delivery_tag, user_id);
        Ok(())
    }

    fn most_unconfirmed(&self) -> usize {
        let a_second = self.rate.and_then(|rate| usize::try_from(rate).ok());
        a_second.map_or(MAX_UNCONFIRMED, |count| count.min(MAX_UNCONFIRMED))
    }

    /// Waits for the confirms of the published dead letters. Copies of a message cannot be told
    /// apart when one is returned. So if one message was returned, all of them stay dead letters: a
    /// message that is replayed twice is applied once.
    async fn settle(&mut self, reader: &mut DeadLetterReader) -> Result<(), AmqpError> {
        self.origins.clear();
        let results = self.publishing.results();
        let results = request::answered_slowly("waiting for a confirm", results).await?;
        let any_returned = results
            .values()
            .any(|result| matches!(result, PublishResult::Returned(_)));
        for (tag, user_id) in mem::take(&mut self.unconfirmed) {
            if results.get(&tag) == Some(&PublishResult::Confirmed) && !any_returned {
                reader.ack(tag).await?;
                self.counts.replayed += 1;
            } else {
                self.counts.failed += 1;
                self.kept_back.extend(user_id);
            }
        }
        Ok(())
    }
}

/// The headers of a replayed dead letter. It goes through the internal exchange, to which only
/// workers may publish, so that its origin, its sender and the time at which a worker first
/// received it are trusted again.
fn replay_headers(
    topology: &Topology,
    origin: Origin,
    known: &Known,
    delivery: &Delivery,
) -> FieldTable {
    let mut table = FieldTable::default();
    let mut put = |name: &str, value: &str| {
        table.insert(name.into(), AMQPValue::LongString(value.into()));
    };
    put(headers::ORIGIN, origin.as_str());
    put(headers::EXCHANGE, &topology.exchange(origin));
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
