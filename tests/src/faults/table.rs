//! What is printed in the end: a row a fault.

use std::time::Duration;

use serde_json::{Value, json};

use super::judge::Findings;

/// How many groups were committed which way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Groups {
    /// By one statement, without a lock.
    pub quick: u64,
    /// With locks first.
    pub careful: u64,
    /// With locks first, after the quick way was tried in vain.
    pub quick_in_vain: u64,
}

impl Groups {
    /// As workers said.
    pub(super) fn said_in(logs: &[String]) -> Self {
        let mut groups = Self::default();
        let words = logs.iter().flat_map(|log| log.split_whitespace());
        for way in words.filter_map(|word| word.strip_prefix("way=")) {
            match way.trim_matches('"') {
                "quick" => groups.quick += 1,
                "careful" => groups.careful += 1,
                "quick_in_vain" => groups.quick_in_vain += 1,
                _ => {}
            }
        }
        groups
    }
}

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// The fault.
    pub fault: String,
    /// How often it was done.
    pub injected: usize,
    /// What was found.
    pub findings: Findings,
    /// How long it took each time from the fault, or from its end where it lasts, until a command was applied that was
    /// sent after it.
    pub recoveries: Vec<Duration>,
    /// Which ways groups were committed.
    pub groups: Groups,
    /// The row itself broke: why.
    pub broke: Option<String>,
    /// How long it took.
    pub took: Duration,
    /// What its workers said.
    pub logs: Vec<String>,
}

impl Row {
    /// Whether all is as it must be.
    pub fn holds(&self) -> bool {
        self.broke.is_none() && self.findings.hold()
    }

    fn recovery(&self, percent: usize) -> String {
        let mut recoveries = self.recoveries.clone();
        recoveries.sort();
        let last = recoveries.len().saturating_sub(1);
        let found = recoveries.get(last * percent / 100);
        found.map_or_else(|| "–".to_owned(), |took| format!("{:.2}", took.as_secs_f64()))
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

    /// For programs.
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
                "quick": self.groups.quick,
                "careful": self.groups.careful,
                "quickInVain": self.groups.quick_in_vain,
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

/// The rows as a table that is one in Markdown, too.
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
    fn a_table_shows_counts_and_the_middle_and_the_longest_recovery() {
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
            ["", "killed", "3", "1000", "0", "0", "0", "0.20", "0.30", "ok", ""]
        );
        let mut broken = row;
        broken.findings.lost = 1;
        assert!(render(&[broken]).contains("BROKEN"));
    }
}
