//! Reads the dead letters of a queue page by page, from the first to the last, without losing any.
//!
//! A dead letter stays unacknowledged after it was read, so it is requeued when the channel is
//! closed. A subscription delivers as many dead letters as its prefetch and no more. When all of
//! them are in hand, the subscription is cancelled and the next one continues behind them. Fetching
//! one by one would also work, but each fetch from a quorum queue takes longer the more dead
//! letters are in hand.
//!
//! When a channel with at most 32 pages is closed, RabbitMQ requeues them in the order of their
//! tags. If there are more, the order of the pages is unspecified; each page keeps its own order.

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

use super::{error::AmqpError, request};

/// Size of a page: the largest number of dead letters in memory.
const PAGE: u16 = 500;
/// Time without a delivery after which the depth of the queue is read.
const SILENCE: Duration = Duration::from_millis(500);
const LOOKING_UP: &str = "looking up the dead-letter queue";
/// Number of fetches before a channel with acknowledgements is closed. When many acknowledgements
/// arrive at once, the broker writes some and holds the others back until those are written. It
/// forgets the held ones when the channel is closed. A fetch waits for the writes before it, and by
/// the second fetch the held ones are written, too.
const FLUSHES: u32 = 2;

/// Reads a queue over its own channel.
#[derive(Debug)]
pub struct DeadLetterReader {
    channel: Channel,
    queue: ShortString,
    page: Consumer,
    /// Number of the page, from 1.
    number: u32,
    /// Number of unacknowledged dead letters of this page.
    in_hand: u16,
    /// Delivery tag of the last dead letter of the previous page.
    before: u64,
    /// Delivery tag of the last dead letter.
    last: u64,
    has_acknowledged: bool,
}

impl DeadLetterReader {
    /// Starts at the head of `queue`. The channel must not be used for anything else.
    pub async fn open(channel: Channel, queue: ShortString) -> Result<Self, AmqpError> {
        let qos = channel.basic_qos(PAGE, BasicQosOptions { global: false });
        request::answered("setting the prefetch", qos).await?;
        let page = subscribe(&channel, &queue, 1).await?;
        Ok(Self {
            channel,
            queue,
            page,
            number: 1,
            in_hand: 0,
            before: 0,
            last: 0,
            has_acknowledged: false,
        })
    }

    /// Whether the whole page is in hand.
    const fn is_full(&self) -> bool {
        self.in_hand >= PAGE
    }

    /// The next dead letter; `None` at the end of the queue.
    pub async fn next(&mut self) -> Result<Option<Delivery>, AmqpError> {
        if self.is_full() {
            self.next_page().await?;
        }
        let mut is_empty = false;
        loop {
            if let Ok(next) = timeout(SILENCE, self.page.next()).await {
                return self.received(next).map(Some);
            }
            if is_empty {
                return Ok(None);
            }
            // The broker may be slow. It answers behind the dead letters that it has delivered, so
            // there is no answer while they arrive, and the last ones may still be under way.
            let channel = self.channel.clone();
            let depth = async { ready_slowly(&channel, self.queue.clone()).await };
            is_empty = tokio::select! {
                biased;
                next = self.page.next() => return self.received(next).map(Some),
                ready = depth => ready? == 0,
            };
        }
    }

    /// Acknowledges a dead letter of this or an earlier page, which removes it from the queue.
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

    /// Closes the channel. Unacknowledged dead letters are requeued; acknowledged ones are deleted.
    pub async fn close(self) -> Result<(), AmqpError> {
        if self.has_acknowledged {
            for _ in 0..FLUSHES {
                let options = BasicGetOptions { no_ack: false };
                let get = self.channel.basic_get(self.queue.clone(), options);
                request::answered_slowly("fetching a dead letter", get).await?;
            }
        }
        request::close_channel(&self.channel).await;
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

    /// Ends this page, all of which is in hand, and starts the next one.
    async fn next_page(&mut self) -> Result<(), AmqpError> {
        let options = BasicCancelOptions::default();
        let cancel = self.channel.basic_cancel(tag(self.number), options);
        request::answered_slowly("ending a subscription", cancel).await?;
        self.number += 1;
        self.in_hand = 0;
        self.before = self.last;
        self.page = subscribe(&self.channel, &self.queue, self.number).await?;
        Ok(())
    }
}

/// Number of dead letters in `queue`, without those in hand.
pub async fn ready(channel: &Channel, queue: ShortString) -> Result<u64, AmqpError> {
    let found = request::answered(LOOKING_UP, look_up(channel, queue)).await?;
    Ok(found.message_count().into())
}

/// Like [`ready`], on a channel over which dead letters arrive.
async fn ready_slowly(channel: &Channel, queue: ShortString) -> Result<u64, AmqpError> {
    let found = request::answered_slowly(LOOKING_UP, look_up(channel, queue)).await?;
    Ok(found.message_count().into())
}

async fn look_up(channel: &Channel, queue: ShortString) -> lapin::Result<Queue> {
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(queue, passive, FieldTable::default())
        .await
}

async fn subscribe(
    channel: &Channel,
    queue: &ShortString,
    number: u32,
) -> Result<Consumer, AmqpError> {
    let options = BasicConsumeOptions::default();
    let consume = channel.basic_consume(queue.clone(), tag(number), options, FieldTable::default());
    request::answered("subscribing to dead letters", consume).await
}

/// The consumer tag of a page. All tags have the same length, so that their order is that of the
/// numbers.
fn tag(number: u32) -> ShortString {
    ShortString::try_new(format!("page-{number:010}")).unwrap_or_default()
}
