//! Serves the query queue over a connection of its own, which no command lane uses: a message that ends this
//! connection costs queries their connection, and lanes nothing.
//!
//! Queries are not kept: one that cannot be answered is answered so and acknowledged all the same.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use lapin::{Connection, message::Delivery};
use producer_sdk::unreadable;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info_span, warn};

use super::{
    AmqpError, InboundOptions, answer_budget::Permit, connection, incoming, ledger_id, links::Links,
    place::Place, publisher::Publisher, subscription::Subscription, topology,
};
use crate::lane::{self, Backoff, Condition, Questions, Reply, chain};

/// Queries that are held unacknowledged. What waits beyond them stays in the queue.
const PREFETCH: u16 = 64;
/// Queries that are answered at the same time.
const AT_ONCE: usize = 8;
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// A connection that held this long was a good one.
const GOOD: Duration = Duration::from_secs(30);

/// Keeps the query queue served: connects, serves, and connects again after any failure.
#[derive(Debug)]
pub struct QueryService<Q> {
    pub options: Arc<InboundOptions>,
    pub publisher: Publisher,
    pub questions: Arc<Q>,
    pub stop: CancellationToken,
    pub links: Arc<Links>,
    /// How many lanes are registered on the broker.
    pub registered: watch::Sender<usize>,
}

impl<Q: Questions> QueryService<Q> {
    /// Goes on until asked to stop, or until the namespace turns out to belong to another ledger.
    pub async fn run(self) {
        let this = Arc::new(self);
        let mut backoff = Backoff::new(LONGEST_WAIT);
        while !this.stop.is_cancelled() {
            let started = Instant::now();
            // A task of its own, so that a panic ends one session and not the service; dropped, it is aborted.
            let mut session = JoinSet::new();
            session.spawn(this.clone().session().instrument(info_span!("queries")));
            let ended = session.join_next().await;
            this.links.query_stats.condition.set(Condition::Starting);
            match ended {
                None | Some(Ok(Ok(()))) => {
                    this.links.queries.down();
                    continue;
                }
                // The supervisor compares the ids as well, and reports it.
                Some(Ok(Err(AmqpError::OtherLedger(_)))) => {
                    this.links.queries.lost();
                    return this.stop.cancelled().await;
                }
                Some(Ok(Err(error))) => warn!(
                    error = chain(&error),
                    "the query queue cannot be served, connecting again"
                ),
                Some(Err(panicked)) => error!(
                    error = %panicked,
                    alarm = true,
                    "the query lane panicked, connecting again"
                ),
            }
            this.links.queries.lost();
            if started.elapsed() > GOOD {
                backoff.reset();
            }
            tokio::select! {
                () = this.stop.cancelled() => {}
                () = sleep(backoff.wait()) => {}
            }
        }
    }

    /// Serves over one connection until asked to stop, or until something fails.
    async fn session(self: Arc<Self>) -> Result<(), AmqpError> {
        let name = format!("scrip {} queries", self.options.worker);
        let prepared = async {
            let connection = connection::open(&self.options.url, name).await?;
            // Again after each reconnect: this broker may be another one.
            if let Some(id) = self.options.ledger_id {
                ledger_id::compare(&connection, &self.options.topology, id).await?;
            }
            topology::declare(&connection, &self.options.topology).await?;
            Ok::<_, AmqpError>(connection)
        };
        let connection = tokio::select! {
            prepared = prepared => prepared?,
            () = self.stop.cancelled() => return Ok(()),
        };
        self.links.queries.up();
        let served = self.serve(&connection).await;
        connection::close(&connection).await;
        served
    }

    async fn serve(&self, connection: &Connection) -> Result<(), AmqpError> {
        let queue = self.options.topology.queries();
        let mut subscription = Subscription::open(connection, &queue, &self.options.worker, PREFETCH).await?;
        let mut place = Place::none(&self.registered);
        place.take();
        self.links.query_stats.subscribed();
        self.links.query_stats.condition.set(Condition::Serving);
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
        if let Some(error) = unreadable(&message.properties) {
            self.links.unreadable_queries.add(&message.properties, &error);
            return;
        }
        let sender = incoming::verified_sender(&message.properties);
        let sender = sender.as_deref();
        self.publisher
            .replies()
            .look_at(&self.options.topology, &message.properties, sender);
        // Without a place for the answer there is no question.
        let Some(to) = incoming::reply_to(&self.options.topology, &message.properties) else {
            return;
        };
        let answer = match self.links.budget.permit(sender, Instant::now().into_std()) {
            Permit::Answer => {
                let may_ask = |query: &_| self.options.senders.check_query(sender, query);
                let (clock, deadline) = (&self.options.clock, self.options.query_deadline);
                lane::answer(&*self.questions, &message.data, may_ask, clock, deadline).await
            }
            Permit::Refuse => lane::too_many_queries(&message.data),
            Permit::Drop => return,
        };
        let body = answer.to_json();
        self.links
            .budget
            .take(sender, body.len(), Instant::now().into_std());
        self.publisher.reply(Reply { to, body });
    }
}
