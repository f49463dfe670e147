//! The stream of retained commands: reads a range of time, and publishes commands of it again.
//!
//! A command is published through the internal exchange, to which only workers may publish, so that
//! its origin, its sender and its time of receipt are trusted.

mod stream_times;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt;
use lapin::{
    BasicProperties, Channel, Connection, Consumer,
    message::Delivery,
    options::{BasicAckOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use ledger::Command;
use producer_sdk::{
    amqp::{ConfirmChannel, Outgoing, PublishResult},
    contract::Topology,
};
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    connection,
    error::AmqpError,
    incoming, outgoing, request,
    topology::{self, Difference, NOT_FOUND, short},
};
use crate::decode;
use stream_times::StreamTimes;

const PREFETCH: u16 = 1_000;
/// Number of deliveries that are acknowledged together.
const ACK_EVERY: u64 = 250;
/// The mark at the end of the stream is delivered, so a longer silence is an error.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Declares the stream with its bindings. Every other queue must be declared before: without the
/// bindings of a command queue, its commands would be in the stream alone. A usable stream gets a
/// message, before which nothing counts as retained.
pub async fn declare(
    connection: &Connection,
    topology: &Topology,
    max_age: Duration,
) -> Result<Vec<Difference>, AmqpError> {
    let stream = topology.retained_queue(max_age);
    let bindings = topology.retained_bindings();
    let declared = topology::declare_bound(connection, topology, &stream, bindings).await?;
    if declared.iter().all(|difference| difference.is_usable) {
        // Without a message the instant since which commands are retained would not be known.
        mark(connection, short(&stream.name)?, "begin").await?;
    }
    Ok(declared)
}

/// Opens a connection, declares the stream, and closes the connection.
pub async fn declare_at(
    url: &str,
    topology: &Topology,
    max_age: Duration,
) -> Result<Vec<Difference>, AmqpError> {
    let connection = connection::open(url, "scrip topology".to_owned()).await?;
    let declared = declare(&connection, topology, max_age).await;
    connection::close(&connection).await;
    declared
}

/// The stream of retained commands of a namespace.
#[derive(Debug)]
pub struct Retained {
    reading: Connection,
    publishing: Connection,
    topology: Topology,
    stream: ShortString,
}

/// A command that was retained.
#[derive(Debug)]
pub struct RetainedCommand {
    /// The command as the ledger decides it.
    pub command: Command,
    /// The first instant that is known to be after its arrival.
    pub arrived: DateTime<Utc>,
    message: Arc<Outgoing>,
}

/// Reads a range of the stream.
pub struct RetainedReader {
    topology: Topology,
    channel: Channel,
    messages: Consumer,
    times: StreamTimes,
    /// The offset of the last message.
    offset: u64,
    /// The id of the message that marks the end.
    mark: String,
    has_ended: bool,
}

impl Retained {
    /// Opens the connections. `None` if the namespace has no stream.
    pub async fn open(url: &str, topology: Topology) -> Result<Option<Self>, AmqpError> {
        let retained = Self {
            reading: connection::open(url, "scrip recover".to_owned()).await?,
            publishing: connection::open(url, "scrip recover publishing".to_owned()).await?,
            stream: short(topology.retained())?,
            topology,
        };
        match retained.exists().await {
            Ok(true) => return Ok(Some(retained)),
            Ok(false) => retained.close().await,
            Err(error) => {
                retained.close().await;
                return Err(error);
            }
        }
        Ok(None)
    }

    async fn exists(&self) -> Result<bool, AmqpError> {
        let channel = connection::channel(&self.reading).await?;
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let declare = channel.queue_declare(self.stream.clone(), passive, FieldTable::default());
        match request::answered("looking up the stream of retained commands", declare).await {
            Ok(_) => {
                request::close_channel(&channel).await;
                Ok(true)
            }
            Err(error) if error.code() == Some(NOT_FOUND) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Closes the connections.
    pub async fn close(self) {
        connection::close(&self.publishing).await;
        connection::close(&self.reading).await;
    }

    /// Begins to read the commands that arrived from `from` to `to`.
    pub async fn read(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<RetainedReader, AmqpError> {
        let now = Utc::now();
        let mark = self.mark_end().await?;
        // The broker compares whole seconds.
        let to = to.min(now) + TimeDelta::seconds(1);
        let times = StreamTimes::look_up(self, from, to).await?;
        let start = times.start();
        let first = AMQPValue::LongLongInt(i64::try_from(start).unwrap_or(i64::MAX));
        let (channel, messages) =
            stream_times::subscribe(&self.reading, &self.stream, PREFETCH, first).await?;
        Ok(RetainedReader {
            topology: self.topology.clone(),
            channel,
            messages,
            has_ended: false,
            times,
            // The first message is at `start`, also if it has no offset.
            offset: start.wrapping_sub(1),
            mark,
        })
    }

    /// Whether the stream still has everything that arrived since `at`.
    pub async fn reaches_back_to(&self, at: DateTime<Utc>) -> Result<bool, AmqpError> {
        stream_times::reaches_back_to(self, at).await
    }

    /// The connection for subscriptions.
    pub(super) const fn reading(&self) -> &Connection {
        &self.reading
    }

    /// The name of the stream.
    pub(super) const fn stream(&self) -> &ShortString {
        &self.stream
    }

    /// Publishes a message to the stream alone. Returns its id.
    pub(super) async fn mark_end(&self) -> Result<String, AmqpError> {
        mark(&self.publishing, self.stream.clone(), "end").await
    }

    /// Publishes commands again, in order, and waits for their confirms.
    pub async fn publish(&self, commands: &[RetainedCommand]) -> Result<(), AmqpError> {
        let messages = commands.iter().map(|retained| retained.message.clone());
        publish_all(&self.publishing, messages.collect()).await
    }
}

/// Publishes a message to the stream alone, to which no exchange of commands leads. Returns its id.
async fn mark(
    connection: &Connection,
    stream: ShortString,
    kind: &str,
) -> Result<String, AmqpError> {
    let mark = format!("{kind}-{}", Uuid::now_v7().simple());
    let message = Outgoing {
        exchange: ShortString::default(),
        routing_key: stream,
        properties: BasicProperties::default().with_message_id(short(&mark)?),
        body: Vec::new(),
    };
    publish_all(connection, vec![Arc::new(message)]).await?;
    Ok(mark)
}

async fn publish_all(
    connection: &Connection,
    messages: Vec<Arc<Outgoing>>,
) -> Result<(), AmqpError> {
    let opening = ConfirmChannel::open(connection, true);
    let mut channel = request::answered("opening a channel", opening).await?;
    let to = messages.first().map(|message| message.exchange.to_string());
    let publishing = channel.publish_all(messages);
    let results = request::answered_slowly("publishing commands again", publishing).await?;
    // If this fails, the connection closes the channel.
    let _ = request::answered("closing a channel", channel.close()).await;
    for result in results {
        let why = match result {
            PublishResult::Confirmed => continue,
            PublishResult::Returned(reason) => reason,
            PublishResult::Refused => "the broker refused it".to_owned(),
        };
        let exchange = to.unwrap_or_default();
        return Err(AmqpError::NotAccepted { exchange, why });
    }
    Ok(())
}

impl RetainedReader {
    /// The next commands, at most `max`, in the order in which they arrived. None at the end of the
    /// range. Messages that are no valid commands are left out: they are dead letters.
    pub async fn next_page(&mut self, max: usize) -> Result<Vec<RetainedCommand>, AmqpError> {
        let mut page = Vec::new();
        while page.len() < max && !self.has_ended {
            let delivery = match timeout(ANSWER_WITHIN, self.messages.next()).await {
                Ok(Some(Ok(delivery))) => delivery,
                Ok(Some(Err(error))) => {
                    return Err(AmqpError::doing("reading retained commands")(error));
                }
                Ok(None) => return Err(AmqpError::Ended),
                Err(_) => return Err(AmqpError::Timeout(ANSWER_WITHIN)),
            };
            // A message with unreadable properties has no offset.
            let next = self.offset.wrapping_add(1);
            self.offset = stream_times::offset(&delivery).unwrap_or(next);
            let id = delivery.properties.message_id().as_ref();
            let arrived = self.times.arrived(self.offset);
            let arrived = arrived.filter(|_| id.is_none_or(|id| id.as_str() != self.mark));
            let Some(arrived) = arrived else {
                self.has_ended = true;
                break;
            };
            if delivery.delivery_tag % ACK_EVERY == 0 {
                self.ack(delivery.delivery_tag).await?;
            }
            page.extend(self.command(delivery, arrived));
        }
        if self.has_ended {
            request::close_channel(&self.channel).await;
        }
        Ok(page)
    }

    /// Asks for more. An acknowledgement removes nothing from a stream.
    async fn ack(&self, tag: u64) -> Result<(), AmqpError> {
        self.channel
            .basic_ack(tag, BasicAckOptions { multiple: true })
            .await
            .map_err(AmqpError::doing("acknowledging"))
    }

    fn command(&self, delivery: Delivery, arrived: DateTime<Utc>) -> Option<RetainedCommand> {
        let delivery = incoming::read(&self.topology, delivery, arrived.min(Utc::now()));
        if delivery.unreadable.is_some() {
            return None;
        }
        let mut command = decode::decode(&delivery.body, delivery.origin?).ok()?;
        command.sender.clone_from(&delivery.sender);
        command.received_at = Some(decode::micros(delivery.first_seen));
        Some(RetainedCommand {
            command,
            arrived,
            message: Arc::new(outgoing::again(&self.topology, delivery)),
        })
    }
}
