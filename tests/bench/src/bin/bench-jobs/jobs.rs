//! The jobs. A separate process runs a job, and a worker applies its commands.

use crate::{
    fixture::Fixture,
    process::{self, Ended, Peak, Serving},
};

/// A job, and the queries that check its result.
#[derive(Debug)]
pub struct Job {
    pub name: &'static str,
    /// A description of the rows that the job processes.
    pub rows: &'static str,
    /// The field of the job's counts that has the number of rows.
    counted: &'static str,
    /// A query for the number of processed rows.
    done: &'static str,
    /// A query for the number of rows that are left.
    left: &'static str,
}

pub static GRANT: Job = Job {
    name: "grant",
    rows: "granted periods",
    counted: "successful",
    done: "SELECT count(*) FROM credits_transaction t \
        JOIN credits_batch b ON b.transaction_id = t.id \
        WHERE t.type = 'monthly_grant' AND t.status = 'COMPLETED' AND t.amount = 200 \
        AND b.remaining = 200",
    left: "SELECT count(*) FROM subscription WHERE due_at <= now()",
};

pub static EXPIRE: Job = Job {
    name: "expire",
    rows: "expired batches",
    counted: "processedBatches",
    done: "SELECT count(*) FROM credits_transaction t \
        JOIN credits_allocation a ON a.transaction_id = t.id \
        JOIN credits_batch b ON b.id = a.batch_id \
        WHERE t.type = 'expiration' AND t.amount = -10 AND b.status = 'EXPIRED' \
        AND b.remaining = 0",
    left: "SELECT count(*) FROM credits_batch \
        WHERE status = 'ACTIVE' AND expires_at <= now() - interval '24 hours'",
};

/// The measurement of a job.
#[derive(Debug)]
pub struct Done {
    pub job: &'static Job,
    /// The number of processed rows.
    pub rows: u32,
    /// The duration of the first run.
    pub seconds: f64,
    /// The duration in seconds of a second run, which finds nothing to do.
    pub again: f64,
    pub worker: Peak,
    /// The higher peak of the two runs.
    pub runner: Peak,
}

impl Done {
    pub fn per_second(&self) -> f64 {
        f64::from(self.rows) / self.seconds
    }
}

/// Runs a job twice while a worker runs. Panics unless the first run processes exactly `rows` rows
/// and the second one none.
pub async fn run(fixture: &Fixture, job: &'static Job, rows: u32) -> Done {
    assert_eq!(fixture.number(job.left).await, i64::from(rows));
    let worker = Serving::start(&fixture.deployment).await;
    let first = process::run(&fixture.deployment, &["--json", "job", "run", job.name]).await;
    check(fixture, job, rows).await;
    assert_eq!(counted(&first, job), u64::from(rows));
    let again = process::run(
        &fixture.deployment,
        &["--json", "job", "run", job.name, "--again"],
    )
    .await;
    check(fixture, job, rows).await;
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

async fn check(fixture: &Fixture, job: &Job, rows: u32) {
    assert_eq!(
        fixture.number(job.done).await,
        i64::from(rows),
        "{}",
        job.rows
    );
    assert_eq!(fixture.number(job.left).await, 0, "left by {}", job.name);
}

/// The number of rows that a run counted. A count of 0 is not in the output.
fn counted(run: &Ended, job: &Job) -> u64 {
    run.printed["result"][job.counted].as_u64().unwrap_or(0)
}
