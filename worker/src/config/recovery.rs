//! `[recovery]`: what is kept to recover from a failover of the database that lost commits.

use std::{ops::RangeInclusive, time::Duration};

use toml::Table;

use super::{duration, section::Section};

const RETAIN: RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(24 * 7);

/// What is kept to recover from a failover of the database that lost commits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// How long the broker keeps a copy of every command at least. `None` (the default): not at
    /// all, because every command is then stored twice.
    pub retain: Option<Duration>,
}

impl Recovery {
    pub(super) fn read(section: Section<'_>) -> Self {
        let is_set = section.has("retain");
        let retain = section.duration("retain", RETAIN, *RETAIN.start());
        section.finish();
        Self {
            retain: is_set.then_some(retain),
        }
    }

    pub(super) fn show(&self) -> Table {
        let retain = self.retain.map(|retain| duration::format(retain).into());
        let retain = retain.map(|retain| ("retain".to_owned(), retain));
        retain.into_iter().collect()
    }
}
