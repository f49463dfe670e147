//! The cluster of all rows.

use integration::faults::{bench::Verdict, judge::Findings, load::SendMode, program::Environment};
use testkit::cluster::Cluster;

/// The number of nodes.
pub const NODES: usize = 3;

/// The environment in which rows run, one after the other.
pub struct Bench {
    /// The nodes that a row may harm.
    pub cluster: Cluster,
    pub seed: u64,
    full: bool,
}

impl Environment for Bench {
    async fn start(seed: u64, full: bool) -> Self {
        Self {
            cluster: Cluster::start().await,
            seed,
            full,
        }
    }

    async fn prepare(&mut self) {
        self.cluster.restore().await;
    }
}

impl Bench {
    /// The number of faults: `short` in the short table, `full` in the full table.
    pub const fn times(&self, short: usize, full: usize) -> usize {
        if self.full { full } else { short }
    }

    /// Producers that do not wait for confirms.
    pub const fn stream(&self) -> SendMode {
        SendMode::Stream(if self.full { 400 } else { 150 })
    }

    /// Kills a node and starts it again after `meanwhile`.
    pub async fn while_down<T>(&mut self, node: usize, meanwhile: impl Future<Output = T>) -> T {
        self.cluster.node_mut(node).kill().await;
        let result = meanwhile.await;
        self.cluster.bring_back(&[node]).await;
        result
    }
}

/// The sum of the verdicts of several runs.
pub fn sum(verdicts: Vec<Verdict>) -> Verdict {
    let mut total = Verdict {
        injected: 0,
        recoveries: Vec::new(),
        findings: Findings::default(),
        has_optimistic_path: false,
    };
    for verdict in verdicts {
        total.injected += verdict.injected;
        total.recoveries.extend(verdict.recoveries);
        total.findings.confirmed += verdict.findings.confirmed;
        total.findings.lost += verdict.findings.lost;
        total.findings.doubled += verdict.findings.doubled;
        total.findings.out_of_order += verdict.findings.out_of_order;
        total.findings.wrong.extend(verdict.findings.wrong);
    }
    total
}
