//! `[worker]`: how a worker takes commands from the queue.

use std::{ops::RangeInclusive, time::Duration};

use producer_sdk::contract::BUCKETS;
use toml::{Table, Value};

use super::{duration, section::Section};
use crate::clock::ClockLimits;

const MAX_GROUP: u32 = 10_000;
/// The upper bound of a century means no limit.
const CLOCK_LIMITS: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_hours(24 * 36_500);

/// How a worker takes commands from the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// Number of command queues. It is the same for every worker of a namespace.
    pub shards: u32,
    /// Shards on which the worker registers at once. It registers on the others after a delay.
    pub prefer: Vec<u32>,
    /// Maximum of commands in a group.
    pub group_max: u16,
    /// Maximum time for the running groups and their replies when the worker stops.
    pub drain_timeout: Duration,
    /// Difference between the clocks of this machine and the database above which the worker logs
    /// a warning.
    pub clock_warn: Duration,
    /// Difference between the clocks above which the worker decides no commands.
    pub clock_stop: Duration,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            shards: 1,
            prefer: Vec::new(),
            group_max: 1000,
            drain_timeout: Duration::from_secs(20),
            clock_warn: Duration::from_mins(1),
            clock_stop: Duration::from_mins(5),
        }
    }
}

impl Worker {
    pub(super) fn read(section: Section<'_>) -> Self {
        let default = Self::default();
        let shards = section.count("shards", BUCKETS, default.shards);
        let group_max = section.count("group_max", MAX_GROUP, default.group_max.into());
        let seconds = Duration::from_secs(1)..=Duration::from_hours(1);
        let clock_warn = section.duration("clock_warn", CLOCK_LIMITS, default.clock_warn);
        let read = Self {
            shards,
            prefer: prefer(&section, shards),
            group_max: u16::try_from(group_max).unwrap_or(default.group_max),
            drain_timeout: section.duration("drain_timeout", seconds, default.drain_timeout),
            clock_warn,
            clock_stop: clock_stop(&section, clock_warn, default.clock_stop),
        };
        section.finish();
        read
    }

    /// The limits of the difference between the clocks.
    pub const fn clock_limits(&self) -> ClockLimits {
        ClockLimits {
            warn: self.clock_warn,
            stop: self.clock_stop,
        }
    }

    pub(super) fn show(&self) -> Table {
        let prefer: Vec<Value> = self
            .prefer
            .iter()
            .map(|shard| i64::from(*shard).into())
            .collect();
        Table::from_iter([
            ("shards".to_owned(), i64::from(self.shards).into()),
            ("prefer".to_owned(), Value::Array(prefer)),
            ("group_max".to_owned(), i64::from(self.group_max).into()),
            (
                "drain_timeout".to_owned(),
                duration::format(self.drain_timeout).into(),
            ),
            (
                "clock_warn".to_owned(),
                duration::format(self.clock_warn).into(),
            ),
            (
                "clock_stop".to_owned(),
                duration::format(self.clock_stop).into(),
            ),
        ])
    }
}

fn prefer(section: &Section<'_>, shards: u32) -> Vec<u32> {
    let Some(value) = section.value("prefer") else {
        return Vec::new();
    };
    let shard = |value: &Value| {
        let number = u32::try_from(value.as_integer()?).ok()?;
        (number < shards).then_some(number)
    };
    let read = value
        .as_array()
        .and_then(|values| values.iter().map(shard).collect::<Option<Vec<u32>>>());
    read.unwrap_or_else(|| {
        let allowed = format!("a list of shards, each from 0 to {}", shards - 1);
        section.wrong("prefer", value.to_string(), allowed, Vec::new())
    })
}

fn clock_stop(section: &Section<'_>, warn: Duration, default: Duration) -> Duration {
    let stop = section.duration("clock_stop", CLOCK_LIMITS, default);
    if stop >= warn {
        return stop;
    }
    let allowed = format!(
        "at least `worker.clock_warn`, \"{}\"",
        duration::format(warn)
    );
    section.wrong(
        "clock_stop",
        format!("\"{}\"", duration::format(stop)),
        allowed,
        default,
    )
}
