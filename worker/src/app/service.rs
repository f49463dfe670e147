//! The worker as a whole: starts its parts, and drains them.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{Shared, StartError, jobs::Jobs, lanes::Lanes, worker_name};
use crate::{
    cache::{Balances, Mirror, Redis},
    clock::Clock,
    config::{Backend, Settings},
    monitor::{Health, Watched},
    position::Positions,
    read,
    store::Store,
    transport::amqp::{OtherLedger, PositionService},
};

/// A task, with its name in health checks.
type Task = (&'static str, JoinHandle<()>);

/// A running worker.
#[derive(Debug)]
pub struct Service {
    lanes: Lanes,
    /// Stops `tasks`.
    stop: CancellationToken,
    /// The watches on the settings and the server of the database, then scheduler and job runner.
    tasks: Vec<Task>,
    /// Remembers what the lanes commit, and stops after them; `None` on a file.
    remembering: Option<(CancellationToken, Task)>,
    /// The tasks that are aborted on drain: they have nothing to finish.
    background: Vec<Task>,
}

impl Service {
    /// Starts to serve `backend` with the ledger `store`. `health` then reports on the service.
    pub async fn start(
        settings: &Settings,
        backend: &Backend,
        store: Store,
        health: Option<&Health>,
    ) -> Result<Self, StartError> {
        let redis = redis(settings, backend)?;
        let ledger_id = match backend {
            Backend::Servers { .. } => Some(read::ledger_id(&store).await?),
            Backend::Embedded { .. } => None,
        };
        let shared = Shared {
            worker: worker_name(),
            catalog: Arc::new(settings.catalog()),
            clock: Clock::system()
                .checked(store.database().clone(), settings.worker.clock_limits()),
            store,
            redis,
            ledger_id,
        };
        let mirroring = shared.redis.clone().filter(|_| settings.redis.balances);
        let (mirror, mirror_task) = mirroring
            .map(|redis| start_mirror(&shared, Balances::new(redis)))
            .unzip();
        let positions = shared.ledger_id.filter(|_| shared.store.has_clock());
        let positions = positions.map(|ledger| Positions::new(ledger, shared.worker.as_str()));
        let lanes = Lanes::start(settings, backend, &shared, mirror, positions.clone()).await?;
        let remembering = positions
            .clone()
            .map(|positions| remember(settings, &shared, positions))
            .transpose()?;
        let mut background: Vec<Task> = Vec::new();
        background.extend(mirror_task.map(|task| ("mirror", task)));
        background.push(("clock", tokio::spawn(shared.clock.watch())));

        let stop = CancellationToken::new();
        let watch = shared.store.database().clone().watch_settings(stop.clone());
        let follow = shared.store.database().clone().watch_server(stop.clone());
        let mut tasks = vec![
            ("settings", tokio::spawn(watch)),
            ("server", tokio::spawn(follow)),
        ];
        let job_state = lanes.job_state();
        let jobs = Jobs::new(settings, backend, shared.clone(), job_state, stop.clone())?;
        tasks.push(("jobs", tokio::spawn(jobs.run_after(lanes.tried()))));
        let service = Self {
            lanes,
            stop,
            tasks,
            remembering,
            background,
        };
        if let Some(health) = health {
            health.watch(service.watched(settings, shared, positions));
        }
        Ok(service)
    }

    fn watched(
        &self,
        settings: &Settings,
        shared: Shared,
        positions: Option<Positions>,
    ) -> Watched {
        let remembering = self.remembering.iter().map(|(_, task)| task);
        let tasks = self.tasks.iter().chain(&self.background).chain(remembering);
        Watched {
            lanes: self.lanes.watch(),
            store: shared.store,
            positions,
            redis: shared.redis,
            clock: shared.clock,
            tasks: tasks
                .map(|(name, task)| (*name, task.abort_handle()))
                .collect(),
            stall_timeout: Watched::stall_timeout(settings.database.statement_timeout),
            slow_after: Watched::slow_after(settings.database.statement_timeout),
        }
    }

    /// Completes when the lanes serve commands.
    pub fn ready(&self) -> impl Future<Output = ()> + Send + 'static {
        self.lanes.ready()
    }

    /// Completes if the namespace belongs to another ledger. The worker must then end.
    pub fn refused(&self) -> impl Future<Output = OtherLedger> + Send + 'static {
        self.lanes.refused()
    }

    /// Stops the service: finishes the commands in progress, requeues the others, and ends all
    /// tasks. Returns whether everything finished within `deadline`.
    pub async fn drain(self, deadline: Duration) -> bool {
        let until = Instant::now() + deadline;
        self.stop.cancel();
        let mut in_time = true;
        for (_, mut task) in self.tasks {
            if timeout_at(until, &mut task).await.is_err() {
                task.abort();
                in_time = false;
            }
        }
        let left = until.saturating_duration_since(Instant::now());
        let drained = self.lanes.drain(left).await;
        if let Some((stop, (_, mut task))) = self.remembering {
            stop.cancel();
            // A lost position is replaced by that of the next commit.
            if timeout_at(until, &mut task).await.is_err() {
                task.abort();
            }
        }
        for (_, task) in self.background {
            task.abort();
        }
        in_time && drained
    }
}

/// Starts to remember what the lanes commit.
fn remember(
    settings: &Settings,
    shared: &Shared,
    positions: Positions,
) -> Result<(CancellationToken, Task), StartError> {
    let stop = CancellationToken::new();
    let service = PositionService {
        url: settings.queue_url()?.expose().to_owned(),
        topology: settings.topology()?,
        worker: shared.worker.clone(),
        positions,
        store: shared.store.clone(),
        retain: settings.recovery.retain,
        stop: stop.clone(),
    };
    Ok((stop, ("positions", tokio::spawn(service.run()))))
}

/// Opens Redis if it is configured. Only workers on servers use it.
fn redis(settings: &Settings, backend: &Backend) -> Result<Option<Redis>, StartError> {
    let url = settings.redis.url.as_ref();
    let url = url.filter(|_| matches!(backend, Backend::Servers { .. }));
    Ok(url
        .map(|url| Redis::new(url.expose(), &settings.namespace))
        .transpose()?)
}

/// Starts to write the balances of changed wallets to Redis.
fn start_mirror(shared: &Shared, balances: Balances) -> (Mirror, JoinHandle<()>) {
    Mirror::start(
        shared.store.clone(),
        balances,
        shared.catalog.rules.clone(),
        shared.clock.clone(),
    )
}
