//! The scheduler and the job runner of a worker, over either queue.

use std::{sync::Arc, time::Duration};

use producer_sdk::{Client, Options, Producer, contract::Topology};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{Shared, StartError};
use crate::{
    config::{Backend, Schedule, SecretUrl, Settings},
    jobs::scheduler::{JobQueue, Scheduler},
    jobs::{ANSWER_TIMEOUT, HoldCloser, Runner, WINDOW, serve_local},
    pipeline::chain,
    transport::amqp::{self, SharedState},
};

/// The number of job requests that may wait for the runner of the embedded default.
const WAITING_JOBS: usize = 16;
/// How long to wait after a failed connection of the jobs.
const RECONNECT_DELAY: Duration = Duration::from_secs(2);

/// Everything that scheduler and job runner need.
pub(super) struct Jobs {
    url: SecretUrl,
    /// Whether job requests go through the broker; otherwise through a channel of this process.
    amqp: bool,
    options: Options,
    topology: Topology,
    schedule: Schedule,
    shared: Shared,
    /// The state of the connection that receives job requests.
    state: Arc<SharedState>,
    stop: CancellationToken,
}

impl Jobs {
    /// The jobs of a worker; `state` shows whether they run, and `stop` stops them.
    pub fn new(
        settings: &Settings,
        backend: &Backend,
        shared: Shared,
        state: Arc<SharedState>,
        stop: CancellationToken,
    ) -> Result<Self, StartError> {
        let connection_name = format!("scrip jobs of {}", shared.worker);
        Ok(Self {
            url: settings.queue_url()?,
            amqp: matches!(backend, Backend::Servers { .. }),
            options: Options {
                // Larger than the number of open requests, because a send that waits for the window
                // can be overtaken.
                window: 2 * WINDOW,
                // Commands of the worker itself have no sender.
                name_sender: false,
                ledger_id: shared.ledger_id,
                ..settings.client_options(&connection_name)
            },
            topology: settings.topology()?,
            schedule: settings.schedule,
            shared,
            state,
            stop,
        })
    }

    /// Runs until `stop` is cancelled, from the time at which the lanes have `tried` to serve: then
    /// the commands of jobs are applied, except those for a queue that is unavailable.
    pub async fn run_after(self, tried: impl Future<Output = ()> + Send) {
        tokio::select! {
            () = self.stop.cancelled() => return,
            () = tried => {}
        }
        self.run().await;
    }

    async fn run(self) {
        let Some((client, producer)) = self.connect().await else {
            return;
        };
        let client = Arc::new(client);
        let shared = self.shared;
        let runner = Runner {
            database: shared.store.database().clone(),
            rules: shared.catalog.rules.clone(),
            client: client.clone(),
            clock: shared.clock.clone(),
            worker: shared.worker.clone(),
            answer_timeout: ANSWER_TIMEOUT,
            stop: self.stop.clone(),
        };
        let mut tasks = JoinSet::new();
        let queue = if self.amqp {
            tasks.spawn(amqp::jobs::serve(
                self.url.expose().to_owned(),
                self.topology.clone(),
                shared.ledger_id,
                runner,
                amqp::jobs::JobWait::default(),
                self.state,
            ));
            JobQueue::Amqp(Box::new(producer), self.topology)
        } else {
            let (sender, requests) = mpsc::channel(WAITING_JOBS);
            tasks.spawn(serve_local(runner, requests));
            if let Err(error) = producer.close().await {
                warn!(%error, "connection to the ledger file not closed cleanly");
            }
            JobQueue::Local(sender)
        };
        let closer = HoldCloser {
            database: shared.store.database().clone(),
            client: client.clone(),
            redis: shared.redis.clone(),
            clock: shared.clock.clone(),
            worker: shared.worker.clone(),
            stop: self.stop.clone(),
        };
        tasks.spawn(closer.run());
        let scheduler = Scheduler {
            schedule: self.schedule,
            database: shared.store.database().clone(),
            redis: shared.redis,
            queue,
            clock: shared.clock,
            worker: shared.worker,
            stop: self.stop,
        };
        tasks.spawn(scheduler.run());
        while tasks.join_next().await.is_some() {}
        if let Err(error) = client.close().await {
            warn!(%error, "connection of the jobs not closed cleanly");
        }
    }

    /// Connects to the queue, and retries until it succeeds. Returns `None` if the service stops.
    async fn connect(&self) -> Option<(Client, Producer)> {
        loop {
            let url = self.url.expose();
            let connected = async {
                if self.amqp {
                    // The scheduler publishes to this queue.
                    let queue = self.topology.jobs();
                    let declared =
                        amqp::topology::declare_one_at(url, &self.topology, &queue).await;
                    declared.map_err(|error| chain(&error))?;
                }
                let client = Client::connect(url, self.options.clone()).await;
                let client = client.map_err(|error| chain(&error))?;
                let producer = Producer::connect(url, self.options.clone()).await;
                let producer = producer.map_err(|error| chain(&error))?;
                Ok::<_, String>((client, producer))
            };
            tokio::select! {
                () = self.stop.cancelled() => return None,
                connected = connected => match connected {
                    Ok(connected) => return Some(connected),
                    Err(error) => {
                        warn!(error, "jobs cannot connect to the queue, retrying");
                        self.state.limited_by(error);
                    }
                },
            }
            tokio::select! {
                () = self.stop.cancelled() => return None,
                () = tokio::time::sleep(RECONNECT_DELAY) => {}
            }
        }
    }
}
