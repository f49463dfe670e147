//! Runs the jobs of the embedded default, which are requested within the process.

use producer_sdk::contract::JobRequest;
use tokio::sync::mpsc;
use tracing::warn;

use super::{Claim, Runner};

/// Runs the requested jobs one at a time, until the runner stops.
pub async fn serve_local(runner: Runner, mut requests: mpsc::Receiver<JobRequest>) {
    loop {
        let request = tokio::select! {
            () = runner.stop.cancelled() => return,
            request = requests.recv() => request,
        };
        let Some(request) = request else { return };
        let Ok(date) = request.date.parse() else {
            continue;
        };
        match runner
            .claim(request.job, date, &request.started_by, false)
            .await
        {
            // The runner logs the errors of a run.
            Ok(Claim::Ours(run)) => drop(runner.run(request.job, run, |_| {}).await),
            Ok(Claim::Taken(_)) => {}
            Err(error) => warn!(%error, "job not claimed, retrying in a minute"),
        }
    }
}
