//! One channel with one subscription: a place in the line of those who want to serve a queue.
//!
//! To stop, the channel is closed: everything that is open goes back to the head of the queue at once and in order.
//! A subscription is never cancelled, since the next worker would get later messages before those that are open
//! here. Dropping the library's subscription would cancel it, so dropping ours closes the channel first.
//!
//! The prefetch holds at least as much as any other worker's of the queue: a broker hands out what came back before
//! what is new, and what goes back while some of that is still waiting goes behind it.

use std::task::Poll;

use futures_util::{FutureExt, StreamExt};
use lapin::{
    Channel, Connection, Consumer,
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions},
    types::{FieldTable, ShortString},
};

use super::{AmqpError, connection, request};

/// A place in the line of those who want to serve a queue.
#[derive(Debug)]
pub struct Subscription {
    channel: Channel,
    inner: Consumer,
}

impl Subscription {
    /// Subscribes to `queue`; at most `prefetch` deliveries are open at a time.
    pub async fn open(
        connection: &Connection,
        queue: &str,
        worker: &str,
        prefetch: u16,
    ) -> Result<Self, AmqpError> {
        let channel = connection::channel(connection).await?;
        // Not global, that is for each subscription: the only kind that quorum queues have.
        let qos = channel.basic_qos(prefetch, BasicQosOptions { global: false });
        request::answered("setting the prefetch", qos).await?;
        let tag = ShortString::try_new(worker).map_err(|_| AmqpError::Worker(worker.to_owned()))?;
        let options = BasicConsumeOptions::default();
        let consume = channel.basic_consume(queue.into(), tag, options, FieldTable::default());
        let inner = request::answered("subscribing", consume).await?;
        Ok(Self { channel, inner })
    }

    /// Waits for a delivery, then takes what else has arrived, at most `max`. Nothing is lost when the future
    /// is dropped.
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

    /// What else has arrived, at most `max`; without waiting.
    pub fn arrived(&mut self, max: usize) -> Result<Vec<Delivery>, AmqpError> {
        self.gather(max).now_or_never().unwrap_or_else(|| Ok(Vec::new()))
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
        request::leave(&self.channel).await;
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if self.channel.status().connected() {
            // The first poll sends the frame and marks the subscriptions as ended.
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
