//! `[health]`: the HTTP endpoints for health and metrics.

use std::net::SocketAddr;

use toml::Table;

use super::section::Section;

const MOST_LAG: i64 = 1_000_000_000_000;

/// The HTTP endpoints for health and metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// The listening address. `None` (the default): no endpoint, because a worker needs no port,
    /// the endpoint has no authentication, and two workers on one machine cannot share an address.
    pub listen: Option<SocketAddr>,
    /// Number of waiting commands above which the worker is unready. `None`: any number is allowed,
    /// because a slow worker does not become faster when it is taken out of service.
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
            let allowed =
                "an IP address with a port in quotes, such as \"127.0.0.1:9464\" or \"[::]:9464\"";
            section.wrong("listen", format!("{text:?}"), allowed, None)
        })
}
