//! What cases share: sizes, the large ledger, pgbench's database, the usual live rate, notes.

use std::sync::Arc;

use tests::db::TestDatabase;
use tokio::sync::OnceCell;

use crate::{
    case::Profile,
    large::{self, Large},
    ledger::Ledger,
    pgbench,
    series::Series,
};

/// How many of everything.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Messages that the broker alone drains.
    pub broker: usize,
    /// Commands in full queues.
    pub drain: usize,
    /// The same where the large ledger is compared with an empty one: so many that what is paid once for each user, reading him
    /// and the first change of a page after a checkpoint, is not most of it.
    pub long_drain: usize,
    /// Commands that are published while they are applied.
    pub live: usize,
    /// Commands, one transaction each.
    pub plain: usize,
    pub embedded: usize,
    pub embedded_plain: usize,
    /// Requests of which the latency is taken one by one.
    pub samples: usize,
    /// Requests that are sent one by one besides other load, and how many a second.
    pub loaded_samples: u32,
    pub samples_a_second: u32,
    /// How long pgbench runs, in seconds.
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
        samples_a_second: 200,
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
        samples_a_second: 200,
        pgbench: 5,
        large: Large {
            wallets: 1_000_000,
            batches: 3_000_000,
            transactions: 10_000_000,
        },
    };
}

/// What cases share.
pub struct Stage {
    pub sizes: Sizes,
    /// Live rates of the usual two lanes.
    pub usual_live: Series,
    /// What is to be told besides the figures.
    pub notes: Vec<String>,
    workloads: u32,
    large: OnceCell<Arc<TestDatabase>>,
    pgbench: OnceCell<TestDatabase>,
}

impl Stage {
    /// For a profile.
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

    /// The large ledger, filled when it is needed first, and opened anew.
    pub async fn large(&self) -> Ledger {
        let fill = || async { Arc::new(large::fill(&self.sizes.large).await) };
        Ledger::open(self.large.get_or_init(fill).await.clone()).await
    }

    /// pgbench's database, filled when it is needed first.
    pub async fn pgbench(&self) -> &TestDatabase {
        self.pgbench.get_or_init(pgbench::fill).await
    }
}
