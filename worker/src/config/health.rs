//! `[health]`: where health and metrics are told over HTTP.

use std::net::SocketAddr;

use toml::Table;

use super::section::Section;

const MOST_LAG: i64 = 1_000_000_000_000;

/// Where health and metrics are told over HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Where to listen; nowhere if absent: a worker needs no port, whoever reaches this one is told without being asked
    /// who he is, and two workers of a machine cannot have the same.
    pub listen: Option<SocketAddr>,
    /// So many waiting commands make the worker unready; if absent, none do: what is behind is not made faster by
    /// taking it away.
    pub max_lag: Option<u64>,
}

impl Health {
    pub(super) fn read(section: Section<'_>) -> Self {
        let max_lag = section.optional_integer("max_lag", 1..=MOST_LAG);
        let read = Self {
            listen: listen(&section),
            max_lag: max_lag.and_then(|lag| u64::try_from(lag).ok()),
        };
        section.finish();
        read
    }

    pub(super) fn show(&self) -> Table {
        let listen = self
            .listen
            .map(|address| ("listen".to_owned(), address.to_string().into()));
        let max_lag = self.max_lag.and_then(|lag| i64::try_from(lag).ok());
        let max_lag = max_lag.map(|lag| ("max_lag".to_owned(), lag.into()));
        listen.into_iter().chain(max_lag).collect()
    }
}

fn listen(section: &Section<'_>) -> Option<SocketAddr> {
    let text = section.text("listen")?;
    let address = text.parse().ok();
    address
        .filter(|address: &SocketAddr| address.port() != 0)
        .or_else(|| {
            let allowed = "an IP address with a port in quotes, such as \"127.0.0.1:9464\" or \"[::]:9464\"";
            section.wrong("listen", format!("{text:?}"), allowed, None)
        })
}
