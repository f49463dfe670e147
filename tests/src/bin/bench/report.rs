//! Medians with their ranges, and the ratios.

use std::{collections::BTreeMap, fmt::Write};

use serde_json::json;

use crate::load::Rate;

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    AckOnly,
    Plain,
    OneLane,
    TwoLanes,
    HotWallet,
}

impl Measure {
    pub const fn name(self) -> &'static str {
        match self {
            Self::AckOnly => "a worker that only acknowledges",
            Self::Plain => "plain: one transaction a command, 8 tasks",
            Self::OneLane => "scrip, 1 lane",
            Self::TwoLanes => "scrip, 2 lanes",
            Self::HotWallet => "scrip, 1 lane, one hot wallet",
        }
    }
}

#[derive(Debug, Default)]
pub struct Report(BTreeMap<Measure, Vec<f64>>);

impl Report {
    pub fn add(&mut self, measure: Measure, rate: Rate) {
        self.0.entry(measure).or_default().push(rate.0);
    }

    fn median(&self, measure: Measure) -> f64 {
        let mut rates = self.0.get(&measure).cloned().unwrap_or_default();
        rates.sort_by(f64::total_cmp);
        rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn range(&self, measure: Measure) -> (f64, f64) {
        let rates = self.0.get(&measure).map(Vec::as_slice).unwrap_or_default();
        (
            rates.iter().copied().fold(f64::INFINITY, f64::min),
            rates.iter().copied().fold(0.0, f64::max),
        )
    }

    pub fn to_table(&self) -> String {
        let mut table = String::new();
        let _ = writeln!(
            table,
            "{:<44}{:>10}{:>20}{:>9}{:>9}",
            "consume commands", "a second", "range", ": acks", ": plain"
        );
        for measure in self.0.keys() {
            let (low, high) = self.range(*measure);
            let range = format!("{low:.0}–{high:.0}");
            let median = self.median(*measure);
            let acks = median / self.median(Measure::AckOnly);
            let plain = median / self.median(Measure::Plain);
            let _ = writeln!(
                table,
                "{:<44}{median:>10.0}{range:>20}{acks:>9.2}{plain:>9.1}",
                measure.name()
            );
        }
        table
    }

    pub fn to_json(&self) -> String {
        let rows: Vec<_> = self
            .0
            .iter()
            .map(|(measure, rates)| {
                json!({ "measure": measure.name(), "perSecond": self.median(*measure), "all": rates,
                    "toAcks": self.median(*measure) / self.median(Measure::AckOnly),
                    "toPlain": self.median(*measure) / self.median(Measure::Plain) })
            })
            .collect();
        json!({ "measures": rows }).to_string()
    }
}
