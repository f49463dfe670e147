//! Keeps the last positions of this worker in `{ns}.positions`, and has the database checked for
//! the remembered ones. See [`crate::position`].
//!
//! No command waits for this: a position is published up to a second after its commit, over a
//! connection of its own. Each message has the whole history of its worker, so the broker needs to
//! keep only the last ones.

use std::time::Duration;

use chrono::Utc;
use lapin::{BasicProperties, Connection, options::BasicGetOptions, types::ShortString};
use producer_sdk::{
    amqp::{ConfirmChannel, Outgoing, PublishResult},
    contract::Topology,
};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::{
    connection,
    error::AmqpError,
    reported_failures::ReportedFailures,
    request, retained,
    topology::{self, Difference, NOT_FOUND, short},
};
use crate::{
    pipeline::{Backoff, chain},
    position::{Behind, Finding, Positions, Remembered, check},
    store::Store,
};

const EVERY: Duration = Duration::from_secs(1);
/// Interval of the checks while the connections to the database stay the same.
const CHECK_EVERY: Duration = Duration::from_secs(30);
/// Interval of the readings of what other workers remember. Busy workers together replace the
/// messages of the queue within some seconds.
const READ_EVERY: Duration = Duration::from_secs(5);
/// Number of readings that an operator's command unites: a reading lacks the messages that another
/// reader holds at that moment.
const READINGS: u32 = 5;
/// Pause between these readings.
const BETWEEN_READINGS: Duration = Duration::from_millis(300);
/// Pause between two attempts to bind the stream.
const BIND_EVERY: Duration = Duration::from_secs(30);
const MAX_WAIT: Duration = Duration::from_secs(10);
/// More messages than the queue holds.
const MAX_READ: usize = 1_000;
const PERSISTENT: u8 = 2;

/// Remembers positions for a worker until `stop` is cancelled.
pub struct PositionService {
    /// The URL of the broker, with credentials.
    pub url: String,
    pub topology: Topology,
    /// The name of the worker.
    pub worker: String,
    pub positions: Positions,
    pub store: Store,
    /// How long commands are retained; `None`: not at all.
    pub retain: Option<Duration>,
    pub stop: CancellationToken,
}

impl PositionService {
    /// Serves until `stop` is cancelled, and then publishes the last position.
    pub async fn run(self) {
        tokio::join!(self.watch_database(), self.keep_on_broker());
    }

    /// Checks the database at the start, when a connection to it is opened, when positions were
    /// read from the broker, and from time to time.
    async fn watch_database(&self) {
        let mut last: Option<(Instant, (u64, u64))> = None;
        loop {
            let state = (self.store.opened_connections(), self.positions.readings());
            let is_due =
                last.is_none_or(|(at, before)| before != state || at.elapsed() >= CHECK_EVERY);
            if is_due {
                tokio::select! {
                    () = self.stop.cancelled() => return,
                    is_checked = self.check() => if is_checked {
                        last = Some((Instant::now(), state));
                    }
                }
            }
            if !self.pause(EVERY).await {
                return;
            }
        }
    }

    /// Whether the database answered.
    async fn check(&self) -> bool {
        let all = self.positions.all();
        let found = check(self.store.database(), self.positions.ledger(), all).await;
        let behind = match found {
            Ok(Finding::Behind(behind)) => Some(behind),
            Ok(Finding::Complete) => None,
            Ok(Finding::Unknown) => return false,
            // Lanes and health report that the database does not answer.
            Err(error) => {
                debug!(%error, "acknowledged commits not checked");
                return false;
            }
        };
        let before = self.positions.set_checked(behind.clone());
        let known = before.as_ref().map(|before| &before.ids);
        match (&before, &behind) {
            (_, Some(behind)) if known != Some(&behind.ids) => report(behind),
            (Some(_), None) => info!("lost commits are recovered"),
            _ => {}
        }
        true
    }

    /// Publishes positions, and reads those of other workers from time to time and when a
    /// connection to the database was opened.
    async fn keep_on_broker(&self) {
        let failures = ReportedFailures::default();
        let mut backoff = Backoff::new(MAX_WAIT);
        loop {
            let started = Instant::now();
            let Err(error) = self.session(&failures).await else {
                return;
            };
            let error = chain(&error);
            if let Some(suppressed) = failures.note(&error) {
                warn!(error, suppressed, "positions of commits not kept, retrying");
            }
            if started.elapsed() > MAX_WAIT * 3 {
                backoff.reset();
            }
            if !self.pause(backoff.wait()).await {
                return;
            }
        }
    }

    async fn session(&self, failures: &ReportedFailures) -> Result<(), AmqpError> {
        let name = format!("scrip {} positions", self.worker);
        let connection = tokio::select! {
            () = self.stop.cancelled() => return Ok(()),
            connection = connection::open(&self.url, name) => connection?,
        };
        let served = self.serve(&connection, failures).await;
        connection::close(&connection).await;
        served
    }

    async fn serve(
        &self,
        connection: &Connection,
        failures: &ReportedFailures,
    ) -> Result<(), AmqpError> {
        let queue = self.topology.positions();
        topology::declare_queue(connection, &self.topology, &queue).await?;
        let opening = ConfirmChannel::open(connection, true);
        let mut channel = request::answered("opening a channel", opening).await?;
        failures.clear();
        let mut read: Option<(u64, Instant)> = None;
        let mut bind_at = self.retain.map(|_| Instant::now());
        loop {
            let opened = self.store.opened_connections();
            let is_fresh = read.is_some_and(|(at_connections, at)| {
                at_connections == opened && at.elapsed() < READ_EVERY
            });
            if !is_fresh {
                let all = self::read(connection, &self.topology).await?;
                self.positions.add_from_broker(all, Utc::now());
                read = Some((opened, Instant::now()));
            }
            self.publish(&mut channel).await?;
            if let Some(max_age) = self.retain.filter(|_| is_past(bind_at)) {
                let is_complete = self.retain(connection, max_age).await?;
                bind_at = (!is_complete).then(|| Instant::now() + BIND_EVERY);
            }
            if !self.pause(EVERY).await {
                self.publish(&mut channel).await?;
                return request::answered("closing a channel", channel.close()).await;
            }
            if !connection.status().connected() {
                return Err(AmqpError::Ended);
            }
        }
    }

    /// Declares the stream of retained commands after all queues. Whether it is usable.
    async fn retain(&self, connection: &Connection, max_age: Duration) -> Result<bool, AmqpError> {
        let mut declared = topology::declare(connection, &self.topology).await?;
        if declared.iter().all(|difference| difference.is_usable) {
            declared = match retained::declare(connection, &self.topology, max_age).await {
                Ok(declared) => declared,
                Err(error) => {
                    warn!(%error, "commands are not retained, retrying");
                    return Ok(false);
                }
            };
        }
        let mut is_complete = true;
        for Difference { what, why, .. } in declared.iter().filter(|one| !one.is_usable) {
            warn!(what, why, "commands are not retained, retrying");
            is_complete = false;
        }
        Ok(is_complete)
    }

    async fn publish(&self, channel: &mut ConfirmChannel) -> Result<(), AmqpError> {
        let Some(remembered) = self.positions.unpublished() else {
            return Ok(());
        };
        let queue = self.topology.positions();
        let message = Outgoing {
            exchange: ShortString::default(),
            routing_key: short(&queue)?,
            properties: BasicProperties::default()
                .with_content_type("application/json".into())
                .with_delivery_mode(PERSISTENT),
            body: serde_json::to_vec(&remembered).unwrap_or_default(),
        };
        let publishing = channel.publish_all([message.into()]);
        let results = request::answered("publishing a position", publishing).await?;
        let why = match results.into_iter().next() {
            Some(PublishResult::Returned(reason)) => reason,
            Some(PublishResult::Refused) => "the broker refused it".to_owned(),
            Some(PublishResult::Confirmed) | None => {
                self.positions.set_published(remembered);
                return Ok(());
            }
        };
        let exchange = queue;
        Err(AmqpError::NotAccepted { exchange, why })
    }

    /// Sleeps; `false`: the worker stops.
    async fn pause(&self, pause: Duration) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = sleep(pause) => true,
        }
    }
}

fn is_past(at: Option<Instant>) -> bool {
    at.is_some_and(|at| at <= Instant::now())
}

fn report(behind: &Behind) {
    error!(
        alarm = true,
        from = behind.from.map(|at| at.to_rfc3339()),
        first_missing = behind.first_missing.to_rfc3339(),
        last_missing = behind.last_missing.to_rfc3339(),
        to = behind.to.map(|at| at.to_rfc3339()),
        missing = behind.missing,
        workers = ?behind.workers,
        "the database lacks commits that were acknowledged, run scrip recover"
    );
}

/// Opens a connection and reads the positions of all workers, several times. There are none without
/// the queue.
pub async fn read_at(url: &str, topology: &Topology) -> Result<Vec<Remembered>, AmqpError> {
    let connection = connection::open(url, "scrip recover".to_owned()).await?;
    let all = match read_repeatedly(&connection, topology).await {
        Err(error) if error.code() == Some(NOT_FOUND) => Ok(Vec::new()),
        all => all,
    };
    connection::close(&connection).await;
    all
}

async fn read_repeatedly(
    connection: &Connection,
    topology: &Topology,
) -> Result<Vec<Remembered>, AmqpError> {
    let mut all = read(connection, topology).await?;
    for _ in 1..READINGS {
        sleep(BETWEEN_READINGS).await;
        all.extend(read(connection, topology).await?);
    }
    Ok(Remembered::merge(all))
}

/// Reads the messages of all workers, and unites those of each. The broker takes the messages back
/// when the channel is closed.
async fn read(connection: &Connection, topology: &Topology) -> Result<Vec<Remembered>, AmqpError> {
    let channel = connection::channel(connection).await?;
    let queue = short(topology.positions())?;
    let mut all = Vec::new();
    for _ in 0..MAX_READ {
        let get = channel.basic_get(queue.clone(), BasicGetOptions { no_ack: false });
        let Some(message) = request::answered("reading positions", get).await? else {
            break;
        };
        match serde_json::from_slice::<Remembered>(&message.data) {
            Ok(remembered) => all.push(remembered),
            Err(error) => warn!(%error, "message with positions cannot be read, ignoring it"),
        }
    }
    request::close_channel(&channel).await;
    Ok(Remembered::merge(all))
}
