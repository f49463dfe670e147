//! What cases share: sizes, the large ledger, pgbench's database, the highest live rate that was seen.

use tests::db::TestDatabase;
use tokio::sync::OnceCell;

use crate::{case::Profile, large::Large, ledger::Ledger, pgbench};

/// How many of everything.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Messages that the broker alone drains.
    pub broker: usize,
    /// Commands in full queues.
    pub drain: usize,
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
        drain: 80_000,
        live: 40_000,
        plain: 3_000,
        embedded: 15_000,
        embedded_plain: 1_500,
        samples: 400,
        loaded_samples: 1_000,
        samples_a_second: 200,
        pgbench: 3,
        large: Large {
            wallets: 100_000,
            batches: 300_000,
            transactions: 1_000_000,
        },
    };
    const FULL: Self = Self {
        broker: 1_000_000,
        drain: 200_000,
        live: 100_000,
        plain: 8_000,
        embedded: 40_000,
        embedded_plain: 4_000,
        samples: 2_000,
        loaded_samples: 2_000,
        samples_a_second: 200,
        pgbench: 10,
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
    workloads: u32,
    large: OnceCell<Ledger>,
    pgbench: OnceCell<TestDatabase>,
    highest_live: f64,
}

impl Stage {
    /// For a profile.
    pub fn new(profile: Profile) -> Self {
        Self {
            sizes: match profile {
                Profile::Quick => Sizes::QUICK,
                Profile::Full => Sizes::FULL,
            },
            workloads: 0,
            large: OnceCell::new(),
            pgbench: OnceCell::new(),
            highest_live: 0.0,
        }
    }

    /// The number of a new workload.
    pub fn next_workload(&mut self) -> u32 {
        self.workloads += 1;
        self.workloads
    }

    /// The large ledger, filled when it is needed first.
    pub async fn large(&self) -> &Ledger {
        self.large.get_or_init(|| Ledger::large(&self.sizes.large)).await
    }

    /// pgbench's database, filled when it is needed first.
    pub async fn pgbench(&self) -> &TestDatabase {
        self.pgbench.get_or_init(pgbench::fill).await
    }

    /// Notes a live rate.
    pub fn seen_live(&mut self, rate: f64) {
        self.highest_live = self.highest_live.max(rate);
    }

    /// The highest live rate so far.
    pub fn highest_live(&self) -> f64 {
        self.highest_live
    }
}
