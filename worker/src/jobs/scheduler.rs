//! Enqueues jobs when they are due.
//!
//! The cron library only wakes the scheduler at the times of the schedule. What is due follows from
//! the runs in the database, so a worker that was stopped catches up, and a missed wake-up is
//! corrected a minute later. Of several workers, the one that takes a lock in Redis enqueues the
//! job. Without Redis every worker enqueues it, and the claim of the run ensures that it runs once.

use std::{sync::Arc, time::Duration};

use chrono::{NaiveDate, NaiveTime, Timelike};
use producer_sdk::{
    Producer, Properties,
    contract::{Job, JobRequest, Topology},
};
use strum::VariantArray;
use tokio::{
    sync::{Notify, mpsc},
    time::sleep,
};
use tokio_cron_scheduler::{Job as CronJob, JobScheduler, JobSchedulerError};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::{
    cache::Redis,
    clock::{Clock, ClockError},
    config::Schedule,
    db::{Database, StoreError},
    jobs::due,
    pipeline::chain,
};

/// The scheduler checks what is due at least this often.
const CHECK_EVERY: Duration = Duration::from_mins(1);
/// Duration of the lock that keeps other workers from enqueuing the same job.
const LOCK_DURATION: Duration = Duration::from_secs(50);

/// The destination of job requests.
#[derive(Debug)]
pub enum JobQueue {
    /// The job queue of the broker.
    Amqp(Box<Producer>, Topology),
    /// The runner in this process. The embedded default has no other worker at the same time.
    Local(mpsc::Sender<JobRequest>),
}

/// Enqueues jobs when they are due.
#[derive(Debug)]
pub struct Scheduler {
    pub schedule: Schedule,
    /// Stores the runs.
    pub database: Database,
    /// Holds the lock; `None` without Redis.
    pub redis: Option<Redis>,
    pub queue: JobQueue,
    pub clock: Clock,
    pub worker: String,
    pub stop: CancellationToken,
}

impl Scheduler {
    fn time(&self, job: Job) -> Option<NaiveTime> {
        time(&self.schedule, job)
    }

    /// Enqueues every job that is due or becomes due, until `stop` is cancelled.
    pub async fn run(self) {
        let wake = Arc::new(Notify::new());
        let mut cron = match self.start_cron(&wake).await {
            Ok(cron) => Some(cron),
            Err(error) => {
                error!(
                    error = chain(&error),
                    "cron cannot start, checking for due jobs every minute"
                );
                None
            }
        };
        while !self.stop.is_cancelled() {
            if let Err(error) = self.enqueue_due().await {
                warn!(
                    error = chain(&error),
                    "due jobs cannot be determined, retrying"
                );
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = wake.notified() => {}
                () = sleep(CHECK_EVERY) => {}
            }
        }
        if let Some(cron) = &mut cron {
            let _ = cron.shutdown().await;
        }
        if let JobQueue::Amqp(producer, _) = &self.queue {
            let _ = producer.close().await;
        }
    }

    async fn start_cron(&self, wake: &Arc<Notify>) -> Result<JobScheduler, JobSchedulerError> {
        let cron = JobScheduler::new().await?;
        for at in Job::VARIANTS.iter().filter_map(|job| self.time(*job)) {
            let wake = wake.clone();
            let expression = format!("0 {} {} * * *", at.minute(), at.hour());
            let job = CronJob::new_async(expression, move |_, _| {
                let wake = wake.clone();
                Box::pin(async move { wake.notify_one() })
            })?;
            cron.add(job).await?;
        }
        cron.start().await?;
        Ok(cron)
    }

    /// Enqueues the jobs that are due now.
    pub async fn enqueue_due(&self) -> Result<(), StoreError> {
        let now = match self.clock.compare_for_jobs().await {
            Ok(now) => now,
            Err(ClockError::Unknown(error)) => return Err(error),
            Err(error @ ClockError::Unsteady { .. }) => {
                warn!(error = chain(&error), "jobs wait for a steady clock");
                return Ok(());
            }
            Err(error) => {
                warn!(error = chain(&error), "jobs wait for the clocks to agree");
                return Ok(());
            }
        };
        for &job in Job::VARIANTS {
            let Some(at) = self.time(job) else { continue };
            let date = due::newest(at, now);
            if !self.database.has_job_run(job.as_str(), date).await? {
                self.enqueue(job, date).await;
            }
        }
        for run in self.database.abandoned_jobs(now).await? {
            if let (Ok(job), Ok(date)) = (run.name.parse::<Job>(), run.run_date.parse()) {
                warn!(
                    job = run.name,
                    date = run.run_date,
                    by = run.owner,
                    "abandoned job found, enqueuing it again"
                );
                self.enqueue(job, date).await;
            }
        }
        Ok(())
    }

    async fn enqueue(&self, job: Job, date: NaiveDate) {
        let request = JobRequest {
            job,
            date: date.to_string(),
            started_by: format!("scheduler of {}", self.worker),
        };
        let reference = request.reference_id();
        if let Some(redis) = &self.redis
            && redis.lock(&reference, &self.worker, LOCK_DURATION).await == Some(false)
        {
            debug!(reference, "job already enqueued by another worker");
            return;
        }
        let sent = match &self.queue {
            JobQueue::Amqp(producer, topology) => {
                let properties = Properties {
                    persistent: true,
                    content_type: Some("application/json".to_owned()),
                    message_id: Some(reference.clone()),
                    kind: Some("job".to_owned()),
                    ..Properties::default()
                };
                let (queue, body) = (topology.jobs(), request.to_json());
                let sent = producer.publish_raw("", &queue, properties, body).await;
                sent.map_err(|error| chain(&error))
            }
            // If the channel is full, the job waits there already.
            JobQueue::Local(runner) => {
                let _ = runner.try_send(request);
                Ok(())
            }
        };
        match sent {
            Ok(()) => info!(reference, "due job enqueued"),
            Err(error) => warn!(reference, error, "job not enqueued, retrying"),
        }
    }
}

/// The daily run time of a job; `None` if it is off.
pub const fn time(schedule: &Schedule, job: Job) -> Option<NaiveTime> {
    match job {
        Job::Grant => schedule.grant,
        Job::Expire => schedule.expire,
        Job::Verify => schedule.verify,
    }
}
