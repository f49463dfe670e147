//! Serves the queue of job requests, and writes to it.
//!
//! A request is acknowledged as soon as its run is claimed in the database: from there on the lease
//! tells whether anybody runs it. One request at a time is taken, and several runs may go on at
//! once.
//!
//! While the database is away a request is held and its claim tried again, as lanes do: each
//! delivery that goes back counts towards the broker's delivery limit. After a while it goes back
//! all the same, so that another worker may have it, and the queue is subscribed to again when the
//! claim succeeds.

use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, Utc};
use lapin::{message::Delivery, options::BasicRejectOptions};
use producer_sdk::{
    contract::{JobRequest, Topology},
    unreadable,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};
use uuid::Uuid;

use super::{AmqpError, connection, ledger_id, subscription::Subscription};
use crate::{
    clock::ClockError,
    jobs::{ClaimError, Runner},
    lane::{Backoff, chain},
    store::Claim,
};

/// A connection that held this long was a good one.
const GOOD: Duration = Duration::from_secs(10);
/// The longest name of who asks for a job, in bytes.
const LONGEST_NAME: usize = 1000;

/// How long job requests wait for the database.
#[derive(Clone, Copy, Debug)]
pub struct JobWait {
    /// The longest pause between two tries.
    pub retry_limit: Duration,
    /// After this long a request goes back to the queue.
    pub give_back_after: Duration,
}

impl Default for JobWait {
    fn default() -> Self {
        Self {
            retry_limit: Duration::from_secs(10),
            give_back_after: Duration::from_mins(1),
        }
    }
}

/// A request that was understood.
#[derive(Debug)]
struct Request {
    content: JobRequest,
    date: NaiveDate,
}

/// Why the queue is not served any more.
#[derive(Debug)]
enum Interruption {
    /// The worker stops.
    Stopped,
    /// The broker, or the way to it.
    Broker(AmqpError),
    /// The database has been away for too long; the request is back in the queue.
    Database(Request),
}

impl From<AmqpError> for Interruption {
    fn from(error: AmqpError) -> Self {
        Self::Broker(error)
    }
}

/// Serves the queue of job requests until `runner.stop`; ends when all runs have ended.
///
/// Before it subscribes it compares `ledger_id` with the one on the broker, which may be another broker after a reconnect.
pub async fn serve(url: String, topology: Topology, ledger_id: Option<Uuid>, runner: Runner, wait: JobWait) {
    let mut server = Server {
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
        match server.take().await {
            Interruption::Stopped => break,
            Interruption::Database(request) => {
                warn!(
                    reference = request.content.reference_id(),
                    "gave a job request back to the queue until the database answers"
                );
                waiting = Some(request);
            }
            Interruption::Broker(error) => {
                if started.elapsed() > GOOD {
                    backoff.reset();
                }
                let pause = backoff.wait();
                warn!(
                    error = chain(&error),
                    ?pause,
                    "the queue of jobs cannot be served now"
                );
                server.sleep(pause).await;
            }
        }
    }
    while server.runs.join_next().await.is_some() {}
}

struct Server {
    url: String,
    topology: Topology,
    ledger_id: Option<Uuid>,
    runner: Runner,
    stop: CancellationToken,
    wait: JobWait,
    runs: JoinSet<()>,
}

impl Server {
    /// Waits until the database answers, or, if a request went back to the queue, until its claim
    /// succeeds; then it is run. `false`: the worker stops.
    async fn has_database(&mut self, waiting: Option<Request>) -> bool {
        let mut backoff = Backoff::new(self.wait.retry_limit);
        loop {
            let tried = match &waiting {
                Some(request) => match self.claim(request).await {
                    Ok(claim) => {
                        self.begin(request, claim);
                        Ok(())
                    }
                    Err(error) => Err(error),
                },
                None => self.has_time_and_database().await,
            };
            match tried {
                Ok(()) => return !self.stop.is_cancelled(),
                Err(error) => warn!(
                    error = chain(&error),
                    "the queue of jobs is not subscribed to, because the database is away or the clock is wrong"
                ),
            }
            if !self.sleep(backoff.wait()).await {
                return false;
            }
        }
    }

    async fn has_time_and_database(&self) -> Result<(), ClaimError> {
        time(&self.runner).await?;
        Ok(self.runner.store.probe().await?)
    }

    /// Takes requests until something gets in the way.
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
        let (queue, worker) = (self.topology.jobs(), self.runner.worker.clone());
        let mut subscription = match Subscription::open(&connection, &queue, &worker, 1).await {
            Ok(subscription) => subscription,
            Err(error) => return Interruption::Broker(error),
        };
        debug!("serving the queue of jobs");
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

    async fn take_one(&mut self, subscription: &Subscription, message: Delivery) -> Result<(), Interruption> {
        let mut backoff = Backoff::new(self.wait.retry_limit);
        let since = Instant::now();
        // By a clock that is behind, a good request would be one for a date to come.
        let today = loop {
            match time(&self.runner).await {
                Ok(now) => break now.date_naive(),
                Err(error) => warn!(error = chain(&error), "a job request waits for a right clock"),
            }
            if !self.sleep(backoff.wait()).await {
                return Err(Interruption::Stopped);
            }
        };
        let Some(request) = read(&message, today) else {
            // To the dead letters.
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
                    "a job request waits for the database"
                ),
            }
            if since.elapsed() >= self.wait.give_back_after {
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
        let JobRequest { job, started_by, .. } = &request.content;
        self.runner.claim(*job, request.date, started_by, false).await
    }

    /// Runs what was claimed.
    fn begin(&mut self, request: &Request, claim: Claim) {
        match claim {
            Claim::Taken(run) => info!(
                job = run.name,
                date = run.run_date,
                status = run.status,
                by = run.owner,
                "a job is run, or was run, by another worker"
            ),
            Claim::Ours(run) => {
                let (runner, job) = (self.runner.clone(), request.content.job);
                self.runs.spawn(async move {
                    // What went wrong is in the log.
                    let _ = runner.run(job, run, |_| {}).await;
                });
            }
        }
    }

    /// Pauses; `false` if the worker stops.
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
        // Where the database does not answer, the claim finds out.
        Err(ClockError::Unknown(_)) => Ok(runner.clock.now()),
        confirmed => confirmed,
    }
}

fn read(message: &Delivery, today: NaiveDate) -> Option<Request> {
    let read = match unreadable(&message.properties) {
        Some(why) => Err(format!("its properties cannot be read: {why}")),
        None => understand(&message.data, today),
    };
    if let Err(error) = &read {
        error!(
            error,
            "a job request cannot be understood; it is a dead letter now"
        );
    }
    read.ok()
}

fn understand(body: &[u8], today: NaiveDate) -> Result<Request, String> {
    let content = JobRequest::from_json(body).map_err(|error| error.to_string())?;
    check(content, today)
}

/// The database must be able to store everything in a request: one that it refused would wait for
/// ever.
fn check(content: JobRequest, today: NaiveDate) -> Result<Request, String> {
    // Another worker's clock may be a little ahead.
    let latest = today.checked_add_days(Days::new(1)).unwrap_or(today);
    let name = &content.started_by;
    if name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(format!(
            "startedBy has {} bytes; allowed are at most {LONGEST_NAME} without control characters",
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
    fn a_request_that_the_database_cannot_store_is_not_understood() {
        let today = NaiveDate::from_ymd_opt(2026, 11, 24).unwrap_or_default();
        let body = |date: &str, by: &str| {
            format!(r#"{{"job":"grant","date":"{date}","startedBy":"{by}"}}"#).into_bytes()
        };
        assert!(understand(&body("2026-11-25", "scheduler of w"), today).is_ok());
        for (date, by) in [
            ("2026-11-26", "w"),
            ("soon", "w"),
            ("2026-11-24", "\\u0000"),
            ("2026-11-24", &"w".repeat(1001)),
        ] {
            assert!(understand(&body(date, by), today).is_err(), "{date} {by}");
        }
    }
}
