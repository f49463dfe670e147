//! The cases of the benchmark, with their measurements and units.

use clap::ValueEnum;

use crate::{
    broker_alone, cases, echo, embedded,
    fixture::Fixture,
    http, latency, pgbench, plain, processes,
    scrip::{self, Setup},
    workload::{Users, Workload},
};

/// A set of cases and their sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Profile {
    /// The cases that the targets compare; takes a few minutes
    Quick,
    /// All cases, with more commands and on a larger ledger; takes much longer
    Full,
}

/// The unit of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Commands per second.
    Rate,
    /// The 50th, 99th and 99.9th percentile in milliseconds.
    Latency,
    /// Seconds.
    Time,
    /// Microseconds of processor time per command, for each process involved.
    Cost,
}

impl Unit {
    /// The names of a case's figures, to be appended to the name of the case.
    pub const fn parts(self) -> &'static [&'static str] {
        match self {
            Self::Rate | Self::Time => &[""],
            Self::Latency => &[" p50", " p99", " p99.9"],
            Self::Cost => &[": worker and load", ": database", ": broker"],
        }
    }

    /// The symbol after a figure.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Rate => "/s",
            Self::Latency => "ms",
            Self::Time => "s",
            Self::Cost => "µs",
        }
    }

    /// A figure with its significant digits.
    pub fn figure(self, value: f64) -> String {
        match self {
            Self::Rate => format!("{value:.0}"),
            Self::Latency | Self::Time | Self::Cost => format!("{value:.2}"),
        }
    }
}

/// The measurement of a case.
#[derive(Clone, Copy, Debug)]
pub enum Measurement {
    /// The rate of the broker alone: a worker that only acknowledges drains a full queue.
    BrokerDrain,
    /// The rate of the broker alone while commands are published, confirmed, delivered and
    /// acknowledged at the same time.
    BrokerLive,
    /// The latency of a request and its reply over the broker, without a ledger. The value is the
    /// load during the measurement, as a percentage of the usual live rate.
    Echo(u32),
    /// The rate of a worker with one transaction per command, from a full queue.
    Plain,
    /// The rate of pgbench with prepared TPC-B transactions.
    Pgbench,
    /// The rate at which Scrip's lanes drain full queues.
    Drain(Setup),
    /// The processor time while Scrip's lanes drain full queues.
    Cost(Setup),
    /// The rate at which Scrip's lanes apply commands while they are published.
    Live(Setup),
    /// The latency of a command and its outcome. The value is the load during the measurement, as a
    /// percentage of the usual live rate.
    Outcome(u32),
    /// The rate at which the HTTP API accepts batches of commands.
    HttpBatch,
    /// The rate at which the SDK publishes the same batches.
    SdkPublish,
    /// The latency of a command and its outcome over the HTTP API, without other load.
    HttpOutcome,
    /// The rate of one transaction per command on SQLite, without a queue.
    EmbeddedPlain,
    /// The rate at which Scrip drains the queue of an SQLite file.
    EmbeddedDrain,
    /// The rate at which Scrip applies commands of an SQLite file while they are enqueued.
    EmbeddedLive,
    /// The rate at which this number of `scrip` processes drain eight full queues.
    Processes(usize),
    /// The time for which the queues of a killed process have no worker.
    Takeover,
}

/// A case of the benchmark.
#[derive(Debug)]
pub struct Case {
    pub name: &'static str,
    pub description: &'static str,
    /// The smallest profile that contains the case.
    pub profile: Profile,
    pub unit: Unit,
    pub measurement: Measurement,
}

impl Case {
    /// Measures the case once. Returns a figure for each of the unit's parts.
    pub async fn run(&self, fixture: &mut Fixture) -> Vec<f64> {
        let sizes = fixture.sizes;
        let over = |users, fixture: &mut Fixture, commands| {
            Workload::consume(fixture, Users::Uniform(users), commands)
        };
        let uniform = |fixture: &mut Fixture, commands| over(10_000, fixture, commands);
        let few = |fixture: &mut Fixture, commands| over(1_000, fixture, commands);
        match self.measurement {
            Measurement::BrokerDrain => {
                vec![broker_alone::drain(&uniform(fixture, sizes.broker)).await]
            }
            Measurement::BrokerLive => {
                vec![broker_alone::live(&uniform(fixture, sizes.live)).await]
            }
            Measurement::Echo(percent) => {
                let load = load(fixture, percent).await;
                latency::parts(echo::run(fixture, load).await)
            }
            Measurement::Plain => vec![plain::run(&uniform(fixture, sizes.plain)).await],
            Measurement::Pgbench => vec![pgbench::run(fixture).await],
            Measurement::Drain(setup) => vec![scrip::drain(fixture, &setup).await.rate],
            Measurement::Cost(setup) => scrip::drain(fixture, &setup).await.cost,
            Measurement::Live(setup) => {
                let rate = scrip::live(fixture, &setup).await;
                if setup == cases::USUAL {
                    fixture.usual_live.add(rate);
                }
                vec![rate]
            }
            Measurement::Outcome(percent) => {
                let load = load(fixture, percent).await;
                latency::parts(latency::run(fixture, load).await)
            }
            Measurement::HttpBatch => {
                vec![http::over_http(&uniform(fixture, sizes.drain)).await]
            }
            Measurement::SdkPublish => vec![http::over_sdk(&uniform(fixture, sizes.drain)).await],
            Measurement::HttpOutcome => latency::parts(http::outcome(fixture).await),
            Measurement::EmbeddedPlain => {
                vec![embedded::plain(&few(fixture, sizes.embedded_plain)).await]
            }
            Measurement::EmbeddedDrain => {
                vec![embedded::drain(&few(fixture, sizes.embedded)).await]
            }
            Measurement::EmbeddedLive => vec![embedded::live(&few(fixture, sizes.embedded)).await],
            Measurement::Processes(workers) => {
                vec![processes::drain(&uniform(fixture, sizes.drain), workers).await]
            }
            Measurement::Takeover => vec![processes::takeover(fixture).await],
        }
    }

    /// The figures of one measurement as text.
    pub fn describe(&self, measured: &[f64]) -> String {
        let figures = measured.iter().zip(self.unit.parts()).map(|(value, part)| {
            format!("{}{}{part}", self.unit.figure(*value), self.unit.symbol())
        });
        figures.collect::<Vec<_>>().join(", ")
    }
}

/// `percent` percent of the median of the usual live rates so far. If there is none, the rate is
/// measured now.
async fn load(fixture: &mut Fixture, percent: u32) -> f64 {
    if percent == 0 {
        return 0.0;
    }
    if fixture.usual_live.is_empty() {
        let rate = scrip::live(fixture, &cases::USUAL).await;
        fixture.usual_live.add(rate);
    }
    fixture.usual_live.median() * f64::from(percent) / 100.0
}
