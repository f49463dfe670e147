//! The performance targets, as ratios of two figures of one run.

/// A target for the ratio of two figures.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    pub name: &'static str,
    /// The name of the numerator.
    pub figure: &'static str,
    /// The name of the denominator.
    pub to: &'static str,
    /// The bound that must be reached.
    pub solid: f64,
    /// The bound that should be reached.
    pub goal: f64,
    pub less_is_better: bool,
}

const fn more(
    name: &'static str,
    figure: &'static str,
    to: &'static str,
    solid: f64,
    goal: f64,
) -> Target {
    Target {
        name,
        figure,
        to,
        solid,
        goal,
        less_is_better: false,
    }
}

/// All targets.
pub const ALL: [Target; 12] = [
    more(
        "drain, 2 lanes : broker alone",
        "drain-2",
        "broker-drain",
        0.25,
        0.45,
    ),
    more(
        "live : broker alone live",
        "live-2",
        "broker-live",
        0.5,
        0.8,
    ),
    more(
        "drain : one transaction per command",
        "drain-2",
        "plain",
        15.0,
        25.0,
    ),
    more(
        "drain : pgbench TPC-B prepared",
        "drain-2",
        "pgbench",
        6.0,
        12.0,
    ),
    more("hot wallet : uniform", "drain-hot", "drain-2", 1.0, 1.5),
    more(
        "large ledger : empty ledger",
        "drain-large",
        "drain-long",
        0.7,
        0.9,
    ),
    more(
        "holds and captures : drain",
        "drain-holds",
        "drain-2",
        0.6,
        0.8,
    ),
    more(
        "groups of 10 : one transaction per command",
        "drain-groups-10",
        "plain",
        3.0,
        6.0,
    ),
    Target {
        less_is_better: true,
        ..more(
            "outcome, idle, p50 : bare echo",
            "outcome-idle p50",
            "echo p50",
            2.2,
            1.6,
        )
    },
    more(
        "accepted over HTTP : published by the SDK",
        "http-batch",
        "sdk-publish",
        0.5,
        0.8,
    ),
    Target {
        less_is_better: true,
        ..more(
            "outcome over HTTP, idle, p50 : outcome, idle",
            "http-outcome p50",
            "outcome-idle p50",
            1.5,
            1.2,
        )
    },
    more(
        "embedded : plain SQLite transaction",
        "embedded-drain",
        "embedded-plain",
        8.0,
        15.0,
    ),
];

impl Target {
    /// The bound that a ratio reaches: `goal`, `solid` or `missed`.
    pub fn reached(&self, ratio: f64) -> &'static str {
        let within = |bound: f64| {
            if self.less_is_better {
                ratio <= bound
            } else {
                ratio >= bound
            }
        };
        match (within(self.goal), within(self.solid)) {
            (true, _) => "goal",
            (false, true) => "solid",
            (false, false) => "missed",
        }
    }
}
