//! The throw-away servers, and the rows of the table.

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    time::{Duration, Instant},
};

use futures_util::FutureExt;

use super::{
    dice::Dice,
    judge::Findings,
    stage::{Setup, Stage},
    table::{Groups, Row},
};
use crate::{process::take_logs, servers::Server};

/// Longer than any row takes for one of its faults, and for its beginning and end.
const PATIENCE: Duration = Duration::from_mins(4);

/// Servers that nobody else uses, so that they may be killed.
pub struct Servers {
    /// The database.
    pub postgres: Server,
    /// The broker.
    pub rabbitmq: Server,
    /// What can be done without.
    pub redis: Server,
}

/// What one row did and found.
pub struct Verdict {
    /// How often the fault was done.
    pub injected: usize,
    /// How long each recovery took.
    pub recoveries: Vec<Duration>,
    /// What was found in the end.
    pub findings: Findings,
    /// Whether groups can be committed the quick way here.
    pub has_quick_way: bool,
}

/// A row as it runs.
pub type Running<'a> = Pin<Box<dyn Future<Output = Verdict> + 'a>>;

/// One fault.
pub struct Fault {
    /// What is done, for the table.
    pub name: &'static str,
    /// Does it.
    pub run: for<'a> fn(&'a mut Bench) -> Running<'a>,
}

/// Where faults are done, one row after the other.
pub struct Bench {
    /// What they may harm.
    pub servers: Servers,
    /// Everything that is left to chance.
    pub dice: Dice,
    seed: u64,
    full: bool,
}

impl Bench {
    /// Starts the servers. `full`: many faults a row instead of a few.
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
            dice: Dice::new(seed),
            seed,
            full,
        }
    }

    /// How often a fault is done: in the short version of the table, in the full one.
    pub const fn times(&self, short: usize, full: usize) -> usize {
        if self.full { full } else { short }
    }

    /// A deployment under load.
    pub async fn stage(&mut self, setup: Setup) -> Stage<'_> {
        let seed = self.seed;
        Stage::build(&mut self.servers, &mut self.dice, seed, setup).await
    }

    /// Runs one row; what breaks in it is told in the row.
    pub async fn row(&mut self, fault: &Fault) -> Row {
        // Each row has the same numbers whichever rows run before it.
        self.dice = Dice::new(self.seed);
        take_logs();
        let began = Instant::now();
        let limit = PATIENCE * if self.full { 4 } else { 1 };
        let run = tokio::time::timeout(limit, (fault.run)(self));
        let (verdict, broke) = match AssertUnwindSafe(run).catch_unwind().await {
            Ok(Ok(verdict)) => (Some(verdict), None),
            Ok(Err(_)) => (None, Some(format!("not over after {limit:?}"))),
            Err(panic) => (None, Some(words(panic.as_ref()))),
        };
        let logs = take_logs();
        let groups = Groups::said_in(&logs);
        let (injected, recoveries, findings) = verdict.map_or_else(Default::default, |mut verdict| {
            if verdict.has_quick_way && (groups.quick == 0 || groups.careful == 0) {
                let wrong = format!("not both ways to commit a group were taken: {groups:?}");
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

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "it panicked".to_owned())
}
