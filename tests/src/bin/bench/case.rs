//! A case: one thing that is measured.

use clap::ValueEnum;

use crate::{
    broker_alone, cases, echo, embedded, latency, pgbench, plain, processes,
    scrip::{self, Setup},
    stage::Stage,
    workload::{Users, Workload},
};

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Profile {
    /// The cases that the targets compare; a few minutes.
    Quick,
    /// Everything, with more commands and on a larger ledger; much longer.
    Full,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// So many a second.
    Rate,
    /// So many milliseconds: the 50th, 99th and 99.9th of hundred.
    Latency,
    /// So many seconds.
    Time,
    /// So many microseconds of processor time a command, for each of those who work on it.
    Cost,
}

impl Unit {
    /// What the figures of a case are called, besides the case's own name.
    pub const fn parts(self) -> &'static [&'static str] {
        match self {
            Self::Rate | Self::Time => &[""],
            Self::Latency => &[" p50", " p99", " p99.9"],
            Self::Cost => &[": worker and load", ": database", ": broker"],
        }
    }

    /// What stands behind a figure.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Rate => "/s",
            Self::Latency => "ms",
            Self::Time => "s",
            Self::Cost => "µs",
        }
    }

    /// A figure with as many digits as mean something.
    pub fn figure(self, value: f64) -> String {
        match self {
            Self::Rate => format!("{value:.0}"),
            Self::Latency | Self::Time | Self::Cost => format!("{value:.2}"),
        }
    }
}

/// How a case is measured.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    /// The broker alone: a full queue is drained by a worker that only acknowledges.
    BrokerDrain,
    /// The broker alone: commands are published, confirmed, delivered and acknowledged at once.
    BrokerLive,
    /// A request and its reply over the broker, with nobody's ledger in between, while so many percent of the usual live rate
    /// are published besides.
    Echo(u32),
    /// One transaction for each command, from a full queue.
    Plain,
    /// pgbench, TPC-B, prepared.
    Pgbench,
    /// Scrip's lanes drain full queues.
    Drain(Setup),
    /// The processor time of that.
    Cost(Setup),
    /// Scrip's lanes apply what is being published.
    Live(Setup),
    /// A command and its outcome, while so many percent of the usual live rate are published besides.
    Outcome(u32),
    /// One transaction for each command on SQLite, without a queue.
    EmbeddedPlain,
    /// Scrip drains the queue in a SQLite file.
    EmbeddedDrain,
    /// The same, while commands are put into the queue.
    EmbeddedLive,
    /// So many processes of `scrip` drain eight full queues.
    Processes(usize),
    /// How long a killed process's queues are without a worker.
    Takeover,
}

/// One thing that is measured.
#[derive(Debug)]
pub struct Case {
    pub name: &'static str,
    pub what: &'static str,
    /// The smallest profile that has it.
    pub profile: Profile,
    pub unit: Unit,
    pub way: Way,
}

impl Case {
    /// Measures it once: a figure for each of the unit's parts.
    pub async fn run(&self, stage: &mut Stage) -> Vec<f64> {
        let sizes = stage.sizes;
        let over =
            |users, stage: &mut Stage, commands| Workload::consume(stage, Users::Uniform(users), commands);
        let uniform = |stage: &mut Stage, commands| over(10_000, stage, commands);
        let few = |stage: &mut Stage, commands| over(1_000, stage, commands);
        match self.way {
            Way::BrokerDrain => vec![broker_alone::drain(&uniform(stage, sizes.broker)).await],
            Way::BrokerLive => vec![broker_alone::live(&uniform(stage, sizes.live)).await],
            Way::Echo(percent) => {
                let load = load(stage, percent).await;
                latency::parts(echo::run(stage, load).await)
            }
            Way::Plain => vec![plain::run(&uniform(stage, sizes.plain)).await],
            Way::Pgbench => vec![pgbench::run(stage).await],
            Way::Drain(setup) => vec![scrip::drain(stage, &setup).await.rate],
            Way::Cost(setup) => scrip::drain(stage, &setup).await.cost,
            Way::Live(setup) => {
                let rate = scrip::live(stage, &setup).await;
                if setup == cases::USUAL {
                    stage.usual_live.add(rate);
                }
                vec![rate]
            }
            Way::Outcome(percent) => {
                let load = load(stage, percent).await;
                latency::parts(latency::run(stage, load).await)
            }
            Way::EmbeddedPlain => vec![embedded::plain(&few(stage, sizes.embedded_plain)).await],
            Way::EmbeddedDrain => vec![embedded::drain(&few(stage, sizes.embedded)).await],
            Way::EmbeddedLive => vec![embedded::live(&few(stage, sizes.embedded)).await],
            Way::Processes(workers) => vec![processes::drain(&uniform(stage, sizes.drain), workers).await],
            Way::Takeover => vec![processes::takeover(stage).await],
        }
    }

    /// The figures of one measurement, for people.
    pub fn tell(&self, measured: &[f64]) -> String {
        let told = measured
            .iter()
            .zip(self.unit.parts())
            .map(|(value, part)| format!("{}{}{part}", self.unit.figure(*value), self.unit.symbol()));
        told.collect::<Vec<_>>().join(", ")
    }
}

/// So many percent of the median of the usual live rates so far. Where there are none, one is taken now.
async fn load(stage: &mut Stage, percent: u32) -> f64 {
    if percent == 0 {
        return 0.0;
    }
    if stage.usual_live.is_empty() {
        let rate = scrip::live(stage, &cases::USUAL).await;
        stage.usual_live.add(rate);
    }
    stage.usual_live.median() * f64::from(percent) / 100.0
}
