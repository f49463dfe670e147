//! `[redis]`: the URL and the uses of Redis. `REDIS_URL` sets the URL.

use toml::Table;

use super::{secret::SecretUrl, section::Section};

/// The URL and the uses of Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redis {
    /// `None`: no Redis. Everything works without it.
    pub url: Option<SecretUrl>,
    /// Whether balances are written to Redis after each change, for apps to read.
    pub balances: bool,
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            url: None,
            balances: true,
        }
    }
}

impl Redis {
    pub(super) fn read(section: Section<'_>) -> Self {
        let read = Self {
            url: section.url("url", &["redis", "rediss", "redis+unix", "unix"]),
            balances: section.boolean("balances", true),
        };
        section.finish();
        read
    }

    pub(super) fn show(&self) -> Table {
        let mut table = Table::from_iter([("balances".to_owned(), self.balances.into())]);
        if let Some(url) = &self.url {
            table.insert("url".to_owned(), url.to_string().into());
        }
        table
    }
}
