//! The HTTP server: an API for commands and queries, and the webhooks of payment providers.
//!
//! It publishes commands with confirms through the producer SDK, as any app does, and answers
//! queries from the ledger, over connections for reading. It keeps no state but caches, so any
//! number of processes may serve one ledger.
//!
//! | file | content |
//! |---|---|
//! | `server`, `write_limit` | connections and their limits |
//! | `tls` | TLS, if it is configured |
//! | `routes`, `endpoints` | the paths, and what wraps each request |
//! | `access_log`, `counters` | logs and metrics of requests |
//! | `auth`, `tokens`, `rate` | who sends a request, and what it may do |
//! | `user_token`, `user_tokens` | tokens of users, for browsers |
//! | `commands`, `batch` | commands: one, or up to 1,000 |
//! | `body`, `prefer`, `idempotency` | the parts of a request with a command |
//! | `webhooks` | events of payment providers |
//! | `publisher` | the connections to the queue |
//! | `queries`, `outcomes` | what is read from the ledger |
//! | `problem`, `response` | errors and results |

mod access_log;
mod auth;
mod batch;
mod body;
mod commands;
pub mod counters;
mod endpoints;
mod idempotency;
mod outcomes;
mod prefer;
mod problem;
mod publisher;
mod queries;
mod rate;
mod response;
mod routes;
mod server;
mod state;
pub mod tls;
pub mod tokens;
mod user_token;
mod user_tokens;
mod webhooks;
mod write_limit;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use ledger::References;
use producer_sdk::amqp::Endpoint;
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    config::{ConfigError, MissingUrl, Settings},
    payments::PaymentRules,
    queries::StoreQueryHandler,
    store::Store,
};
use counters::HttpCounters;
pub use endpoints::endpoints;
use publisher::{Publisher, Signals};
use rate::RateLimits;
use state::{Api, Parts};
use tls::Tls;
use tokens::TokenCache;

const CONNECTION: &str = "scrip http";
/// Maximum time to close the connections to the queue.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// Time that waiting for outcomes goes on after a stop.
const END_WAITS: Duration = Duration::from_secs(5);

/// A running server.
#[derive(Debug)]
pub struct HttpServer {
    address: SocketAddr,
    counters: HttpCounters,
    /// Stops accepting connections.
    stop: CancellationToken,
    connection_signals: Signals,
    task: JoinHandle<()>,
    /// The task that holds the connections to the queue.
    connection: JoinHandle<()>,
}

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The settings give no URL of a queue.
    #[error(transparent)]
    Url(#[from] MissingUrl),
    /// The files for TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] ConfigError),
    /// The address cannot be used.
    #[error("cannot listen at {0}")]
    Listen(SocketAddr, #[source] io::Error),
}

impl HttpServer {
    /// Starts to serve at an address. `store` is the ledger to read; it may have the privileges of
    /// a reader.
    pub async fn start(
        settings: &Settings,
        address: SocketAddr,
        store: Store,
    ) -> Result<Self, HttpError> {
        let counters = HttpCounters::default();
        let tls = Tls::start(settings, counters.tls())?;
        let unusable = |error| HttpError::Listen(address, error);
        let listener = TcpListener::bind(address).await.map_err(unusable)?;
        let address = listener.local_addr().map_err(unusable)?;
        let (stop, connection_signals) = (CancellationToken::new(), Signals::default());
        let http = settings.http.clone();
        let options = Publisher::options(settings.client_options(CONNECTION), http.confirm_timeout);
        let (publisher, connection) = Publisher::connect(
            settings.queue_url()?,
            options,
            connection_signals.clone(),
            counters.clone(),
        );
        let database = store.database().clone();
        let limits = server::Limits {
            connections: usize::try_from(http.max_connections).unwrap_or(usize::MAX >> 4),
            request: http.request_timeout,
        };
        let clock = Clock::system().checked(database.clone(), settings.worker.clock_limits());
        let api = Api(Arc::new(Parts {
            settings: http,
            publisher,
            payment_rules: PaymentRules::new(settings),
            query_handler: StoreQueryHandler::new(
                store.clone(),
                Arc::new(settings.catalog()),
                None,
            )
            .with_most_rows(queries::MOST_ROWS),
            clock: clock.clone(),
            tokens: TokenCache::new(database),
            rates: RateLimits::default(),
            counters: counters.clone(),
            batches: Parts::batch_permits(),
            webhooks: Parts::webhook_permits(),
            sender: sender(settings),
            store,
        }));
        let serving = server::serve(
            (listener, tls),
            routes::router(&api),
            limits,
            counters.clone(),
            stop.clone(),
        );
        let task = tokio::spawn(async move {
            // The clocks are compared as long as requests are served.
            let watching = async {
                clock.watch().await;
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = serving => {}
                () = watching => {}
            }
        });
        Ok(Self {
            address,
            counters,
            stop,
            connection_signals,
            task,
            connection,
        })
    }

    /// The address, with the port that the system chose for port 0.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The counters, for metrics and health.
    pub fn counters(&self) -> HttpCounters {
        self.counters.clone()
    }

    /// Stops: accepts no more connections, and waits for the requests in progress. Those that wait
    /// for outcomes are answered after `END_WAITS` at the latest. Returns whether all ended
    /// within `deadline`.
    pub async fn stop(mut self, deadline: Duration) -> bool {
        self.stop.cancel();
        let outcomes = deadline.min(END_WAITS);
        let mut in_time = timeout(outcomes, &mut self.task).await.is_ok();
        self.connection_signals.end_waits.cancel();
        if !in_time {
            in_time = timeout(deadline.saturating_sub(outcomes), &mut self.task)
                .await
                .is_ok();
        }
        self.task.abort();
        self.connection_signals.disconnect.cancel();
        // Confirms that are still open are waited for.
        let closed = timeout(CLOSE_WITHIN, self.connection).await;
        in_time && closed.is_ok()
    }
}

/// The sender of the server's commands, to find their outcomes, if references are unique per
/// sender. The embedded queue has no senders.
fn sender(settings: &Settings) -> Option<String> {
    if settings.senders.references == References::PerOrigin {
        return None;
    }
    let url = settings.amqp.as_ref().filter(|_| settings.name_sender);
    let endpoint =
        url.and_then(|url| Endpoint::parse(url.expose(), CONNECTION.to_owned(), CLOSE_WITHIN).ok());
    let user = endpoint.as_ref().and_then(Endpoint::user);
    Some(user.unwrap_or_default().to_owned())
}
