//! The table of results, with one row per fault.

use std::time::Duration;

use serde_json::{Value, json};

use super::judge::Findings;

/// The number of groups that were committed on each path.
#[derive(Clone, Copy, Debug, Default)]
pub struct Groups {
    /// Groups that were committed with one statement and without a lock.
    pub optimistic: u64,
    /// Groups that were committed with locks.
    pub pessimistic: u64,
    /// Groups that were committed with locks after a conflict on the optimistic path.
    pub conflict: u64,
}

impl Groups {
    /// Counts the groups in the logs of workers.
    pub(super) fn from_logs(logs: &[String]) -> Self {
        let mut groups = Self::default();
        let words = logs.iter().flat_map(|log| log.split_whitespace());
        for path in words.filter_map(|word| word.strip_prefix("path=")) {
            match path.trim_matches('"') {
                "optimistic" => groups.optimistic += 1,
                "pessimistic" => groups.pessimistic += 1,
                "conflict" => groups.conflict += 1,
                _ => {}
            }
        }
        groups
    }
}

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// The name of the fault.
    pub fault: String,
    /// The number of injected faults.
    pub injected: usize,
    pub findings: Findings,
    /// For each fault the time until a command that was sent after it was applied. The time counts
    /// from the fault, or from its end if the fault lasts.
    pub recoveries: Vec<Duration>,
    pub groups: Groups,
    /// The panic or timeout that ended the row; `None` if it reached its end.
    pub broke: Option<String>,
    /// The duration of the row.
    pub took: Duration,
    /// The logs of the row's workers.
    pub logs: Vec<String>,
}

impl Row {
    /// Whether the row reached its end without an error.
    pub fn holds(&self) -> bool {
        self.broke.is_none() && self.findings.hold()
    }

    fn recovery(&self, percent: usize) -> String {
        let mut recoveries = self.recoveries.clone();
        recoveries.sort();
        let last = recoveries.len().saturating_sub(1);
        let recovery = recoveries.get(last * percent / 100);
        recovery.map_or_else(
            || "–".to_owned(),
            |took| format!("{:.2}", took.as_secs_f64()),
        )
    }

    fn cells(&self) -> [String; 9] {
        let findings = &self.findings;
        [
            self.fault.clone(),
            self.injected.to_string(),
            findings.confirmed.to_string(),
            findings.lost.to_string(),
            findings.doubled.to_string(),
            findings.out_of_order.to_string(),
            self.recovery(50),
            self.recovery(100),
            if self.holds() { "ok" } else { "BROKEN" }.to_owned(),
        ]
    }

    /// The row as JSON, for programs.
    pub fn json(&self) -> Value {
        let seconds: Vec<f64> = self.recoveries.iter().map(Duration::as_secs_f64).collect();
        json!({
            "fault": self.fault,
            "injected": self.injected,
            "confirmed": self.findings.confirmed,
            "lost": self.findings.lost,
            "doubled": self.findings.doubled,
            "outOfOrder": self.findings.out_of_order,
            "recoverySeconds": seconds,
            "groups": {
                "optimistic": self.groups.optimistic,
                "pessimistic": self.groups.pessimistic,
                "conflict": self.groups.conflict,
            },
            "seconds": self.took.as_secs_f64(),
            "holds": self.holds(),
            "wrong": self.findings.wrong,
            "broke": self.broke,
        })
    }
}

const HEADINGS: [&str; 9] = [
    "fault",
    "injected",
    "confirmed",
    "lost",
    "doubled",
    "out of order",
    "recovery p50, s",
    "max, s",
    "",
];

/// The rows as a Markdown table.
pub fn render(rows: &[Row]) -> String {
    let mut lines = vec![HEADINGS.map(str::to_owned)];
    lines.extend(rows.iter().map(Row::cells));
    let width = |column: usize| {
        let widths = lines.iter().map(|cells| cells[column].chars().count());
        widths.max().unwrap_or(0).max(3)
    };
    let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
    let line = |cells: &[String; 9]| {
        let cells = cells
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, width))| {
                if column == 0 {
                    format!("{cell:<width$}")
                } else {
                    format!("{cell:>width$}")
                }
            });
        format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
    };
    let rule = widths.iter().enumerate().map(|(column, width)| {
        if column == 0 {
            "-".repeat(*width)
        } else {
            format!("{}:", "-".repeat(width - 1))
        }
    });
    let rule = format!("| {} |", rule.collect::<Vec<_>>().join(" | "));
    let mut text = vec![line(&lines[0]), rule];
    text.extend(lines[1..].iter().map(line));
    text.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_shows_counts_and_the_median_and_longest_recovery() {
        let row = Row {
            fault: "killed".to_owned(),
            injected: 3,
            findings: Findings {
                confirmed: 1_000,
                ..Findings::default()
            },
            recoveries: [300, 100, 200].map(Duration::from_millis).to_vec(),
            groups: Groups::default(),
            broke: None,
            took: Duration::from_secs(1),
            logs: Vec::new(),
        };
        let text = render(std::slice::from_ref(&row));
        let last: Vec<&str> = text
            .lines()
            .last()
            .unwrap_or_default()
            .split('|')
            .map(str::trim)
            .collect();
        assert_eq!(
            last,
            [
                "", "killed", "3", "1000", "0", "0", "0", "0.20", "0.30", "ok", ""
            ]
        );
        let mut broken = row;
        broken.findings.lost = 1;
        assert!(render(&[broken]).contains("BROKEN"));
    }
}
