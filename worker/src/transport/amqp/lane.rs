//! Serves one command queue.
//!
//! A message that crashes the process must not take its neighbors to the delivery limit. So
//! deliveries that the broker has delivered three times before are processed in small groups, and
//! those that it has delivered six times before are processed one at a time. Each is acknowledged
//! before the next, and a crash counter in the database counts how many attempts in a row took the
//! message. A message that was in hand in three crashes is delayed like a poison command, and its
//! neighbors proceed.
//!
//! The prefetch has its full size from the start, because a worker that dies while it holds only
//! one of several returned deliveries returns it behind the others. If it holds all of them, they
//! return in order.

use std::{collections::VecDeque, convert::Infallible, sync::Arc};

use chrono::{DateTime, Utc};
use lapin::{Connection, message::Delivery};
use ledger::Command;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{
    clock_wait::ClockWait,
    database_wait::{DatabaseWait, hold_time, report},
    incoming::{self, Ticket},
    interruption::Interruption,
    options::InboundOptions,
    publisher::Publisher,
    settle::settle,
    subscription::Subscription,
};
use crate::pipeline::{Admitted, Backoff, CommitError, LaneState, Ledger, Pipeline};

/// From this delivery count on, deliveries are processed in small groups.
const SUSPECT: u64 = 3;
/// The size of these groups.
const SMALL: usize = 100;
/// From this delivery count on, deliveries are processed one at a time.
const SINGLE: u64 = 6;
/// Attempts at a message, processed by itself, before it is delayed.
const TRIES: u32 = 3;

/// The deliveries behind a group, which may contain canaries.
#[derive(Clone, Copy, Debug)]
enum Behind<'a> {
    /// Deliveries that arrive meanwhile.
    Arrivals,
    /// These deliveries, which are in hand already.
    Gathered(&'a [Delivery]),
}

/// A lane: it serves one command queue.
#[derive(Debug)]
pub struct Lane<L> {
    queue: String,
    options: Arc<InboundOptions>,
    publisher: Publisher,
    ledger: Arc<L>,
    pipeline: Pipeline,
    stop: CancellationToken,
    /// Identity of the last message that this process handled by itself without a crash.
    harmless: Option<String>,
    /// Number of groups in a row that were requeued because the database refused several commands
    /// in a row.
    refusals: u32,
}

impl<L: Ledger> Lane<L> {
    /// A lane for `queue` that serves until `stop` is cancelled.
    pub fn new(
        queue: String,
        options: Arc<InboundOptions>,
        publisher: Publisher,
        ledger: Arc<L>,
        pipeline: Pipeline,
        stop: CancellationToken,
    ) -> Self {
        Self {
            queue,
            options,
            publisher,
            ledger,
            pipeline,
            stop,
            harmless: None,
            refusals: 0,
        }
    }

    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// Subscribes and serves until interrupted. `registered` is called as soon as the broker has
    /// accepted the subscription.
    pub async fn serve(
        &mut self,
        connection: &Connection,
        registered: impl FnOnce() + Send,
    ) -> Interruption {
        let prefetch = self.options.prefetch();
        let worker = &self.options.worker;
        self.pipeline.stats().heartbeat.beat();
        let opened = tokio::select! {
            () = self.stop.cancelled() => return Interruption::Drained,
            opened = Subscription::open(connection, &self.queue, worker, prefetch) => opened,
        };
        let mut subscription = match opened {
            Ok(subscription) => subscription,
            Err(error) => return Interruption::Broker(error),
        };
        self.pipeline.stats().subscribed();
        self.pipeline.stats().state.set(LaneState::Standby);
        registered();
        info!(prefetch, "registered");
        let interruption = match self.serve_groups(&mut subscription).await {
            Ok(never) => match never {},
            Err(interruption) => interruption,
        };
        subscription.close().await;
        interruption
    }

    async fn serve_groups(
        &mut self,
        subscription: &mut Subscription,
    ) -> Result<Infallible, Interruption> {
        let stop = self.stop.clone();
        let group_max = usize::from(self.options.group_max.max(1));
        loop {
            self.pipeline.stats().heartbeat.idle();
            let group = tokio::select! {
                biased;
                () = stop.cancelled() => return Err(Interruption::Drained),
                group = subscription.gather(group_max) => group?,
            };
            self.record_start(&group);
            let count = incoming::delivery_count;
            let most = group.iter().map(count).max().unwrap_or(0);
            let mut rest = VecDeque::from(group);
            if most < SUSPECT {
                self.process(subscription, rest.into(), Behind::Arrivals)
                    .await?;
            } else if most < SINGLE {
                while !rest.is_empty() {
                    let few = rest.drain(..rest.len().min(SMALL)).collect();
                    let behind = Behind::Gathered(rest.make_contiguous());
                    self.process(subscription, few, behind).await?;
                }
            } else {
                while let Some(delivery) = rest.pop_front() {
                    let behind = Behind::Gathered(rest.make_contiguous());
                    self.process_single(subscription, delivery, behind).await?;
                }
            }
        }
    }

    /// Processes one delivery by itself. If its crash counter exceeds the limit, it is delayed or
    /// dead-lettered instead, without being processed.
    async fn process_single(
        &mut self,
        subscription: &mut Subscription,
        delivery: Delivery,
        behind: Behind<'_>,
    ) -> Result<(), Interruption> {
        let message = incoming::identity(&delivery);
        if self.harmless.as_ref() == Some(&message) {
            // A copy of the message that this process has just survived.
            return self.process(subscription, vec![delivery], behind).await;
        }
        // If the database does not answer, the attempt is not counted, and `process` waits for the
        // database.
        let attempts = self
            .ledger
            .record_attempt(&self.queue, &message)
            .await
            .unwrap_or(1);
        if attempts <= TRIES {
            let processed = self.process(subscription, vec![delivery], behind).await;
            if processed.is_ok() {
                self.harmless = Some(message);
            } else {
                // The attempt failed without a crash. If this call fails, too, the counter stays
                // one too high.
                let _ = self.ledger.clear_attempts(&self.queue).await;
            }
            return processed;
        }
        let now = self.clock().before_deciding(1).await?;
        let delivery = incoming::read(&self.options.topology, delivery, now);
        let settled = self.pipeline.quarantine(delivery, attempts);
        let settled = vec![settled];
        settle(
            &self.options,
            &self.publisher,
            subscription,
            settled,
            &self.stop,
        )
        .await
    }

    /// Processes one group, with as many retries as it takes, until it is settled or the lane is
    /// interrupted.
    async fn process(
        &mut self,
        subscription: &mut Subscription,
        group: Vec<Delivery>,
        behind: Behind<'_>,
    ) -> Result<(), Interruption> {
        let mut now = self.clock().before_deciding(group.len()).await?;
        let mut group = self.admit(group, now);
        self.pipeline.stats().heartbeat.beat();
        let mut backoff = Backoff::new(self.options.retry_limit);
        let mut since = None;
        let mut retried = false;
        loop {
            let pass = self.pipeline.pass(&*self.ledger, group, now).await;
            if !pass.settled.is_empty() {
                since = None;
                self.refusals = 0;
                backoff.reset();
            }
            let settled = pass.settled;
            settle(
                &self.options,
                &self.publisher,
                subscription,
                settled,
                &self.stop,
            )
            .await?;
            self.pipeline.stats().heartbeat.beat();
            let Some(stalled) = pass.stalled else {
                if retried {
                    self.pipeline.stats().state.set(LaneState::Serving);
                }
                if since.is_some() {
                    info!("database is available again");
                }
                return Ok(());
            };
            group = stalled.rest;
            self.pipeline.stats().retried(stalled.error.kind());
            self.pipeline.stats().state.set(match stalled.error {
                CommitError::Infrastructure(_) => LaneState::Retrying,
                CommitError::Poison(_) => LaneState::Alarmed,
            });
            retried = true;
            let failing = *since.get_or_insert_with(Instant::now);
            report(&stalled.error, group.len(), failing.elapsed());
            if failing.elapsed() >= hold_time(&self.options, &stalled.error) {
                self.pipeline.stats().requeued();
                self.refusals += u32::from(matches!(stalled.error, CommitError::Poison(_)));
                return Err(Interruption::Database(commands(group)));
            }
            tokio::select! {
                () = self.stop.cancelled() => return Err(Interruption::Drained),
                () = sleep(backoff.wait()) => {}
                () = self.ledger.available() => {}
            }
            now = self.clock().before_deciding(group.len()).await?;
            if matches!(stalled.error, CommitError::Infrastructure(_)) {
                continue;
            }
            // A canary behind the group may show that the database is not the cause.
            match behind {
                Behind::Arrivals => {
                    let free = usize::from(self.options.prefetch()).saturating_sub(group.len());
                    let more = subscription.arrived(free)?;
                    group.extend(self.admit(more, now));
                }
                Behind::Gathered(deliveries) => {
                    let topology = &self.options.topology;
                    let decode = |delivery| incoming::command(topology, delivery);
                    let canaries: Vec<Command> = deliveries.iter().filter_map(decode).collect();
                    // If the database does not answer, the next attempt fails and reports it.
                    let ledger = &*self.ledger;
                    let _ = self.pipeline.probe_canaries(ledger, &canaries, now).await;
                }
            }
        }
    }

    fn clock(&self) -> ClockWait<'_> {
        ClockWait {
            options: &self.options,
            stats: self.pipeline.stats(),
            stop: &self.stop,
        }
    }

    /// Records that the lane serves a group, and the age of its first command.
    fn record_start(&self, group: &[Delivery]) {
        let stats = self.pipeline.stats();
        stats.heartbeat.beat();
        stats.state.set(LaneState::Serving);
        if let Some(sent) = group.first().and_then(incoming::sent) {
            let age = self.options.clock.now() - sent;
            // `sent` is by the sender's clock, which may be ahead.
            stats.waited(age.to_std().unwrap_or_default());
        }
    }

    fn admit(&self, messages: Vec<Delivery>, now: DateTime<Utc>) -> Vec<Admitted<Ticket>> {
        let admit = |message: Delivery| {
            let topology = &self.options.topology;
            let delivery = incoming::read(topology, message, now);
            let (properties, sender) = (&delivery.ticket.properties, delivery.sender.as_deref());
            self.publisher
                .replies()
                .check_reply_to(topology, properties, sender);
            self.pipeline.admit(delivery)
        };
        messages.into_iter().map(admit).collect()
    }

    /// Returns when the clock is not known to be wrong, or when the lane must stop.
    pub async fn wait_for_clock(&self) {
        self.clock().before_subscribing().await;
    }

    /// Returns when the database answers and would commit `waiting`, or when the lane must stop.
    pub async fn wait_for_database(&self, waiting: &[Command]) {
        let wait = DatabaseWait {
            options: &self.options,
            ledger: &*self.ledger,
            stats: self.pipeline.stats(),
            stop: &self.stop,
        };
        wait.before_subscribing(waiting, self.refusals).await;
    }
}

/// The decoded commands of a group.
fn commands(group: Vec<Admitted<Ticket>>) -> Vec<Command> {
    group
        .into_iter()
        .filter_map(|admitted| admitted.verdict.ok())
        .collect()
}
