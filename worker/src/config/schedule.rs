//! `[schedule]`: the time of day (UTC) at which each job runs.

use chrono::{NaiveTime, Timelike};
use toml::{Table, Value};

use super::section::Section;

/// The time of day (UTC) at which each job runs. `None`: the job is not scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The job that grants the due periods of plans.
    pub grant: Option<NaiveTime>,
    /// The job that expires batches.
    pub expire: Option<NaiveTime>,
    /// The job that verifies the ledger.
    pub verify: Option<NaiveTime>,
}

impl Default for Schedule {
    fn default() -> Self {
        let at = |hour| NaiveTime::from_hms_opt(hour, 0, 0);
        Self {
            grant: at(1),
            expire: at(4),
            verify: at(5),
        }
    }
}

impl Schedule {
    pub(super) fn read(section: Section<'_>) -> Self {
        let default = Self::default();
        let read = Self {
            grant: time(&section, "grant", default.grant),
            expire: time(&section, "expire", default.expire),
            verify: time(&section, "verify", default.verify),
        };
        section.finish();
        read
    }

    pub(super) fn show(&self) -> Table {
        let show = |at: Option<NaiveTime>| -> Value {
            at.map_or_else(
                || "off".into(),
                |at| format!("{:02}:{:02}", at.hour(), at.minute()).into(),
            )
        };
        Table::from_iter([
            ("grant".to_owned(), show(self.grant)),
            ("expire".to_owned(), show(self.expire)),
            ("verify".to_owned(), show(self.verify)),
        ])
    }
}

fn time(section: &Section<'_>, name: &str, default: Option<NaiveTime>) -> Option<NaiveTime> {
    let Some(text) = section.text(name) else {
        return default;
    };
    if text == "off" {
        return None;
    }
    // The parser would accept spaces as digits.
    let is_plain = text.len() == 5
        && text
            .bytes()
            .all(|byte| byte == b':' || byte.is_ascii_digit());
    let at = NaiveTime::parse_from_str(&text, "%H:%M").ok();
    match at.filter(|_| is_plain) {
        Some(at) => Some(at),
        None => section.wrong(
            name,
            format!("{text:?}"),
            "a time of the day in UTC such as \"04:00\", or \"off\"",
            default,
        ),
    }
}
