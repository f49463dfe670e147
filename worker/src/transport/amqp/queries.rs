//! Serves the query queue over its own connection, which no command lane uses: a message that ends
//! this connection costs queries their connection and lanes nothing.
//!
//! Queries are not kept. A query that cannot be answered gets an error answer and is acknowledged.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use lapin::{Connection, message::Delivery};
use producer_sdk::amqp::unreadable;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info_span, warn};

use super::{
    answer_budget::Permit, connection, connection_state::ConnectionStates, error::AmqpError,
    incoming, ledger_id, options::InboundOptions, publisher::Publisher, subscription::Subscription,
    topology,
};
use crate::{
    pipeline::{Backoff, LaneState, Reply, chain},
    queries::{self, QueryHandler},
};

/// Largest number of unacknowledged queries. Further queries wait in the queue.
const PREFETCH: u16 = 64;
/// Largest number of queries that are answered at the same time.
const AT_ONCE: usize = 8;
const MAX_WAIT: Duration = Duration::from_secs(2);
/// The backoff is reset after a connection that lasted this long.
const STABLE_AFTER: Duration = Duration::from_secs(30);

/// Serves the query queue, and reconnects after any failure.
#[derive(Debug)]
pub struct QueryService<Q> {
    pub options: Arc<InboundOptions>,
    pub publisher: Publisher,
    pub query_handler: Arc<Q>,
    pub stop: CancellationToken,
    pub connection_state: Arc<ConnectionStates>,
    /// Set when the query queue is subscribed to for the first time, or cannot be.
    pub tried: watch::Sender<bool>,
}

impl<Q: QueryHandler> QueryService<Q> {
    /// Serves until `stop` is cancelled. If the namespace belongs to another ledger on one of
    /// several addresses, the next connection may lead to another one; the supervisor ends the
    /// worker if its own connection finds the same.
    pub async fn run(self) {
        let this = Arc::new(self);
        let mut backoff = Backoff::new(MAX_WAIT);
        while !this.stop.is_cancelled() {
            let started = Instant::now();
            // A separate task, so that a panic ends one session and not the service. Dropping the
            // set aborts it.
            let mut session = JoinSet::new();
            session.spawn(this.clone().session().instrument(info_span!("queries")));
            let ended = session.join_next().await;
            this.connection_state
                .query_stats
                .state
                .set(LaneState::Starting);
            match ended {
                None | Some(Ok(Ok(()))) => {
                    this.connection_state.queries.down();
                    continue;
                }
                Some(Ok(Err(error))) => {
                    let error = chain(&error);
                    if let Some(suppressed) = this.connection_state.other_failures.note(&error) {
                        warn!(
                            error,
                            suppressed, "query queue cannot be served, reconnecting"
                        );
                    }
                    this.connection_state.queries.lost(error);
                }
                Some(Err(panicked)) => {
                    error!(
                        error = %panicked,
                        alarm = true,
                        "query lane panicked, reconnecting"
                    );
                    this.connection_state.queries.lost(panicked.to_string());
                }
            }
            this.tried.send_replace(true);
            if started.elapsed() > STABLE_AFTER {
                backoff.reset();
            }
            tokio::select! {
                () = this.stop.cancelled() => {}
                () = sleep(backoff.wait()) => {}
            }
        }
    }

    /// Serves over one connection until `stop` is cancelled or something fails.
    async fn session(self: Arc<Self>) -> Result<(), AmqpError> {
        let name = format!("scrip {} queries", self.options.worker);
        let prepared = async {
            let connection = connection::open(&self.options.url, name).await?;
            // Compared after each reconnect: this broker may be another one.
            if let Some(id) = self.options.ledger_id {
                ledger_id::compare(&connection, &self.options.topology, id).await?;
            }
            let topology = &self.options.topology;
            topology::declare_one(&connection, topology, &topology.queries()).await?;
            Ok::<_, AmqpError>(connection)
        };
        let connection = tokio::select! {
            prepared = prepared => prepared?,
            () = self.stop.cancelled() => return Ok(()),
        };
        let served = self.serve(&connection).await;
        connection::close(&connection).await;
        served
    }

    async fn serve(&self, connection: &Connection) -> Result<(), AmqpError> {
        let queue = self.options.topology.queries();
        let mut subscription =
            Subscription::open(connection, &queue, &self.options.worker, PREFETCH).await?;
        self.connection_state.queries.up();
        self.connection_state.other_failures.clear();
        self.tried.send_replace(true);
        self.connection_state.query_stats.subscribed();
        self.connection_state
            .query_stats
            .state
            .set(LaneState::Serving);
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
            self.connection_state
                .unreadable_queries
                .add(&message.properties, &error);
            return;
        }
        let sender = incoming::verified_sender(&message.properties);
        let sender = sender.as_deref();
        self.publisher.replies().check_reply_to(
            &self.options.topology,
            &message.properties,
            sender,
        );
        // A query without a usable reply address is dropped.
        let Some(to) = incoming::reply_to(&self.options.topology, &message.properties) else {
            return;
        };
        let answer = match self
            .connection_state
            .budget
            .permit(sender, Instant::now().into_std())
        {
            Permit::Answer => {
                let check_sender = |query: &_| self.options.senders.check_query(sender, query);
                let (clock, deadline) = (&self.options.clock, self.options.query_deadline);
                queries::answer(
                    &*self.query_handler,
                    &message.data,
                    check_sender,
                    clock,
                    deadline,
                )
                .await
            }
            Permit::Refuse => queries::too_many_queries(&message.data),
            Permit::Drop => return,
        };
        let body = answer.to_json();
        self.connection_state
            .budget
            .take(sender, body.len(), Instant::now().into_std());
        self.publisher.reply(Reply { to, body });
    }
}
