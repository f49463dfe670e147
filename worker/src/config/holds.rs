//! `[holds]`: the reservation of credits.

use std::time::Duration;

use producer_sdk::contract::MAX_HOLD_SECONDS;
use toml::Table;

use super::{duration, section::Section};

const LONGEST: Duration = Duration::from_secs(MAX_HOLD_SECONDS.unsigned_abs());

/// The reservation of credits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holds {
    /// The longest time from the effective time of a hold to its end.
    pub max_duration: Duration,
}

impl Default for Holds {
    fn default() -> Self {
        Self {
            max_duration: Duration::from_hours(24),
        }
    }
}

impl Holds {
    pub(super) fn read(section: Section<'_>) -> Self {
        let allowed = Duration::from_secs(1)..=LONGEST;
        let default = Self::default();
        let read = Self {
            max_duration: section.duration("max_duration", allowed, default.max_duration),
        };
        section.finish();
        read
    }

    pub(super) fn show(&self) -> Table {
        Table::from_iter([(
            "max_duration".to_owned(),
            duration::format(self.max_duration).into(),
        )])
    }
}
