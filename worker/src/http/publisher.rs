//! The connections to the queue: one to publish commands, one to publish them and wait for their
//! outcomes. Both are those of the producer SDK, as any app has them.

use std::{sync::Arc, time::Duration};

use producer_sdk::{
    Client, Command, Error, Options, Outcome, Producer, PublishHandle, WhenFull,
    contract::Rejection,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinHandle,
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{counters::HttpCounters, problem::Problem};
use crate::{config::SecretUrl, pipeline::chain};

/// How long to wait after a failed first connection. Later the SDK reconnects.
const RECONNECT_DELAY: Duration = Duration::from_secs(1);
const AGAIN: &str = "send the request again with the same reference; a command is applied once";

/// Maximum of commands that wait for their outcomes at once. It is the window of the client, so a
/// command that waits finds a place there.
const MAX_WAITING: usize = 1000;

/// The connections to the queue. Clones share them.
#[derive(Clone, Debug)]
pub struct Publisher {
    connections: watch::Receiver<Option<Connections>>,
    /// Permits for commands that wait.
    waiting: Arc<Semaphore>,
}

/// The signals to the connections.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// Ends the wait for outcomes: commands that the queue has are accepted.
    pub end_waits: CancellationToken,
    /// Closes the connections, after the last request.
    pub disconnect: CancellationToken,
}

/// The permit of commands that wait for their outcomes.
#[derive(Debug)]
pub struct Seats(#[expect(dead_code, reason = "dropping it frees them")] OwnedSemaphorePermit);

#[derive(Clone, Debug)]
struct Connections {
    producer: Producer,
    client: Client,
}

/// What is known about a command that was sent with a wait.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every result is an outcome"
)]
pub enum Sent {
    /// The ledger decided it.
    Decided(Outcome),
    /// The worker does not accept it.
    Rejected(Rejection),
    /// The queue has it, and the outcome did not come in time.
    Accepted,
}

impl Publisher {
    /// Connects in the background until it succeeds. The task ends when it has disconnected.
    pub fn connect(
        url: SecretUrl,
        options: Options,
        signals: Signals,
        counters: HttpCounters,
    ) -> (Self, JoinHandle<()>) {
        let (sender, connections) = watch::channel(None);
        let waiting = Arc::new(Semaphore::new(MAX_WAITING));
        let held = hold(url, options, signals, (sender, waiting.clone()), counters);
        let task = tokio::spawn(held);
        (
            Self {
                connections,
                waiting,
            },
            task,
        )
    }

    /// The options of both connections.
    pub fn options(base: Options, confirm_timeout: Duration) -> Options {
        Options {
            confirm_timeout,
            when_full: WhenFull::Timeout(confirm_timeout),
            window: MAX_WAITING,
            ..base
        }
    }

    /// Publishes a command and waits for the confirm.
    pub async fn publish(&self, command: &Command) -> Result<(), Problem> {
        let producer = self.connections()?.producer;
        let published = producer.publish(command).await;
        published.map_err(|error| problem(&error))
    }

    /// Publishes commands in this order. Returns a handle for each, which waits for its confirm. An
    /// error means that none was published.
    pub async fn enqueue(&self, commands: &[Command]) -> Result<Vec<PublishHandle>, Problem> {
        let producer = self.connections()?.producer;
        let enqueued = producer.enqueue_all(commands).await;
        enqueued.map_err(|error| problem(&error))
    }

    /// Takes the places of commands that wait. `None` if others have them or waiting has ended:
    /// then the commands are published without a wait.
    pub fn seats(&self, commands: usize) -> Option<Seats> {
        let count = u32::try_from(commands).ok()?;
        let permit = Arc::clone(&self.waiting).try_acquire_many_owned(count);
        permit.ok().map(Seats)
    }

    /// Publishes commands in this order and waits for their outcomes. An error means that none was
    /// published.
    pub async fn send_all(
        &self,
        commands: &[Command],
        wait: Duration,
        _seats: Seats,
    ) -> Result<Vec<Result<Sent, Problem>>, Problem> {
        let client = self.connections()?.client;
        let results = client.send_all(commands, wait).await;
        let results = results.map_err(|error| problem(&error))?;
        Ok(results.into_iter().map(sent).collect())
    }

    fn connections(&self) -> Result<Connections, Problem> {
        self.connections.borrow().clone().ok_or_else(|| {
            let detail = "the queue is not reachable, so nothing was published; retry later";
            Problem::unavailable("queue_unavailable", detail)
        })
    }
}

fn sent(result: Result<Outcome, Error>) -> Result<Sent, Problem> {
    match result {
        Ok(outcome) => Ok(Sent::Decided(outcome)),
        Err(Error::Rejected(rejection)) => Ok(Sent::Rejected(rejection)),
        Err(Error::NoReply {
            confirmed: true, ..
        }) => Ok(Sent::Accepted),
        Err(error) => Err(problem(&error)),
    }
}

/// The problem of a command that was not accepted.
pub fn problem(error: &Error) -> Problem {
    match error {
        Error::Rejected(rejection) => rejection.clone().into(),
        Error::WindowFull(_) => {
            let detail = format!("too many commands wait for the queue; {AGAIN}");
            Problem::unavailable("overloaded", detail)
        }
        Error::Unconfirmed { .. } | Error::NoReply { .. } => {
            let detail = format!("the queue did not confirm the command in time; {AGAIN}");
            Problem::unavailable("unconfirmed", detail)
        }
        error => {
            // The topology or the permissions of the server's account are wrong.
            let error = chain(error);
            warn!(error, "command not accepted by the queue");
            let detail = format!("the queue does not accept the command; {AGAIN}");
            Problem::unavailable("queue_unavailable", detail)
        }
    }
}

async fn hold(
    url: SecretUrl,
    options: Options,
    signals: Signals,
    (sender, waiting): (watch::Sender<Option<Connections>>, Arc<Semaphore>),
    counters: HttpCounters,
) {
    let mut is_reported = false;
    let connections = loop {
        let connected = tokio::select! {
            () = signals.disconnect.cancelled() => return,
            connected = open(&url, &options) => connected,
        };
        match connected {
            Ok(connections) => break connections,
            Err(error) if !is_reported => {
                let error = chain(&error);
                warn!(error, queue = %url, "HTTP server cannot connect to the queue, retrying");
                is_reported = true;
            }
            Err(_) => {}
        }
        tokio::select! {
            () = signals.disconnect.cancelled() => return,
            () = sleep(RECONNECT_DELAY) => {}
        }
    };
    counters.connected();
    sender.send_replace(Some(connections.clone()));
    info!("HTTP server connected to the queue");
    signals.end_waits.cancelled().await;
    waiting.close();
    let client = connections.client.close().await;
    signals.disconnect.cancelled().await;
    let closed = [client, connections.producer.close().await];
    for error in closed.into_iter().filter_map(Result::err) {
        warn!(%error, "connection of the HTTP server not closed cleanly");
    }
}

async fn open(url: &SecretUrl, options: &Options) -> Result<Connections, Error> {
    Ok(Connections {
        producer: Producer::connect(url.expose(), options.clone()).await?,
        client: Client::connect(url.expose(), options.clone()).await?,
    })
}
