//! Serves the query queue.
//!
//! Queries are not kept: one that cannot be answered is answered so and acknowledged all the same.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use lapin::{Connection, message::Delivery};
use tokio_util::sync::CancellationToken;

use super::{AmqpError, InboundOptions, incoming, publisher::Publisher, subscription::Subscription};
use crate::lane::{self, Condition, LaneStats, Questions, Reply};

const PREFETCH: u16 = 64;
const AT_ONCE: usize = 8;

/// Serves the query queue.
#[derive(Debug)]
pub struct QueryLane<Q> {
    options: Arc<InboundOptions>,
    publisher: Publisher,
    questions: Arc<Q>,
    stop: CancellationToken,
    stats: Arc<LaneStats>,
}

impl<Q: Questions> QueryLane<Q> {
    /// A lane for the query queue that goes on until `stop`.
    pub fn new(
        options: Arc<InboundOptions>,
        publisher: Publisher,
        questions: Arc<Q>,
        stop: CancellationToken,
        stats: Arc<LaneStats>,
    ) -> Self {
        Self {
            options,
            publisher,
            questions,
            stop,
            stats,
        }
    }

    /// Subscribes and serves until asked to stop, or until something gets in the way.
    pub async fn serve(
        &self,
        connection: &Connection,
        registered: impl FnOnce() + Send,
    ) -> Result<(), AmqpError> {
        let queue = self.options.topology.queries();
        let mut subscription = Subscription::open(connection, &queue, &self.options.worker, PREFETCH).await?;
        registered();
        self.stats.subscribed();
        self.stats.condition.set(Condition::Serving);
        loop {
            let group = tokio::select! {
                biased;
                () = self.stop.cancelled() => {
                    subscription.close().await;
                    return Ok(());
                }
                group = subscription.gather(PREFETCH.into()) => group?,
            };
            let last = group.last().map(|message| message.delivery_tag);
            stream::iter(group)
                .for_each_concurrent(AT_ONCE, |message| self.answer(message))
                .await;
            if let Some(last) = last {
                subscription.ack_through(last).await?;
            }
        }
    }

    async fn answer(&self, message: Delivery) {
        // Without a place for the answer there is no question.
        let Some(to) = incoming::reply_to(&self.options.topology, &message.properties) else {
            return;
        };
        let answer = lane::answer(
            &*self.questions,
            &message.data,
            &self.options.clock,
            self.options.query_deadline,
        )
        .await;
        self.publisher.reply(Reply {
            to,
            body: answer.to_json(),
        });
    }
}
