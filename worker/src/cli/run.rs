//! `scrip run`: the worker.

use std::{future::pending, process::ExitCode};

use producer_sdk::Exposed;
use tracing::{info, warn};

use super::{
    context::{Context, require_schema},
    failure::{Doing, Failure},
    print, references,
    service::Service,
    signals::Signals,
};
use crate::{
    config::{self, Backend, PlainText},
    health::Health,
    store::Store,
};

/// Serve commands and queries until SIGTERM or SIGINT; a second signal ends at once.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "\
Examples:
  scrip run                        on one SQLite file in the user's data folder
  AMQP_URL=amqp://localhost DATABASE_URL=postgres://localhost/scrip scrip run --migrate")]
pub struct Args {
    /// Bring the database's schema up to date first (the embedded file does so by itself)
    #[arg(long)]
    migrate: bool,
}

/// Serves until a signal.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let mut signals = Signals::listen()?;
    let backend = context.settings.backend()?;
    for PlainText { key, host, instead } in context.settings.plain_text() {
        warn!(
            key,
            host, instead, "a server is reached in plain text over the network"
        );
    }
    // Before the database, which may take its time: the process is alive by then.
    let health = listen(&context.settings.health).await?;
    let store = open(context, &backend, args.migrate).await?;
    let service = Service::start(context, &backend, store, health.as_ref()).await?;
    let serving = async {
        service.ready().await;
        info!("ready");
        pending().await
    };
    let ended = tokio::select! {
        signal = signals.next() => Ok(signal),
        signal = serving => Ok(signal),
        other = service.refused() => Err(other),
    };
    if let Some(health) = &health {
        health.drain();
    }
    if let Ok(signal) = &ended {
        info!(signal, "stopping: finishing what has begun");
    }
    signals.end_at_next();
    if service.drain(context.settings.worker.drain_timeout).await {
        info!("stopped");
    } else {
        warn!("stopped before everything was finished; it will be delivered again");
    }
    ended?;
    Ok(ExitCode::SUCCESS)
}

async fn listen(settings: &config::Health) -> Result<Option<Health>, Failure> {
    let Some(address) = settings.listen else {
        return Ok(None);
    };
    let health = Health::listen(settings)
        .await
        .doing(format!("listen at {address} (health.listen)"))?;
    info!(%address, "telling health and metrics");
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
            // Where somebody's ledger is must be known whatever is logged.
            print::line(&format!("ledger and queue: {}", path.display()))?;
            Ok(store)
        }
        Backend::Servers { amqp, database } => {
            info!(%amqp, %database, namespace = context.settings.namespace, "starting");
            let store = context.workers_database().await?;
            store.require_utf8().await.doing("use the database")?;
            if migrate {
                migration::up(store.connection())
                    .await
                    .doing("migrate the database")?;
                references::set(context, &store).await?;
            }
            require_schema(&store).await?;
            references::require(context, &store).await?;
            Ok(store)
        }
    }
}
