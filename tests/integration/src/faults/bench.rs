//! The throw-away servers of the table of faults.

use std::time::Duration;

use super::{
    fixture::{Fixture, Setup},
    judge::Findings,
    program::Environment,
    rng::Rng,
};
use testkit::servers::Server;

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
    /// Whether groups can be committed on the optimistic path in this row, and the log shows it.
    pub has_optimistic_path: bool,
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

impl Environment for Bench {
    async fn start(seed: u64, full: bool) -> Self {
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

    async fn prepare(&mut self) {
        // Each row gets the same random numbers, no matter which rows run before it.
        self.rng = Rng::new(self.seed);
    }
}

impl Bench {
    /// The number of faults: `short` in the short table, `full` in the full table.
    pub const fn times(&self, short: usize, full: usize) -> usize {
        if self.full { full } else { short }
    }

    /// A deployment under load.
    pub async fn fixture(&mut self, setup: Setup) -> Fixture<'_> {
        let seed = self.seed;
        Fixture::build(&mut self.servers, &mut self.rng, seed, setup).await
    }
}
