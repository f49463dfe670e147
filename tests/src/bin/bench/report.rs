//! Medians with their ranges, and the ratios.

use std::{fmt::Write, time::Duration};

use serde_json::json;

use crate::{
    case::{Case, Profile, Unit},
    targets,
};

/// The plain worker counts only where it is at least this fast, compared with pgbench.
const HONEST: f64 = 0.4;

/// So many a second.
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
pub fn rate(number: usize, took: Duration) -> f64 {
    number as f64 / took.as_secs_f64()
}

/// A figure, taken once a round.
#[derive(Debug)]
struct Figure {
    name: String,
    what: String,
    unit: Unit,
    all: Vec<f64>,
}

impl Figure {
    fn sorted(&self) -> Vec<f64> {
        let mut all = self.all.clone();
        all.sort_by(f64::total_cmp);
        all
    }

    fn median(&self) -> f64 {
        self.sorted()[self.all.len() / 2]
    }

    fn range(&self) -> (f64, f64) {
        let all = self.sorted();
        (all[0], all[all.len() - 1])
    }
}

/// What was measured.
#[derive(Debug)]
pub struct Report {
    profile: Profile,
    machine: String,
    figures: Vec<Figure>,
}

impl Report {
    /// Nothing yet.
    pub fn new(profile: Profile, machine: String) -> Self {
        Self {
            profile,
            machine,
            figures: Vec::new(),
        }
    }

    /// Adds the figures of one measurement.
    pub fn add(&mut self, case: &Case, measured: &[f64]) {
        for (value, part) in measured.iter().zip(case.unit.parts()) {
            let name = format!("{}{part}", case.name);
            match self.figures.iter_mut().find(|figure| figure.name == name) {
                Some(figure) => figure.all.push(*value),
                None => self.figures.push(Figure {
                    name,
                    what: format!("{}{part}", case.what),
                    unit: case.unit,
                    all: vec![*value],
                }),
            }
        }
    }

    fn median(&self, name: &str) -> f64 {
        let figure = self.figures.iter().find(|figure| figure.name == name);
        figure.map_or(f64::NAN, Figure::median)
    }

    /// Whether the plain worker is slower than it should be. Where there is no pgbench nobody knows.
    fn plain_is_void(&self) -> bool {
        self.median("plain") / self.median("pgbench") < HONEST
    }

    fn targets(&self) -> impl Iterator<Item = (&'static targets::Target, f64, &'static str)> {
        let measured = targets::ALL.iter().map(|target| {
            let ratio = self.median(target.figure) / self.median(target.to);
            let void = target.to == "plain" && self.plain_is_void();
            (target, ratio, if void { "void" } else { target.reached(ratio) })
        });
        measured.filter(|(_, ratio, _)| !ratio.is_nan())
    }

    /// For people.
    pub fn to_table(&self) -> String {
        let mut table = String::new();
        let _ = writeln!(table, "{}\n", self.machine);
        let _ = writeln!(table, "{:<68}{:>12}{:>22}", "", "median", "range");
        for figure in &self.figures {
            let (low, high) = figure.range();
            let in_unit = |value| figure.unit.figure(value);
            let median = format!("{} {:<2}", in_unit(figure.median()), figure.unit.symbol());
            let range = format!("{}–{}", in_unit(low), in_unit(high));
            let _ = writeln!(table, "{:<68}{median:>12}{range:>22}", figure.what);
        }
        let _ = writeln!(table, "\n{:<48}{:>8}{:>8}{:>8}", "ratio", "", "solid", "goal");
        for (target, ratio, reached) in self.targets() {
            let _ = writeln!(
                table,
                "{:<48}{ratio:>8.2}{:>8}{:>8}  {reached}",
                target.name, target.solid, target.goal
            );
        }
        table
    }

    /// For programs.
    pub fn to_json(&self) -> String {
        let figures = self.figures.iter().map(|figure| {
            json!({ "name": figure.name, "what": figure.what, "unit": figure.unit.symbol(),
                "median": figure.median(), "all": figure.all })
        });
        let targets = self.targets().map(|(target, ratio, reached)| {
            json!({ "name": target.name, "figure": target.figure, "to": target.to, "ratio": ratio,
                "solid": target.solid, "goal": target.goal, "reached": reached })
        });
        json!({ "profile": format!("{:?}", self.profile).to_lowercase(), "machine": self.machine,
            "figures": figures.collect::<Vec<_>>(), "targets": targets.collect::<Vec<_>>() })
        .to_string()
    }
}
