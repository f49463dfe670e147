//! Serves the queue of job requests, and writes to it.
//!
//! A request is acknowledged as soon as its run is claimed in the database: from there on the lease tells whether anybody
//! runs it. One request at a time is taken, and several runs may go on at once.

use std::time::Duration;

use chrono::{Days, NaiveDate};
use lapin::options::BasicRejectOptions;
use producer_sdk::contract::{JobRequest, Topology};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::{AmqpError, connection, subscription::Subscription};
use crate::{
    jobs::Runner,
    lane::{Backoff, chain},
    store::{Claim, StoreError},
};

const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Serves the queue of job requests until `runner.stop`; ends when all runs have ended.
pub async fn serve(url: String, topology: Topology, runner: Runner) {
    let stop = runner.stop.clone();
    let mut runs = JoinSet::new();
    let mut backoff = Backoff::new(LONGEST_PAUSE);
    while !stop.is_cancelled() {
        let started = Instant::now();
        let Err(error) = take(&url, &topology, &runner, &stop, &mut runs).await else {
            break;
        };
        if started.elapsed() > LONGEST_PAUSE {
            backoff.reset();
        }
        let pause = backoff.wait();
        warn!(
            error = chain(&error),
            ?pause,
            "the queue of jobs cannot be served now"
        );
        tokio::select! {
            () = sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
    while runs.join_next().await.is_some() {}
}

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Amqp(#[from] AmqpError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

async fn take(
    url: &str,
    topology: &Topology,
    runner: &Runner,
    stop: &CancellationToken,
    runs: &mut JoinSet<()>,
) -> Result<(), Trouble> {
    let name = format!("scrip jobs {}", runner.worker);
    let connection = connection::open(url, name).await?;
    let mut subscription = Subscription::open(&connection, &topology.jobs(), &runner.worker, 1).await?;
    debug!("serving the queue of jobs");
    loop {
        while runs.try_join_next().is_some() {}
        let group = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            group = subscription.gather(1) => group?,
        };
        for message in group {
            let today = runner.clock.now().date_naive();
            let Some((request, date)) = read(&message.data, today) else {
                // To the dead letters.
                message
                    .reject(BasicRejectOptions { requeue: false })
                    .await
                    .map_err(AmqpError::doing("rejecting a job request"))?;
                continue;
            };
            let claim = runner
                .claim(request.job, date, &request.started_by, false)
                .await?;
            subscription.ack_through(message.delivery_tag).await?;
            match claim {
                Claim::Taken(run) => info!(
                    job = run.name,
                    date = run.run_date,
                    status = run.status,
                    by = run.owner,
                    "a job is run, or was run, by another worker"
                ),
                Claim::Ours(run) => {
                    let runner = runner.clone();
                    runs.spawn(async move {
                        // What went wrong is in the log.
                        let _ = runner.run(request.job, run, |_| {}).await;
                    });
                }
            }
        }
    }
    subscription.close().await;
    connection::close(&connection).await;
    Ok(())
}

fn read(body: &[u8], today: NaiveDate) -> Option<(JobRequest, NaiveDate)> {
    // Another worker's clock may be a little ahead.
    let latest = today.checked_add_days(Days::new(1)).unwrap_or(today);
    let read = JobRequest::from_json(body)
        .map_err(|error| error.to_string())
        .and_then(|request| match request.date.parse() {
            Ok(date) if date <= latest => Ok((request, date)),
            _ => Err(format!(
                "date is \"{}\"; allowed is YYYY-MM-DD, at most {latest}",
                request.date
            )),
        });
    if let Err(error) = &read {
        error!(
            error,
            "a job request cannot be understood; it is a dead letter now"
        );
    }
    read.ok()
}
