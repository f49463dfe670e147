//! The throw-away servers, and the run of one row of the table.

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    time::{Duration, Instant},
};

use futures_util::FutureExt;

use super::{
    fixture::{Fixture, Setup},
    judge::Findings,
    rng::Rng,
    table::{Groups, Row},
};
use testkit::{process::take_logs, servers::Server};

/// The time limit of a row in the short table.
const TIMEOUT: Duration = Duration::from_mins(4);

/// Servers that belong to this run only, so that it may kill them.
pub struct Servers {
    pub postgres: Server,
    pub rabbitmq: Server,
    /// A server that the worker can run without.
    pub redis: Server,
}

/// The result of one row.
pub struct Verdict {
    /// The number of injected faults.
    pub injected: usize,
    /// The duration of each recovery.
    pub recoveries: Vec<Duration>,
    pub findings: Findings,
    /// Whether groups can be committed on the optimistic path in this row.
    pub has_optimistic_path: bool,
}

/// The future of a running row.
pub type Running<'a> = Pin<Box<dyn Future<Output = Verdict> + 'a>>;

/// One fault.
pub struct Fault {
    /// The name in the table.
    pub name: &'static str,
    /// Runs the row.
    pub run: for<'a> fn(&'a mut Bench) -> Running<'a>,
}

/// The environment in which rows run, one after the other.
pub struct Bench {
    /// The servers that a row may harm.
    pub servers: Servers,
    /// The source of all random choices.
    pub rng: Rng,
    seed: u64,
    full: bool,
}

impl Bench {
    /// Starts the servers. With `full` a row injects many faults instead of a few.
    pub async fn start(seed: u64, full: bool) -> Self {
        let (postgres, rabbitmq, redis) = tokio::join!(
            Server::start("postgres"),
            Server::start("rabbitmq"),
            Server::start("redis"),
        );
        Self {
            servers: Servers {
                postgres,
                rabbitmq,
                redis,
            },
            rng: Rng::new(seed),
            seed,
            full,
        }
    }

    /// The number of faults: `short` in the short table, `full` in the full table.
    pub const fn times(&self, short: usize, full: usize) -> usize {
        if self.full { full } else { short }
    }

    /// A deployment under load.
    pub async fn fixture(&mut self, setup: Setup) -> Fixture<'_> {
        let seed = self.seed;
        Fixture::build(&mut self.servers, &mut self.rng, seed, setup).await
    }

    /// Runs one row. A panic or a timeout is reported in the row.
    pub async fn row(&mut self, fault: &Fault) -> Row {
        // Each row gets the same random numbers, no matter which rows run before it.
        self.rng = Rng::new(self.seed);
        take_logs();
        let began = Instant::now();
        let limit = TIMEOUT * if self.full { 4 } else { 1 };
        let run = tokio::time::timeout(limit, (fault.run)(self));
        let (verdict, broke) = match AssertUnwindSafe(run).catch_unwind().await {
            Ok(Ok(verdict)) => (Some(verdict), None),
            Ok(Err(_)) => (None, Some(format!("not finished after {limit:?}"))),
            Err(panic) => (None, Some(panic_message(panic.as_ref()))),
        };
        let logs = take_logs();
        let groups = Groups::from_logs(&logs);
        let (injected, recoveries, findings) =
            verdict.map_or_else(Default::default, |mut verdict| {
                if verdict.has_optimistic_path
                    && (groups.optimistic == 0 || groups.pessimistic == 0)
                {
                    let wrong = format!("groups were not committed on both paths: {groups:?}");
                    verdict.findings.wrong.push(wrong);
                }
                (verdict.injected, verdict.recoveries, verdict.findings)
            });
        Row {
            logs,
            fault: fault.name.to_owned(),
            injected,
            findings,
            recoveries,
            groups,
            broke,
            took: began.elapsed(),
        }
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "the row panicked".to_owned())
}
