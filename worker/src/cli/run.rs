//! `scrip run`: runs a worker.

use std::{future::pending, process::ExitCode, time::Duration};

use producer_sdk::Exposed;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::{
    context::{Context, require_schema},
    failure::{Doing, Failure},
    print, references,
    signals::Signals,
};
use crate::{
    app::Service,
    config::{self, Backend, PlainText, SecretUrl},
    db::{self, StoreError},
    monitor::Health,
    pipeline::chain,
    store::Store,
    transport::amqp,
};

/// How long to wait between two attempts to reach the database.
const RETRY_DELAY: Duration = Duration::from_millis(500);

const ACCESS: &str = "correct user, password and virtual host in `AMQP_URL`; or create them with \
                      `scrip topology user worker NAME` and `rabbitmqctl add_vhost`, and grant \
                      the permissions that `scrip topology permissions` lists";

/// Serve commands and queries until SIGTERM or SIGINT
///
/// The worker takes commands from the queue, commits them to the ledger and sends their outcomes.
/// On the first signal it finishes the commands in progress, requeues the others, and exits within
/// worker.drain_timeout. A second signal ends it at once, with exit code 130.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "\
Examples:
  scrip run                        on one SQLite file in the user's data folder
  AMQP_URL=amqp://localhost DATABASE_URL=postgres://localhost/scrip scrip run --migrate")]
pub struct Args {
    /// Migrate the schema of the database first; an embedded file is always migrated
    #[arg(long)]
    migrate: bool,
}

/// Serves until a signal arrives.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let mut signals = Signals::listen()?;
    let backend = context.settings.backend()?;
    for PlainText { key, host, instead } in context.settings.plain_text() {
        warn!(
            key,
            host, instead, "connection to a server is not encrypted"
        );
    }
    // Health starts before the database, which may be slow to answer: `/livez` is good by then.
    let health = listen(&context.settings.health).await?;
    let store = open(context, &backend, args.migrate).await?;
    let service = Service::start(&context.settings, &backend, store, health.as_ref()).await?;
    let serving = async {
        service.ready().await;
        info!("ready");
        pending().await
    };
    let ended = tokio::select! {
        signal = signals.next() => Ok(signal),
        signal = serving => Ok(signal),
        other_ledger = service.refused() => Err(other_ledger),
    };
    if let Some(health) = &health {
        health.drain();
    }
    if let Ok(signal) = &ended {
        info!(signal, "stopping, finishing commands in progress");
    }
    signals.end_at_next();
    if service.drain(context.settings.worker.drain_timeout).await {
        info!("stopped");
    } else {
        warn!("stopped with unfinished messages, they will be delivered again");
    }
    ended?;
    Ok(ExitCode::SUCCESS)
}

/// Waits until PostgreSQL is reachable, because it may be starting at the same time as the worker.
///
/// Retries transient errors for `database.acquire_timeout`. Other errors are returned at once.
async fn wait_for_database(context: &Context, database: &SecretUrl) -> Result<(), Failure> {
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

/// Fails if the broker refuses the connection permanently: the password is wrong, the virtual host
/// does not exist, or the user has no right to use it.
///
/// Other errors are ignored, because they may pass and the worker reconnects. A reached limit of
/// connections is logged, because it stays until an operator acts or connections end.
async fn first_connection(amqp: &SecretUrl) -> Result<(), Failure> {
    match amqp::check_access(amqp.expose()).await {
        Err(error) if error.is_permanent() => {
            Err(Failure::cannot(format!("use the broker at {amqp}"), error).with_advice(ACCESS))
        }
        Err(error) => {
            if let Some(remedy) = error.limit_remedy() {
                warn!(
                    error = chain(&error),
                    remedy, "broker accepts no further connection, retrying"
                );
            }
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

async fn listen(settings: &config::Health) -> Result<Option<Health>, Failure> {
    let Some(address) = settings.listen else {
        return Ok(None);
    };
    let health = Health::listen(settings)
        .await
        .doing(format!("listen at {address} (health.listen)"))?;
    info!(%address, "serving health and metrics");
    Ok(health)
}

async fn open(context: &Context, backend: &Backend, migrate: bool) -> Result<Store, Failure> {
    match backend {
        Backend::Embedded { path } => {
            let url = context.settings.ledger_url()?;
            let store = context.open_embedded(path, &url).await?;
            for Exposed { path, mode } in producer_sdk::exposed(path) {
                let (path, mode) = (path.display(), format!("{mode:03o}"));
                warn!(%path, mode, "other users of this machine have access to the ledger");
            }
            // On stdout and not in the log, so that the path is shown at every log level.
            print::line(&format!("ledger and queue: {}", path.display()))?;
            Ok(store)
        }
        Backend::Servers { amqp, database } => {
            info!(%amqp, %database, namespace = context.settings.namespace, "starting");
            wait_for_database(context, database).await?;
            let store = context.workers_database().await?;
            first_connection(amqp).await?;
            store.require_utf8().await.doing("use the database")?;
            if migrate {
                migration::up(store.connection())
                    .await
                    .doing("migrate the database")?;
                references::set(&context.settings, &store).await?;
            }
            require_schema(&store).await?;
            references::require(&context.settings, &store).await?;
            Ok(store)
        }
    }
}
