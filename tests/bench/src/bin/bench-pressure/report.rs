//! The report, as a table and as JSON.

use std::{fmt::Write, time::Duration};

use serde_json::json;
use testkit::memory::Memory;

use crate::{Scenario, watch::Memories};

/// The measurement of one scenario.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub scenario: Scenario,
    pub published: u32,
    pub publishing_seconds: f64,
    pub most_queued: u32,
    pub applied: u32,
    /// The time in which the commands were applied.
    pub seconds: f64,
    /// The longest time for which a producer had to wait.
    pub longest_wait: Option<Duration>,
    pub worker: Memories,
    pub producer_peak: Memory,
}

impl Measured {
    fn published_per_second(&self) -> f64 {
        f64::from(self.published) / self.publishing_seconds
    }

    fn applied_per_second(&self) -> f64 {
        f64::from(self.applied) / self.seconds
    }
}

/// The measurement of one process that handled all dead letters.
#[derive(Clone, Copy, Debug)]
pub struct Handled {
    pub by: &'static str,
    pub letters: u32,
    pub seconds: f64,
    pub peak: Memory,
}

impl Handled {
    fn letters_per_second(&self) -> f64 {
        f64::from(self.letters) / self.seconds
    }
}

/// All measurements, and the memory limit.
#[derive(Debug)]
pub struct Report {
    limit_mb: u32,
    measured: Vec<Measured>,
    handled: Vec<Handled>,
}

impl Report {
    pub fn new(limit_mb: u32) -> Self {
        Self {
            limit_mb,
            measured: Vec::new(),
            handled: Vec::new(),
        }
    }

    pub fn add(&mut self, measured: Measured) {
        self.measured.push(measured);
    }

    pub fn add_handled(&mut self, handled: Vec<Handled>) {
        self.handled.extend(handled);
    }

    /// Whether no `scrip` process exceeded the memory limit.
    pub fn is_within_limit(&self) -> bool {
        let limit = f64::from(self.limit_mb);
        let workers = self.measured.iter().map(|measured| measured.worker.peak);
        let processes = self.handled.iter().map(|handled| handled.peak);
        workers
            .chain(processes)
            .all(|peak| peak.megabytes() <= limit)
    }

    pub fn to_table(&self) -> String {
        let mut table = String::new();
        self.write_measured(&mut table);
        self.write_handled(&mut table);
        let verdict = if self.is_within_limit() {
            "no process"
        } else {
            "a process"
        };
        let _ = writeln!(table, "{verdict} exceeded {} MB", self.limit_mb);
        table
    }

    fn write_measured(&self, table: &mut String) {
        if self.measured.is_empty() {
            return;
        }
        let _ = writeln!(
            table,
            "{:<40}{:>11}{:>11}{:>11}{:>11}{:>10}{:>12}{:>12}{:>14}",
            "commands",
            "published",
            "per second",
            "queued",
            "applied/s",
            "wait, s",
            "worker, MB",
            "at end, MB",
            "producer, MB"
        );
        for measured in &self.measured {
            let wait = measured
                .longest_wait
                .map_or_else(String::new, |wait| format!("{:.2}", wait.as_secs_f64()));
            let _ = writeln!(
                table,
                "{:<40}{:>11}{:>11.0}{:>11}{:>11.0}{wait:>10}{:>12.1}{:>12.1}{:>14.1}",
                measured.scenario.name(),
                measured.published,
                measured.published_per_second(),
                measured.most_queued,
                measured.applied_per_second(),
                measured.worker.peak.megabytes(),
                measured.worker.last.megabytes(),
                measured.producer_peak.megabytes()
            );
        }
    }

    fn write_handled(&self, table: &mut String) {
        if self.handled.is_empty() {
            return;
        }
        let _ = writeln!(
            table,
            "{:<40}{:>11}{:>11}{:>11}{:>10}",
            "dead letters", "number", "seconds", "per second", "peak, MB"
        );
        for handled in &self.handled {
            let _ = writeln!(
                table,
                "{:<40}{:>11}{:>11.1}{:>11.0}{:>10.1}",
                handled.by,
                handled.letters,
                handled.seconds,
                handled.letters_per_second(),
                handled.peak.megabytes()
            );
        }
    }

    pub fn to_json(&self) -> String {
        let measured: Vec<_> = self
            .measured
            .iter()
            .map(|measured| {
                json!({ "commands": measured.scenario.name(), "published": measured.published,
                    "publishedPerSecond": measured.published_per_second(),
                    "mostQueued": measured.most_queued,
                    "applied": measured.applied, "appliedPerSecond": measured.applied_per_second(),
                    "longestWaitSeconds": measured.longest_wait.map(|wait| wait.as_secs_f64()),
                    "workerPeakMegabytes": measured.worker.peak.megabytes(),
                    "workerLastMegabytes": measured.worker.last.megabytes(),
                    "producerPeakMegabytes": measured.producer_peak.megabytes() })
            })
            .collect();
        let handled: Vec<_> = self
            .handled
            .iter()
            .map(|handled| {
                json!({ "by": handled.by, "letters": handled.letters, "seconds": handled.seconds,
                    "lettersPerSecond": handled.letters_per_second(),
                    "peakMegabytes": handled.peak.megabytes() })
            })
            .collect();
        json!({ "limitMegabytes": self.limit_mb, "withinLimit": self.is_within_limit(),
            "measured": measured, "deadLetters": handled })
        .to_string()
    }
}
