//! The progress of a run: it is stored with each renewal of the lease, so that another worker can
//! resume the run.

use std::time::{Duration, Instant};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{
    counts::Counts,
    error::{ClaimError, Interrupted, JobError},
    repository::JobRun,
};
use crate::{
    clock::Clock,
    db::Database,
    pipeline::{Backoff, chain},
};

const MAX_PAUSE: Duration = Duration::from_secs(10);

/// The progress of a run that this worker has claimed.
pub(super) struct Progress {
    database: Database,
    clock: Clock,
    pub run: JobRun,
    /// Behind the last item up to which all commands are answered.
    pub cursor: Option<String>,
    pub counts: Counts,
    /// Milliseconds that the run took before it was resumed.
    earlier_ms: u64,
    began: Instant,
}

impl Progress {
    /// The progress that is stored with the run.
    pub fn new(database: Database, clock: Clock, run: JobRun) -> Self {
        let counts: Counts = run
            .result
            .as_ref()
            .and_then(|result| serde_json::from_value(result.clone()).ok())
            .unwrap_or_default();
        Self {
            database,
            clock,
            cursor: run.cursor.clone(),
            earlier_ms: counts.duration_ms,
            counts,
            began: Instant::now(),
            run,
        }
    }

    /// Sets the duration in the counters.
    pub fn update_duration(&mut self) {
        let millis = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.counts.duration_ms = self.earlier_ms.saturating_add(millis);
    }

    /// Renews the lease and stores the progress. Fails only if another worker has the run.
    pub async fn renew(&mut self) -> Result<(), Interrupted> {
        self.update_duration();
        let result = self.counts.to_json();
        let renewed = async {
            let now = self.clock.confirmed().await?;
            let renewed = self
                .database
                .renew_job(&self.run, self.cursor.as_deref(), &result, now);
            Ok::<_, ClaimError>(renewed.await?)
        };
        match renewed.await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Interrupted::Ended(JobError::TakenOver)),
            Err(error) => {
                warn!(error = chain(&error), "job lease not renewed");
                Ok(())
            }
        }
    }

    /// Releases the lease of a run that is stopped, and stores the progress.
    pub async fn release(&self) -> JobError {
        let result = self.counts.to_json();
        let released = async {
            let now = self.clock.confirmed().await?;
            let released =
                self.database
                    .release_job(&self.run, self.cursor.as_deref(), &result, now);
            Ok::<_, ClaimError>(released.await?)
        };
        if let Err(error) = released.await {
            warn!(
                error = chain(&error),
                "job lease not released, it lasts until it expires"
            );
        }
        JobError::Stopped
    }

    /// Stores the result. Retries until the database answers or `stop` is cancelled.
    pub async fn finish(&self, stop: &CancellationToken) -> Result<(), JobError> {
        let completed = self.counts.holds != Some(false) && self.counts.error.is_none();
        let result = self.counts.to_json();
        let mut backoff = Backoff::new(MAX_PAUSE);
        loop {
            let finished = async {
                let now = self.clock.confirmed().await?;
                let finished = self.database.finish_job(&self.run, completed, &result, now);
                Ok::<_, ClaimError>(finished.await?)
            };
            match finished.await {
                Ok(true) => return Ok(()),
                Ok(false) => return Err(JobError::TakenOver),
                Err(error) => {
                    warn!(error = chain(&error), "job result not stored, retrying");
                    tokio::select! {
                        () = sleep(backoff.wait()) => {}
                        () = stop.cancelled() => return Err(JobError::Stopped),
                    }
                }
            }
        }
    }
}
