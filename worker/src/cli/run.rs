//! `scrip run`: runs a worker.

use std::{future::pending, net::SocketAddr, process::ExitCode};

use producer_sdk::Exposed;
use tokio::time::Instant;
use tracing::{info, warn};

use super::{
    context::{Context, require_schema},
    failure::{Doing, Failure},
    http, print, references,
    signals::Signals,
    start,
};
use crate::{
    app::Service,
    config::{Backend, SecretUrl},
    pipeline::chain,
    store::Store,
    transport::amqp,
};

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
  scrip run --http                 the same, with the HTTP API at 127.0.0.1:8080
  AMQP_URL=amqp://localhost DATABASE_URL=postgres://localhost/scrip scrip run --migrate")]
pub struct Args {
    /// Migrate the schema of the database first; an embedded file is always migrated
    #[arg(long)]
    migrate: bool,
    /// Also serve the HTTP API, at this address or at http.listen
    #[arg(long, value_name = "ADDRESS")]
    #[expect(clippy::option_option, reason = "the option has an optional value")]
    http: Option<Option<SocketAddr>>,
}

/// Serves until a signal arrives.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let mut signals = Signals::listen()?;
    let backend = context.settings.backend()?;
    start::warn_of_plain_text(&context.settings);
    // Health starts before the database, which may be slow to answer: `/livez` is good by then.
    let health = start::listen(&context.settings.health).await?;
    let store = open(context, &backend, args.migrate).await?;
    let server = match args.http {
        Some(address) => {
            let monitored = health.as_ref().map(|health| (health, false));
            Some(http::serve(&context.settings, address, store.clone(), monitored).await?)
        }
        None => None,
    };
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
    let until = Instant::now() + context.settings.worker.drain_timeout;
    if let Some(server) = server {
        // The lanes still decide the commands whose outcomes requests wait for.
        http::stop(server, context.settings.worker.drain_timeout / 2).await;
    }
    let left = until.saturating_duration_since(Instant::now());
    if service.drain(left).await {
        info!("stopped");
    } else {
        warn!("stopped with unfinished messages, they will be delivered again");
    }
    ended?;
    Ok(ExitCode::SUCCESS)
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
            start::wait_for_database(context, database).await?;
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
