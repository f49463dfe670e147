//! `[database]`: the URL of the ledger and its connections. `DATABASE_URL` sets the URL.

use std::time::Duration;

use toml::Table;

use super::{duration, secret::SecretUrl, section::Section};
use crate::db::{BookingClock, StoreOptions};

const MAX_CONNECTIONS: u32 = 1000;

/// The URL of the ledger and its connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    pub url: Option<SecretUrl>,
    /// Maximum of connections in each of the two pools (committing, reading).
    pub max_connections: u32,
    /// The database cancels a statement that runs longer.
    pub statement_timeout: Duration,
    /// Maximum wait for a connection from the pool.
    pub acquire_timeout: Duration,
}

impl Default for Database {
    fn default() -> Self {
        let store = StoreOptions::default();
        Self {
            url: None,
            max_connections: store.max_connections,
            statement_timeout: store.statement_timeout,
            acquire_timeout: store.acquire_timeout,
        }
    }
}

impl Database {
    pub(super) fn read(section: Section<'_>) -> Self {
        let default = Self::default();
        let range = Duration::from_millis(100)..=Duration::from_hours(1);
        let read = Self {
            url: section.url("url", &["postgres", "postgresql", "sqlite"]),
            max_connections: section.count(
                "max_connections",
                MAX_CONNECTIONS,
                default.max_connections,
            ),
            statement_timeout: section.duration(
                "statement_timeout",
                range.clone(),
                default.statement_timeout,
            ),
            acquire_timeout: section.duration("acquire_timeout", range, default.acquire_timeout),
        };
        section.finish();
        read
    }

    /// The options for the store.
    pub fn options(&self) -> StoreOptions {
        StoreOptions {
            booking_clock: BookingClock::Database,
            max_connections: self.max_connections,
            statement_timeout: self.statement_timeout,
            acquire_timeout: self.acquire_timeout,
            ..StoreOptions::default()
        }
    }

    pub(super) fn show(&self) -> Table {
        let mut table = Table::from_iter([
            (
                "max_connections".to_owned(),
                i64::from(self.max_connections).into(),
            ),
            (
                "statement_timeout".to_owned(),
                duration::format(self.statement_timeout).into(),
            ),
            (
                "acquire_timeout".to_owned(),
                duration::format(self.acquire_timeout).into(),
            ),
        ]);
        if let Some(url) = &self.url {
            table.insert("url".to_owned(), url.to_string().into());
        }
        table
    }
}
