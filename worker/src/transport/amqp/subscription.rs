//! One channel with one subscription to a queue that several workers want to serve.
//!
//! To stop, the channel is closed: all open deliveries go back to the head of the queue at once and
//! in order. A subscription is never cancelled, because the next worker would receive later
//! messages before the deliveries that are open here. Dropping the library's subscription would
//! cancel it, so dropping [`Subscription`] closes the channel first.
//!
//! The prefetch must be at least that of any other worker of the queue. The broker delivers
//! returned messages before new ones, and a message that returns while others are still waiting to
//! be delivered again goes behind them.

use std::task::Poll;

use futures_util::{FutureExt, StreamExt};
use lapin::{
    Channel, Connection, Consumer,
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions},
    types::{FieldTable, ShortString},
};

use super::{connection, error::AmqpError, request};

/// A subscription. The broker delivers to one worker at a time; the others stand by.
#[derive(Debug)]
pub struct Subscription {
    channel: Channel,
    inner: Consumer,
}

impl Subscription {
    /// Subscribes to `queue`, with at most `prefetch` open deliveries.
    pub async fn open(
        connection: &Connection,
        queue: &str,
        worker: &str,
        prefetch: u16,
    ) -> Result<Self, AmqpError> {
        let channel = connection::channel(connection).await?;
        // Not global means per subscription, the only kind that quorum queues support.
        let qos = channel.basic_qos(prefetch, BasicQosOptions { global: false });
        request::answered("setting the prefetch", qos).await?;
        let tag = ShortString::try_new(worker).map_err(|_| AmqpError::Worker(worker.to_owned()))?;
        let options = BasicConsumeOptions::default();
        let consume = channel.basic_consume(queue.into(), tag, options, FieldTable::default());
        let inner = request::answered("subscribing", consume).await?;
        Ok(Self { channel, inner })
    }

    /// Waits for a delivery, then takes others that have arrived, at most `max` in all. Nothing is
    /// lost if the future is dropped.
    pub async fn gather(&mut self, max: usize) -> Result<Vec<Delivery>, AmqpError> {
        let mut group = Vec::new();
        std::future::poll_fn(|context| {
            while group.len() < max {
                match self.inner.poll_next_unpin(context) {
                    Poll::Ready(next) => match delivered(next) {
                        Ok(delivery) => group.push(delivery),
                        Err(error) => return Poll::Ready(Err(error)),
                    },
                    Poll::Pending if group.is_empty() => return Poll::Pending,
                    Poll::Pending => break,
                }
            }
            Poll::Ready(Ok(()))
        })
        .await?;
        Ok(group)
    }

    /// Takes deliveries that have arrived, at most `max`, without waiting.
    pub fn arrived(&mut self, max: usize) -> Result<Vec<Delivery>, AmqpError> {
        self.gather(max)
            .now_or_never()
            .unwrap_or_else(|| Ok(Vec::new()))
    }

    /// Acknowledges everything up to and including `tag`.
    pub async fn ack_through(&self, tag: u64) -> Result<(), AmqpError> {
        self.channel
            .basic_ack(tag, BasicAckOptions { multiple: true })
            .await
            .map_err(AmqpError::doing("acknowledging"))
    }

    /// Closes the channel and waits until the broker has done so.
    pub async fn close(self) {
        request::close_channel(&self.channel).await;
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if self.channel.status().connected() {
            // The first poll sends the frame and marks the subscription as ended.
            let _ = self.channel.close(200, "bye".into()).now_or_never();
        }
    }
}

fn delivered(next: Option<lapin::Result<Delivery>>) -> Result<Delivery, AmqpError> {
    match next {
        Some(Ok(delivery)) => Ok(delivery),
        Some(Err(error)) => Err(AmqpError::doing("receiving")(error)),
        None => Err(AmqpError::Ended),
    }
}
