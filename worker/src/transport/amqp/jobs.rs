//! Serves the queue of job requests.
//!
//! A request is acknowledged as soon as its run is claimed in the database. From then on the lease
//! shows whether a worker runs it. Requests are taken one at a time, and several runs may be in
//! progress at once.
//!
//! While the database is unavailable, a request is held and its claim retried, like in a lane: each
//! requeue counts towards the broker's delivery limit. After some time the request is requeued
//! anyway, so that another worker may take it. The queue is subscribed to again when the claim
//! succeeds.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Days, NaiveDate, Utc};
use lapin::{message::Delivery, options::BasicRejectOptions};
use producer_sdk::{
    amqp::unreadable,
    contract::{JobRequest, Topology},
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};
use uuid::Uuid;

use super::{
    connection, connection_state::SharedState, error::AmqpError, ledger_id,
    subscription::Subscription, topology,
};
use crate::{
    clock::ClockError,
    jobs::{Claim, ClaimError, Runner},
    pipeline::{Backoff, chain},
};

/// The backoff is reset after a connection that lasted this long.
const STABLE_AFTER: Duration = Duration::from_secs(10);
/// Longest `startedBy` of a request, in bytes.
const MAX_STARTED_BY: usize = 1000;

/// How long a job request waits for the database.
#[derive(Clone, Copy, Debug)]
pub struct JobWait {
    /// Longest pause between two attempts.
    pub retry_limit: Duration,
    /// After this time the request is requeued.
    pub requeue_after: Duration,
}

impl Default for JobWait {
    fn default() -> Self {
        Self {
            retry_limit: Duration::from_secs(10),
            requeue_after: Duration::from_mins(1),
        }
    }
}

/// A valid request.
#[derive(Debug)]
struct Request {
    content: JobRequest,
    date: NaiveDate,
}

/// Why serving the queue was interrupted.
#[derive(Debug)]
enum Interruption {
    /// The worker stops.
    Stopped,
    /// The broker or the connection to it failed.
    Broker(AmqpError),
    /// The database was unavailable for too long. The request is requeued.
    Database(Request),
}

impl From<AmqpError> for Interruption {
    fn from(error: AmqpError) -> Self {
        Self::Broker(error)
    }
}

/// Serves the queue of job requests until `runner.stop` is cancelled. Returns when all runs have
/// ended.
///
/// Before each subscription `ledger_id` is compared with the one on the broker, which may be
/// another broker after a reconnect. `state` shows whether the queue is subscribed to.
pub async fn serve(
    url: String,
    topology: Topology,
    ledger_id: Option<Uuid>,
    runner: Runner,
    wait: JobWait,
    state: Arc<SharedState>,
) {
    let mut server = Server {
        state,
        url,
        topology,
        ledger_id,
        stop: runner.stop.clone(),
        runner,
        wait,
        runs: JoinSet::new(),
    };
    let mut backoff = Backoff::new(wait.retry_limit);
    let mut waiting = None;
    while server.has_database(waiting.take()).await {
        let started = Instant::now();
        let interruption = server.take().await;
        server.state.down();
        match interruption {
            Interruption::Stopped => break,
            Interruption::Database(request) => {
                warn!(
                    reference = request.content.reference_id(),
                    "job request requeued until the database answers"
                );
                waiting = Some(request);
            }
            Interruption::Broker(error) => {
                if started.elapsed() > STABLE_AFTER {
                    backoff.reset();
                }
                let pause = backoff.wait();
                warn!(
                    error = chain(&error),
                    ?pause,
                    "job queue cannot be served, reconnecting"
                );
                server.state.lost(chain(&error));
                server.sleep(pause).await;
            }
        }
    }
    while server.runs.join_next().await.is_some() {}
}

struct Server {
    state: Arc<SharedState>,
    url: String,
    topology: Topology,
    ledger_id: Option<Uuid>,
    runner: Runner,
    stop: CancellationToken,
    wait: JobWait,
    runs: JoinSet<()>,
}

impl Server {
    /// Waits until the database answers. If a request was requeued, waits until its claim succeeds,
    /// and runs it. `false`: the worker stops.
    async fn has_database(&mut self, waiting: Option<Request>) -> bool {
        let mut backoff = Backoff::new(self.wait.retry_limit);
        loop {
            let result = match &waiting {
                Some(request) => match self.claim(request).await {
                    Ok(claim) => {
                        self.begin(request, claim);
                        Ok(())
                    }
                    Err(error) => Err(error),
                },
                None => self.has_time_and_database().await,
            };
            match result {
                Ok(()) => return !self.stop.is_cancelled(),
                Err(error) => {
                    let error = chain(&error);
                    warn!(
                        error,
                        "job queue not subscribed, database is unavailable or clock is wrong"
                    );
                    // Without the error, because the health port tells it to everyone.
                    let reason = "the database is unavailable, or the clock is wrong";
                    self.state.limited_by(reason.to_owned());
                }
            }
            if !self.sleep(backoff.wait()).await {
                return false;
            }
        }
    }

    async fn has_time_and_database(&self) -> Result<(), ClaimError> {
        time(&self.runner).await?;
        Ok(self.runner.database.probe().await?)
    }

    /// Takes requests until interrupted.
    async fn take(&mut self) -> Interruption {
        let name = format!("scrip jobs {}", self.runner.worker);
        let connection = match connection::open(&self.url, name).await {
            Ok(connection) => connection,
            Err(error) => return Interruption::Broker(error),
        };
        if let Some(id) = self.ledger_id
            && let Err(error) = ledger_id::compare(&connection, &self.topology, id).await
        {
            return Interruption::Broker(error);
        }
        let queue = self.topology.jobs();
        let worker = &self.runner.worker;
        let subscribed = async {
            topology::declare_one(&connection, &self.topology, &queue).await?;
            Subscription::open(&connection, &queue, worker, 1).await
        };
        let mut subscription = match subscribed.await {
            Ok(subscription) => subscription,
            Err(error) => return Interruption::Broker(error),
        };
        self.state.up();
        debug!("serving the job queue");
        let interruption = loop {
            if let Err(interruption) = self.take_next(&mut subscription).await {
                break interruption;
            }
        };
        subscription.close().await;
        connection::close(&connection).await;
        interruption
    }

    async fn take_next(&mut self, subscription: &mut Subscription) -> Result<(), Interruption> {
        while self.runs.try_join_next().is_some() {}
        let group = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(Interruption::Stopped),
            group = subscription.gather(1) => group?,
        };
        for message in group {
            self.take_one(subscription, message).await?;
        }
        Ok(())
    }

    async fn take_one(
        &mut self,
        subscription: &Subscription,
        message: Delivery,
    ) -> Result<(), Interruption> {
        let mut backoff = Backoff::new(self.wait.retry_limit);
        let since = Instant::now();
        // With a clock that is behind, a valid request would seem to be for a future date.
        let today = loop {
            match time(&self.runner).await {
                Ok(now) => break now.date_naive(),
                Err(error) => warn!(
                    error = chain(&error),
                    "job request waits for a confirmed time"
                ),
            }
            if !self.sleep(backoff.wait()).await {
                return Err(Interruption::Stopped);
            }
        };
        let Some(request) = read(&message, today) else {
            // The broker dead-letters it.
            message
                .reject(BasicRejectOptions { requeue: false })
                .await
                .map_err(AmqpError::doing("rejecting a job request"))?;
            return Ok(());
        };
        let claim = loop {
            match self.claim(&request).await {
                Ok(claim) => break claim,
                Err(error) => warn!(
                    error = chain(&error),
                    reference = request.content.reference_id(),
                    "job request waits for the database"
                ),
            }
            if since.elapsed() >= self.wait.requeue_after {
                return Err(Interruption::Database(request));
            }
            if !self.sleep(backoff.wait()).await {
                return Err(Interruption::Stopped);
            }
        };
        subscription.ack_through(message.delivery_tag).await?;
        self.begin(&request, claim);
        Ok(())
    }

    async fn claim(&self, request: &Request) -> Result<Claim, ClaimError> {
        let JobRequest {
            job, started_by, ..
        } = &request.content;
        self.runner
            .claim(*job, request.date, started_by, false)
            .await
    }

    /// Starts a run that this worker has claimed.
    fn begin(&mut self, request: &Request, claim: Claim) {
        match claim {
            Claim::Taken(run) => info!(
                job = run.name,
                date = run.run_date,
                status = run.status,
                by = run.owner,
                "job run belongs to another worker"
            ),
            Claim::Ours(run) => {
                let (runner, job) = (self.runner.clone(), request.content.job);
                self.runs.spawn(async move {
                    // An error is logged already.
                    let _ = runner.run(job, run, |_| {}).await;
                });
            }
        }
    }

    /// Sleeps; `false`: the worker stops.
    async fn sleep(&self, pause: Duration) -> bool {
        tokio::select! {
            () = sleep(pause) => true,
            () = self.stop.cancelled() => false,
        }
    }
}

/// The time, unless it is known to be wrong.
async fn time(runner: &Runner) -> Result<DateTime<Utc>, ClockError> {
    match runner.clock.confirmed().await {
        // If the database does not answer, the claim reports it.
        Err(ClockError::Unknown(_)) => Ok(runner.clock.now()),
        confirmed => confirmed,
    }
}

fn read(message: &Delivery, today: NaiveDate) -> Option<Request> {
    let read = match unreadable(&message.properties) {
        Some(cause) => Err(format!("its properties cannot be read: {cause}")),
        None => decode(&message.data, today),
    };
    if let Err(error) = &read {
        error!(error, "job request rejected, dead-lettering it");
    }
    read.ok()
}

fn decode(body: &[u8], today: NaiveDate) -> Result<Request, String> {
    let content = JobRequest::from_json(body).map_err(|error| error.to_string())?;
    check(content, today)
}

/// Checks that the database can store every field of a request. A request that it refused would
/// wait forever.
fn check(content: JobRequest, today: NaiveDate) -> Result<Request, String> {
    // Another worker's clock may be a little ahead.
    let latest = today.checked_add_days(Days::new(1)).unwrap_or(today);
    let name = &content.started_by;
    if name.len() > MAX_STARTED_BY || name.chars().any(char::is_control) {
        return Err(format!(
            "startedBy has {} bytes; allowed are at most {MAX_STARTED_BY} without control characters",
            name.len()
        ));
    }
    match content.date.parse() {
        Ok(date) if date <= latest => Ok(Request { content, date }),
        _ => Err(format!(
            "date is \"{}\"; allowed is YYYY-MM-DD, at most {latest}",
            content.date
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_the_database_cannot_store_is_rejected() {
        let today = NaiveDate::from_ymd_opt(2026, 11, 24).unwrap_or_default();
        let body = |date: &str, by: &str| {
            format!(r#"{{"job":"grant","date":"{date}","startedBy":"{by}"}}"#).into_bytes()
        };
        assert!(decode(&body("2026-11-25", "scheduler of w"), today).is_ok());
        for (date, by) in [
            ("2026-11-26", "w"),
            ("soon", "w"),
            ("2026-11-24", "\\u0000"),
            ("2026-11-24", &"w".repeat(1001)),
        ] {
            assert!(decode(&body(date, by), today).is_err(), "{date} {by}");
        }
    }
}
