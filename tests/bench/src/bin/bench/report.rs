//! The report: the medians of the figures with their ranges, and the ratios of the targets.

use std::{
    fmt::Write,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    case::{Case, Profile, Unit},
    series::Series,
    targets::{self, Target},
};

/// The minimum rate of the plain worker, relative to pgbench. If it is slower, its ratios are void.
const MIN_PLAIN_RATIO: f64 = 0.4;

/// A number per second.
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
pub fn rate(number: usize, took: Duration) -> f64 {
    number as f64 / took.as_secs_f64()
}

/// A figure with one value per round.
#[derive(Debug)]
struct Figure {
    name: String,
    description: String,
    unit: Unit,
    series: Series,
}

/// The result of a target.
struct Reached {
    target: &'static Target,
    /// The ratio in each round.
    ratio: Series,
    verdict: &'static str,
}

/// The figures of a run.
#[derive(Debug)]
pub struct Report {
    profile: Profile,
    machine: String,
    started: Instant,
    figures: Vec<Figure>,
    notes: Vec<String>,
}

impl Report {
    /// An empty report. The duration of the run counts from now.
    pub fn new(profile: Profile, machine: String) -> Self {
        Self {
            profile,
            machine,
            started: Instant::now(),
            figures: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds the figures of one measurement.
    pub fn add(&mut self, case: &Case, measured: &[f64]) {
        for (value, part) in measured.iter().zip(case.unit.parts()) {
            let name = format!("{}{part}", case.name);
            match self.figures.iter_mut().find(|figure| figure.name == name) {
                Some(figure) => figure.series.add(*value),
                None => self.figures.push(Figure {
                    name,
                    description: format!("{}{part}", case.description),
                    unit: case.unit,
                    series: Series::new(*value),
                }),
            }
        }
    }

    /// Adds a remark.
    pub fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// The ratio of two figures in each round; empty if one of them was not measured.
    fn ratio(&self, figure: &str, to: &str) -> Series {
        let series = |name: &str| {
            let figure = self.figures.iter().find(|figure| figure.name == name);
            figure
                .map(|figure| figure.series.clone())
                .unwrap_or_default()
        };
        series(figure).per(&series(to))
    }

    /// Whether the plain worker is too slow to count. Without pgbench the result is false.
    fn plain_is_void(&self) -> bool {
        self.ratio("plain", "pgbench").median() < MIN_PLAIN_RATIO
    }

    fn targets(&self) -> impl Iterator<Item = Reached> {
        let measured = targets::ALL.iter().map(|target| {
            let ratio = self.ratio(target.figure, target.to);
            let void = target.to == "plain" && self.plain_is_void();
            let verdict = if void {
                "void"
            } else {
                target.reached(ratio.median())
            };
            Reached {
                target,
                ratio,
                verdict,
            }
        });
        measured.filter(|reached| !reached.ratio.is_empty())
    }

    /// The report as a table.
    pub fn to_table(&self) -> String {
        let mut table = String::new();
        let _ = writeln!(table, "{}\n", self.machine);
        let _ = writeln!(table, "{:<68}{:>12}{:>22}", "", "median", "range");
        for figure in &self.figures {
            let (low, high) = figure.series.range();
            let in_unit = |value| figure.unit.figure(value);
            let median = format!(
                "{} {:<2}",
                in_unit(figure.series.median()),
                figure.unit.symbol()
            );
            let range = format!("{}–{}", in_unit(low), in_unit(high));
            let _ = writeln!(table, "{:<68}{median:>12}{range:>22}", figure.description);
        }
        let _ = writeln!(
            table,
            "\n{:<48}{:>8}{:>16}{:>8}{:>8}",
            "ratio, round by round", "median", "range", "solid", "goal"
        );
        for reached in self.targets() {
            let (target, (low, high)) = (reached.target, reached.ratio.range());
            let (median, range) = (reached.ratio.median(), format!("{low:.2}–{high:.2}"));
            let _ = writeln!(
                table,
                "{:<48}{median:>8.2}{range:>16}{:>8}{:>8}  {}",
                target.name, target.solid, target.goal, reached.verdict
            );
        }
        let seconds = self.started.elapsed().as_secs();
        let _ = writeln!(
            table,
            "\nthe run took {} min {} s",
            seconds / 60,
            seconds % 60
        );
        for note in &self.notes {
            let _ = writeln!(table, "{note}");
        }
        table
    }

    /// The report as JSON.
    pub fn to_json(&self) -> String {
        let figures = self.figures.iter().map(|figure| {
            json!({ "name": figure.name, "what": figure.description, "unit": figure.unit.symbol(),
                "median": figure.series.median(), "all": figure.series.all() })
        });
        let targets = self.targets().map(|reached| {
            let (target, (low, high)) = (reached.target, reached.ratio.range());
            json!({ "name": target.name, "figure": target.figure, "to": target.to,
                "ratio": reached.ratio.median(), "low": low, "high": high,
                "all": reached.ratio.all(), "solid": target.solid, "goal": target.goal,
                "reached": reached.verdict })
        });
        json!({ "profile": format!("{:?}", self.profile).to_lowercase(), "machine": self.machine,
            "seconds": self.started.elapsed().as_secs(), "figures": figures.collect::<Vec<_>>(),
            "targets": targets.collect::<Vec<_>>(), "notes": self.notes })
        .to_string()
    }
}
