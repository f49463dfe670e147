//! The letters of a queue in portions: looked at from the first to the last, while none of them is lost.
//!
//! What was looked at stays unacknowledged, so that it goes back when the channel is closed. A subscription hands out as many
//! as its prefetch and no more; when all of those are in hand it ends, and the next one goes on behind them. Fetching one by
//! one would do, too, but of a quorum queue each fetch takes longer the more is in hand.
//!
//! RabbitMQ takes the portions of a closed channel back in the order of their tags, if there are at most 32: more of them go
//! back in an order of its own, each portion by itself as it was.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::{
    Channel, Consumer, Queue,
    message::Delivery,
    options::{
        BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicQosOptions,
        QueueDeclareOptions,
    },
    types::{FieldTable, ShortString},
};

use tokio::time::timeout;

use super::{AmqpError, request};

/// Letters in memory at a time, at most.
const PORTION: u16 = 500;
/// How long nothing may come before the queue is asked whether there is more.
const SILENCE: Duration = Duration::from_millis(500);
const LOOKING: &str = "looking up the dead-letter queue";
/// Of many acknowledgements at once the broker writes some down and holds the others back until those are written; what it
/// holds back when the channel is closed is forgotten. A fetch waits until all is written that was written down before it, and
/// by the next one the rest has been, too.
const FLUSHES: u32 = 2;

/// A queue that is looked through, on a channel of its own.
#[derive(Debug)]
pub struct Portions {
    channel: Channel,
    queue: ShortString,
    portion: Consumer,
    /// Which portion it is, from 1.
    number: u32,
    /// Of this portion: received, and not acknowledged.
    in_hand: u16,
    /// The last letter of the portions before it.
    before: u64,
    last: u64,
    has_acknowledged: bool,
}

impl Portions {
    /// Begins at the head of `queue`. The channel is used for nothing else.
    pub async fn open(channel: Channel, queue: ShortString) -> Result<Self, AmqpError> {
        let qos = channel.basic_qos(PORTION, BasicQosOptions { global: false });
        request::answered("setting the prefetch", qos).await?;
        let portion = subscribe(&channel, &queue, 1).await?;
        Ok(Self {
            channel,
            queue,
            portion,
            number: 1,
            in_hand: 0,
            before: 0,
            last: 0,
            has_acknowledged: false,
        })
    }

    /// Whether the whole portion is in hand.
    const fn is_full(&self) -> bool {
        self.in_hand >= PORTION
    }

    /// The next letter; none when there is no more.
    pub async fn next(&mut self) -> Result<Option<Delivery>, AmqpError> {
        if self.is_full() {
            self.turn().await?;
        }
        let mut is_empty = false;
        loop {
            if let Ok(next) = timeout(SILENCE, self.portion.next()).await {
                return self.received(next).map(Some);
            }
            if is_empty {
                return Ok(None);
            }
            // The broker may only be slow, and answers behind what it has handed out: there is no answer while letters
            // arrive. What it has handed out last may still be under way.
            let channel = self.channel.clone();
            let asked = async { ready_slowly(&channel, self.queue.clone()).await };
            is_empty = tokio::select! {
                biased;
                next = self.portion.next() => return self.received(next).map(Some),
                found = asked => found? == 0,
            };
        }
    }

    /// Takes a letter, of this portion or an earlier one, out of the queue.
    pub async fn ack(&mut self, tag: u64) -> Result<(), AmqpError> {
        self.channel
            .basic_ack(tag, BasicAckOptions::default())
            .await
            .map_err(AmqpError::doing("acknowledging a dead letter"))?;
        if tag > self.before {
            self.in_hand = self.in_hand.saturating_sub(1);
        }
        self.has_acknowledged = true;
        Ok(())
    }

    /// Lets everything go back that was not acknowledged; what was is gone for good.
    pub async fn close(self) -> Result<(), AmqpError> {
        if self.has_acknowledged {
            for _ in 0..FLUSHES {
                let options = BasicGetOptions { no_ack: false };
                let get = self.channel.basic_get(self.queue.clone(), options);
                request::answered_slowly("fetching a dead letter", get).await?;
            }
        }
        request::leave(&self.channel).await;
        Ok(())
    }

    fn received(&mut self, next: Option<lapin::Result<Delivery>>) -> Result<Delivery, AmqpError> {
        let delivery = next
            .ok_or(AmqpError::Ended)?
            .map_err(AmqpError::doing("receiving a dead letter"))?;
        self.in_hand += 1;
        self.last = delivery.delivery_tag;
        Ok(delivery)
    }

    /// Ends this portion, all of which is in hand, and begins the next one.
    async fn turn(&mut self) -> Result<(), AmqpError> {
        let options = BasicCancelOptions::default();
        let cancel = self.channel.basic_cancel(tag(self.number), options);
        request::answered_slowly("ending a subscription", cancel).await?;
        self.number += 1;
        self.in_hand = 0;
        self.before = self.last;
        self.portion = subscribe(&self.channel, &self.queue, self.number).await?;
        Ok(())
    }
}

/// How many letters wait in `queue`: those in hand are not among them.
pub async fn ready(channel: &Channel, queue: ShortString) -> Result<u64, AmqpError> {
    let found = request::answered(LOOKING, look_up(channel, queue)).await?;
    Ok(found.message_count().into())
}

/// The same on a channel over which letters arrive.
async fn ready_slowly(channel: &Channel, queue: ShortString) -> Result<u64, AmqpError> {
    let found = request::answered_slowly(LOOKING, look_up(channel, queue)).await?;
    Ok(found.message_count().into())
}

async fn look_up(channel: &Channel, queue: ShortString) -> lapin::Result<Queue> {
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    channel.queue_declare(queue, passive, FieldTable::default()).await
}

async fn subscribe(channel: &Channel, queue: &ShortString, number: u32) -> Result<Consumer, AmqpError> {
    let options = BasicConsumeOptions::default();
    let consume = channel.basic_consume(queue.clone(), tag(number), options, FieldTable::default());
    request::answered("subscribing to dead letters", consume).await
}

/// As long for each, so that their order is that of the numbers.
fn tag(number: u32) -> ShortString {
    ShortString::try_new(format!("portion-{number:010}")).unwrap_or_default()
}
