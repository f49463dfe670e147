//! The state that cases share: sizes, the large ledger, pgbench's database, the usual live rate and
//! notes.

use std::sync::Arc;

use testkit::db::TestDatabase;
use tokio::sync::OnceCell;

use crate::{
    case::Profile,
    large::{self, Large},
    ledger::Ledger,
    pgbench,
    series::Series,
};

/// The sizes of a profile. Most of them are numbers of commands.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// The number of messages that are drained from the broker alone.
    pub broker: usize,
    /// The number of commands in full queues.
    pub drain: usize,
    /// The number of commands in full queues if the large ledger is compared with an empty one. It
    /// is large because of the costs that arise once per user: the read of the wallet, and the
    /// first change of a page after a checkpoint. They must not dominate the figure.
    pub long_drain: usize,
    /// The number of commands that are published while they are applied.
    pub live: usize,
    /// The number of commands with one transaction each.
    pub plain: usize,
    pub embedded: usize,
    pub embedded_plain: usize,
    /// The number of latency samples without other load.
    pub samples: usize,
    /// The number of latency samples under load.
    pub loaded_samples: u32,
    /// The number of latency samples per second under load.
    pub samples_per_second: u32,
    /// The duration of pgbench in seconds.
    pub pgbench: u32,
    pub large: Large,
}

impl Sizes {
    const QUICK: Self = Self {
        broker: 100_000,
        drain: 60_000,
        long_drain: 60_000,
        live: 30_000,
        plain: 2_000,
        embedded: 12_000,
        embedded_plain: 1_000,
        samples: 300,
        loaded_samples: 1_000,
        samples_per_second: 200,
        pgbench: 2,
        large: Large {
            wallets: 50_000,
            batches: 150_000,
            transactions: 500_000,
        },
    };
    const FULL: Self = Self {
        broker: 1_000_000,
        drain: 100_000,
        long_drain: 300_000,
        live: 60_000,
        plain: 4_000,
        embedded: 20_000,
        embedded_plain: 2_000,
        samples: 1_000,
        loaded_samples: 1_000,
        samples_per_second: 200,
        pgbench: 5,
        large: Large {
            wallets: 1_000_000,
            batches: 3_000_000,
            transactions: 10_000_000,
        },
    };
}

/// The state that cases share.
pub struct Fixture {
    pub sizes: Sizes,
    /// The live rates of the usual setup so far.
    pub usual_live: Series,
    /// Remarks for the report.
    pub notes: Vec<String>,
    workloads: u32,
    large: OnceCell<Arc<TestDatabase>>,
    pgbench: OnceCell<TestDatabase>,
}

impl Fixture {
    /// The state of a new run of a profile.
    pub fn new(profile: Profile) -> Self {
        Self {
            sizes: match profile {
                Profile::Quick => Sizes::QUICK,
                Profile::Full => Sizes::FULL,
            },
            usual_live: Series::default(),
            notes: Vec::new(),
            workloads: 0,
            large: OnceCell::new(),
            pgbench: OnceCell::new(),
        }
    }

    /// The number of a new workload.
    pub fn next_workload(&mut self) -> u32 {
        self.workloads += 1;
        self.workloads
    }

    /// Opens the large ledger. The first call also fills it.
    pub async fn large(&self) -> Ledger {
        let fill = || async { Arc::new(large::fill(&self.sizes.large).await) };
        Ledger::open(self.large.get_or_init(fill).await.clone()).await
    }

    /// The database of pgbench. The first call also fills it.
    pub async fn pgbench(&self) -> &TestDatabase {
        self.pgbench.get_or_init(pgbench::fill).await
    }
}
