//! `scrip http`: serves the HTTP API.

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use tokio::time::timeout;
use tracing::{debug, info, warn};

use super::{
    context::Context,
    failure::{Doing, Failure},
    references,
    signals::Signals,
    start,
};
use crate::{
    config::{Backend, SecretUrl, Settings},
    http::HttpServer,
    monitor::{Health, WatchedHttp},
    pipeline::chain,
    read,
    store::Store,
    transport::amqp::{AmqpError, compare_claimed_ledger_at},
};

/// Maximum time to compare the ledger of the database with that of the broker.
const COMPARE_WITHIN: Duration = Duration::from_secs(5);

/// Serve the HTTP API until SIGTERM or SIGINT
///
/// The server publishes commands to the queue and reads balances from the ledger. It applies no
/// command: that is the work of `scrip run`. DATABASE_URL may be that of the role that only reads.
/// Any number of servers may serve one ledger. With http.tls_certificate and http.tls_key it serves
/// HTTPS, and uses renewed files without a restart. On the first signal it finishes the requests in
/// progress, within worker.drain_timeout. A second signal ends it at once, with exit code 130.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  scrip http
  scrip http --listen 0.0.0.0:8080
  scrip run --http                 a worker that serves the API, too")]
pub struct Args {
    /// Address to listen at; overrides http.listen
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

/// Serves until a signal arrives.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let mut signals = Signals::listen()?;
    let backend = context.settings.backend()?;
    start::warn_of_plain_text(&context.settings);
    let health = start::listen(&context.settings.health).await?;
    let store = open(context, &backend).await?;
    let monitored = health.as_ref().map(|health| (health, true));
    let server = serve(&context.settings, args.listen, store, monitored).await?;
    let signal = signals.next().await;
    if let Some(health) = &health {
        health.drain();
    }
    info!(signal, "stopping, finishing requests in progress");
    signals.end_at_next();
    stop(server, context.settings.worker.drain_timeout).await;
    Ok(ExitCode::SUCCESS)
}

/// Starts a server at `address`, or at the configured one. `health` then reports on it, and on
/// nothing else if it is alone in the process.
pub async fn serve(
    settings: &Settings,
    address: Option<SocketAddr>,
    store: Store,
    health: Option<(&Health, bool)>,
) -> Result<HttpServer, Failure> {
    if !settings.http.api && !settings.payments.is_on() {
        return Err(Failure::new(
            "no part of the HTTP server is enabled; set `http.api` to true, or the secrets of a \
             webhook",
        ));
    }
    let address = address.unwrap_or(settings.http.listen);
    let server = HttpServer::start(settings, address, store)
        .await
        .doing("start the HTTP server")?;
    if let Some((health, is_alone)) = health {
        let counters = server.counters();
        health.watch_http(WatchedHttp { counters, is_alone });
    }
    let (address, tls) = (server.address(), settings.http.tls.is_some());
    info!(tls, %address, "serving HTTP");
    Ok(server)
}

/// Stops a server.
pub async fn stop(server: HttpServer, deadline: Duration) {
    if server.stop(deadline).await {
        info!("HTTP server stopped");
    } else {
        warn!("HTTP server stopped with unfinished requests");
    }
}

async fn open(context: &Context, backend: &Backend) -> Result<Store, Failure> {
    match backend {
        Backend::Embedded { path } => {
            let url = context.settings.ledger_url()?;
            context.open_embedded(path, &url).await
        }
        Backend::Servers { amqp, database } => {
            start::wait_for_database(context, database).await?;
            let store = context.ledger().await?;
            references::require(&context.settings, &store).await?;
            require_ledger(context, amqp, &store).await?;
            Ok(store)
        }
    }
}

/// Fails if the namespace belongs to another ledger. Without an answer of the broker, and without
/// the right to ask, the server starts: commands are published as by an app.
async fn require_ledger(context: &Context, url: &SecretUrl, store: &Store) -> Result<(), Failure> {
    let topology = context.settings.topology()?;
    let id = read::ledger_id(store).await?;
    let compared = compare_claimed_ledger_at(url.expose(), &topology, id);
    match timeout(COMPARE_WITHIN, compared).await {
        Ok(Err(AmqpError::OtherLedger(other))) => Err(other.into()),
        Ok(Err(error)) => {
            let error = chain(&error);
            debug!(error, "the ledger of the namespace is not compared");
            Ok(())
        }
        Ok(Ok(())) | Err(_) => Ok(()),
    }
}
