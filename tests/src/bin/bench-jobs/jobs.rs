//! A job, run by a process of its own and carried out by a worker.

use crate::{
    process::{self, Ended, Peak, Serving},
    stage::Stage,
};

/// A job, and how to tell what it did.
#[derive(Debug)]
pub struct Job {
    pub name: &'static str,
    /// What it does.
    pub rows: &'static str,
    /// Under which name it counts them.
    counted: &'static str,
    /// Counts what was done.
    done: &'static str,
    /// Counts what is left to be done.
    left: &'static str,
}

pub static GRANT: Job = Job {
    name: "grant",
    rows: "granted periods",
    counted: "successful",
    done: "SELECT count(*) FROM credits_transaction t JOIN credits_batch b ON b.transaction_id = t.id \
        WHERE t.type = 'monthly_grant' AND t.status = 'COMPLETED' AND t.amount = 200 AND b.remaining = 200",
    left: "SELECT count(*) FROM subscription WHERE due_at <= now()",
};

pub static EXPIRE: Job = Job {
    name: "expire",
    rows: "swept batches",
    counted: "processedBatches",
    done: "SELECT count(*) FROM credits_transaction t JOIN credits_allocation a ON a.transaction_id = t.id \
        JOIN credits_batch b ON b.id = a.batch_id \
        WHERE t.type = 'expiration' AND t.amount = -10 AND b.status = 'EXPIRED' AND b.remaining = 0",
    left: "SELECT count(*) FROM credits_batch \
        WHERE status = 'ACTIVE' AND expires_at <= now() - interval '24 hours'",
};

/// What was measured of a job.
#[derive(Debug)]
pub struct Done {
    pub job: &'static Job,
    /// Rows that it did.
    pub rows: u32,
    pub seconds: f64,
    /// What a second run took, which found nothing.
    pub again: f64,
    pub worker: Peak,
    /// The higher one of both runs.
    pub runner: Peak,
}

impl Done {
    pub fn per_second(&self) -> f64 {
        f64::from(self.rows) / self.seconds
    }
}

/// Runs a job twice beside a worker. Expects that the first run did exactly these `rows`, and the second found nothing.
pub async fn run(stage: &Stage, job: &'static Job, rows: u32) -> Done {
    assert_eq!(stage.number(job.left).await, i64::from(rows));
    let worker = Serving::start(&stage.deployment).await;
    let first = process::run(&stage.deployment, &["--json", "job", "run", job.name]).await;
    check(stage, job, rows).await;
    assert_eq!(counted(&first, job), u64::from(rows));
    let again = process::run(&stage.deployment, &["--json", "job", "run", job.name, "--again"]).await;
    check(stage, job, rows).await;
    assert_eq!(counted(&again, job), 0);
    Done {
        job,
        rows,
        seconds: first.seconds,
        again: again.seconds,
        worker: worker.stop().await,
        runner: first.peak.max(again.peak),
    }
}

async fn check(stage: &Stage, job: &Job, rows: u32) {
    assert_eq!(stage.number(job.done).await, i64::from(rows), "{}", job.rows);
    assert_eq!(stage.number(job.left).await, 0, "left by {}", job.name);
}

/// What a run counted; what is 0 is left out there.
fn counted(run: &Ended, job: &Job) -> u64 {
    run.printed["result"][job.counted].as_u64().unwrap_or(0)
}
