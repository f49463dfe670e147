//! What `scrip run` and `scrip http` do before they serve.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::{
    context::Context,
    failure::{Doing, Failure},
};
use crate::{
    config::{self, PlainText, SecretUrl, Settings},
    db::{self, StoreError},
    monitor::Health,
};

/// How long to wait between two attempts to reach the database.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// Warns of each server that is reached without TLS.
pub fn warn_of_plain_text(settings: &Settings) {
    for PlainText { key, host, instead } in settings.plain_text() {
        warn!(
            key,
            host, instead, "connection to a server is not encrypted"
        );
    }
}

/// Waits until PostgreSQL is reachable, because it may be starting at the same time as the worker.
///
/// Retries transient errors for `database.acquire_timeout`. Other errors are returned at once.
pub async fn wait_for_database(context: &Context, database: &SecretUrl) -> Result<(), Failure> {
    let within = context.settings.database.options().acquire_timeout;
    let started = Instant::now();
    let mut is_reported = false;
    loop {
        match db::reach(database.expose(), within).await {
            Err(
                error @ StoreError::Unreachable {
                    is_transient: true, ..
                },
            ) if started.elapsed() < within => {
                if !std::mem::replace(&mut is_reported, true) {
                    warn!(%error, "database not reachable, waiting");
                }
                sleep(RETRY_DELAY).await;
            }
            Err(error) => return Err(error).doing(format!("open the ledger at {database}")),
            Ok(()) => return Ok(()),
        }
    }
}

/// Starts to serve health and metrics, if an address is configured.
pub async fn listen(settings: &config::Health) -> Result<Option<Health>, Failure> {
    let Some(address) = settings.listen else {
        return Ok(None);
    };
    let health = Health::listen(settings)
        .await
        .doing(format!("listen at {address} (health.listen)"))?;
    info!(%address, "serving health and metrics");
    Ok(health)
}
