//! The worker as a whole: wires its parts, runs them, and drains them.

use std::{future::pending, sync::Arc, time::Duration};

use producer_sdk::{Client, Options, Producer, contract::JobRequest};
use tokio::{
    sync::mpsc,
    task::{JoinHandle, JoinSet},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;

use super::{
    context::Context,
    failure::{Doing, Failure},
    publish,
};
use crate::{
    cache::{Balances, Mirror, Redis},
    catalog::Catalog,
    clock::Clock,
    config::{Backend, SecretUrl},
    jobs::scheduler::{JobQueue, Scheduler},
    jobs::{PATIENCE, Runner, WINDOW},
    monitor::{self, Health, LOOK_EVERY, Watched},
    queries::StoreQueryHandler,
    store::{Claim, Store},
    store_ledger::StoreLedger,
    transport::amqp::{self, Drained, Inbound, InboundOptions, OtherLedger},
    transport::embedded::{Embedded, EmbeddedOptions},
};

/// The number of job requests that may wait for the runner of the embedded default.
const WAITING_JOBS: usize = 16;
/// How long to wait after a failed connection of the jobs.
const RECONNECT_DELAY: Duration = Duration::from_secs(2);

/// A running worker.
#[derive(Debug)]
pub struct Service {
    inbound: Lanes,
    /// Stops scheduler and jobs.
    stop: CancellationToken,
    /// The watch on the settings of the database, then scheduler and job runner.
    tasks: Vec<JoinHandle<()>>,
    /// Writes balances to Redis; aborted on drain.
    mirror: Option<JoinHandle<()>>,
    clock: Clock,
    /// Compares the clocks; aborted on drain.
    clock_watch: JoinHandle<()>,
}

#[derive(Debug)]
enum Lanes {
    Amqp(Inbound),
    Embedded(Embedded),
}

impl Service {
    /// Starts to serve `backend` with the ledger `store`. `health` then reports on the service.
    pub async fn start(
        context: &Context,
        backend: &Backend,
        store: Store,
        health: Option<&Health>,
    ) -> Result<Self, Failure> {
        let catalog = Arc::new(context.settings.catalog());
        let worker = worker_name();
        let clock = Clock::system().checked(store.clone(), context.settings.worker.clock_limits());
        let redis = redis(context, backend)?;
        let mut mirror = None;
        let ledger_id = match backend {
            Backend::Servers { .. } => Some(store.ledger_id().await?),
            Backend::Embedded { .. } => None,
        };
        let inbound = match backend {
            Backend::Servers { amqp, .. } => {
                let has_balances = |_: &Redis| context.settings.redis.balances;
                let mirroring = redis.clone().filter(has_balances).map(|redis| {
                    Mirror::start(
                        store.clone(),
                        Balances::new(redis),
                        catalog.rules.clone(),
                        clock.clone(),
                    )
                });
                let (mirrored, task) = mirroring.unzip();
                mirror = task;
                let options = InboundOptions {
                    group_max: context.settings.worker.group_max,
                    prefer: context.settings.worker.prefer.clone(),
                    look_every: Some(LOOK_EVERY),
                    ledger_id,
                    clock: clock.clone(),
                    senders: Arc::new(context.settings.senders.policy.clone()),
                    ..InboundOptions::new(amqp.expose(), context.topology()?, worker.as_str())
                };
                let query_handler = Arc::new(StoreQueryHandler::new(
                    store.clone(),
                    catalog.clone(),
                    mirrored.clone(),
                ));
                let ledger = Arc::new(StoreLedger::new(
                    store.clone(),
                    catalog.rules.clone(),
                    mirrored,
                ));
                Lanes::Amqp(Inbound::start(options, ledger, query_handler)?)
            }
            Backend::Embedded { .. } => {
                let options = EmbeddedOptions {
                    url: context.settings.ledger_url()?.expose().to_owned(),
                    worker: worker.clone(),
                    group_max: context.settings.worker.group_max,
                    clock: clock.clone(),
                };
                let embedded = Embedded::start(options, store.clone(), catalog.clone())
                    .await
                    .doing("serve the embedded queue")?;
                Lanes::Embedded(embedded)
            }
        };
        let mut service = Self {
            inbound,
            stop: CancellationToken::new(),
            tasks: Vec::new(),
            mirror,
            clock_watch: tokio::spawn(clock.watch()),
            clock,
        };
        let watch = store.clone().watch_settings(service.stop.clone());
        service.tasks.push(tokio::spawn(watch));
        let ready = service.ready_later();
        service.start_jobs(
            context,
            backend,
            &worker,
            store.clone(),
            &catalog,
            (redis.clone(), ledger_id, ready),
        )?;
        if let Some(health) = health {
            health.watch(service.watched(context, store, redis));
        }
        Ok(service)
    }

    /// Spawns scheduler and job runner. They start when the lanes serve.
    fn start_jobs(
        &mut self,
        context: &Context,
        backend: &Backend,
        worker: &str,
        store: Store,
        catalog: &Catalog,
        (redis, ledger_id, ready): (
            Option<Redis>,
            Option<Uuid>,
            impl Future<Output = ()> + Send + 'static,
        ),
    ) -> Result<(), Failure> {
        let setup = Jobs {
            url: context.settings.queue_url()?,
            amqp: matches!(backend, Backend::Servers { .. }),
            options: Options {
                // Larger than the number of open requests, because a send that waits for the window
                // can be overtaken.
                window: 2 * WINDOW,
                // Commands of the worker itself have no sender.
                name_sender: false,
                ..publish::options(context, &format!("scrip jobs of {worker}"))
            },
            topology: context.topology()?,
            ledger_id,
            schedule: context.settings.schedule,
            rules: catalog.rules.clone(),
            store,
            clock: self.clock.clone(),
            redis,
            worker: worker.to_owned(),
            stop: self.stop.clone(),
        };
        self.tasks.push(tokio::spawn(async move {
            // When the lanes serve, the queue of jobs is declared, and the commands of jobs are
            // applied.
            tokio::select! {
                () = setup.stop.cancelled() => return,
                () = ready => {}
            }
            setup.run().await;
        }));
        Ok(())
    }

    fn watched(&self, context: &Context, store: Store, redis: Option<Redis>) -> Watched {
        let lanes = match &self.inbound {
            Lanes::Amqp(inbound) => monitor::Lanes::Amqp(inbound.watch()),
            Lanes::Embedded(embedded) => monitor::Lanes::Embedded(embedded.watch()),
        };
        let names = ["settings", "jobs"];
        let tasks = names.iter().zip(&self.tasks);
        let tasks = tasks.map(|(name, task)| (*name, task.abort_handle()));
        let mirror = self
            .mirror
            .iter()
            .map(|task| ("mirror", task.abort_handle()));
        let clock = [("clock", self.clock_watch.abort_handle())];
        Watched {
            lanes,
            store,
            redis,
            clock: self.clock.clone(),
            tasks: tasks.chain(mirror).chain(clock).collect(),
            patience: Watched::patience(context.settings.database.statement_timeout),
        }
    }

    /// Returns when the lanes serve commands.
    pub async fn ready(&self) {
        self.ready_later().await;
    }

    fn ready_later(&self) -> impl Future<Output = ()> + Send + 'static {
        let (amqp, embedded) = match &self.inbound {
            Lanes::Amqp(inbound) => (Some(inbound.ready()), None),
            Lanes::Embedded(embedded) => (None, Some(embedded.ready())),
        };
        async move {
            if let Some(ready) = amqp {
                ready.await;
            }
            if let Some(ready) = embedded {
                ready.await;
            }
        }
    }

    /// Returns if the namespace belongs to another ledger. The worker must then end.
    pub fn refused(&self) -> impl Future<Output = OtherLedger> + Send + 'static {
        let refused = match &self.inbound {
            Lanes::Amqp(inbound) => Some(inbound.refused()),
            Lanes::Embedded(_) => None,
        };
        async move {
            match refused {
                Some(refused) => refused.await,
                None => pending().await,
            }
        }
    }

    /// Stops the service: finishes the commands in progress, requeues the others, and ends all
    /// tasks. Returns whether everything finished within `deadline`.
    pub async fn drain(self, deadline: Duration) -> bool {
        let until = Instant::now() + deadline;
        self.stop.cancel();
        let mut in_time = true;
        for mut task in self.tasks {
            if timeout_at(until, &mut task).await.is_err() {
                task.abort();
                in_time = false;
            }
        }
        let left = until.saturating_duration_since(Instant::now());
        let drained = match self.inbound {
            Lanes::Amqp(inbound) => inbound.drain(left).await == Drained::Clean,
            Lanes::Embedded(embedded) => embedded.drain(left).await,
        };
        if let Some(mirror) = self.mirror {
            mirror.abort();
        }
        self.clock_watch.abort();
        in_time && drained
    }
}

/// Everything that scheduler and job runner need.
struct Jobs {
    url: SecretUrl,
    /// Whether job requests go through the broker; otherwise through a channel of this process.
    amqp: bool,
    options: Options,
    topology: producer_sdk::contract::Topology,
    ledger_id: Option<Uuid>,
    schedule: crate::config::Schedule,
    rules: Arc<ledger::Rules>,
    store: Store,
    clock: Clock,
    redis: Option<Redis>,
    worker: String,
    stop: CancellationToken,
}

impl Jobs {
    async fn run(self) {
        let stop = self.stop.clone();
        let Some((client, producer)) = self.connect().await else {
            return;
        };
        let runner = Runner {
            store: self.store.clone(),
            rules: self.rules.clone(),
            client: Arc::new(client),
            clock: self.clock.clone(),
            worker: self.worker.clone(),
            patience: PATIENCE,
            stop: stop.clone(),
        };
        let client = runner.client.clone();
        let mut tasks = JoinSet::new();
        let queue = if self.amqp {
            let url = self.url.expose().to_owned();
            tasks.spawn(amqp::jobs::serve(
                url,
                self.topology.clone(),
                self.ledger_id,
                runner,
                amqp::jobs::JobWait::default(),
            ));
            JobQueue::Amqp(Box::new(producer), self.topology)
        } else {
            let (sender, requests) = mpsc::channel(WAITING_JOBS);
            tasks.spawn(run_local(runner, requests));
            if let Err(error) = producer.close().await {
                warn!(%error, "connection to the ledger file not closed cleanly");
            }
            JobQueue::Local(sender)
        };
        let scheduler = Scheduler {
            schedule: self.schedule,
            store: self.store,
            redis: self.redis,
            queue,
            clock: self.clock,
            worker: self.worker,
            stop,
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
                let client = Client::connect(url, self.options.clone()).await?;
                let producer = Producer::connect(url, self.options.clone()).await?;
                Ok::<_, producer_sdk::Error>((client, producer))
            };
            tokio::select! {
                () = self.stop.cancelled() => return None,
                connected = connected => match connected {
                    Ok(connected) => return Some(connected),
                    Err(error) => warn!(%error, "jobs cannot connect to the queue, retrying"),
                },
            }
            tokio::select! {
                () = self.stop.cancelled() => return None,
                () = tokio::time::sleep(RECONNECT_DELAY) => {}
            }
        }
    }
}

/// Runs the requested jobs of the embedded default, one at a time.
async fn run_local(runner: Runner, mut requests: mpsc::Receiver<JobRequest>) {
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

/// Opens Redis if it is configured. Only workers on servers use it.
fn redis(context: &Context, backend: &Backend) -> Result<Option<Redis>, Failure> {
    let url = context.settings.redis.url.as_ref();
    let url = url.filter(|_| matches!(backend, Backend::Servers { .. }));
    url.map(|url| Redis::new(url.expose(), &context.settings.namespace))
        .transpose()
        .doing("use redis.url")
}

/// A unique name for this worker: host name, process id and a random suffix.
pub fn worker_name() -> String {
    let host = host_name();
    let host = if host.is_empty() { "worker" } else { &host };
    let random = Uuid::now_v7().simple().to_string();
    format!("{host}-{}-{}", std::process::id(), &random[26..])
}

/// The host name of this machine; empty if the system does not provide it.
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}
