//! Logging, to stderr: lines for people, or JSON for machines.
//!
//! At the level `trace` libraries print what they are given: sea-orm has the database's URL, with its password, in a
//! span. So only our own crates are heard at that level, whatever the filter says.

use std::io::{self, IsTerminal};

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, filter_fn},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::config::{LogFormat, Logging};

/// Libraries that log what their caller handles, and tells about where it matters.
const QUIET: &str = "lapin=off,sqlx=warn,sea_orm_migration=warn,tokio_cron_scheduler=warn";

/// Crates that know what is a secret.
const OURS: [&str; 3] = ["scrip", "producer_sdk", "migration"];

/// Starts logging. `default_level` is what counts when the configuration says nothing.
pub fn start(logging: &Logging, default_level: &str) {
    let default = format!("{default_level},{QUIET}");
    let filter = logging.filter.as_ref().unwrap_or(&default);
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = match logging.format {
        LogFormat::Human => lines
            .with_target(false)
            .with_ansi(io::stderr().is_terminal())
            .boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let lines = lines.with_filter(EnvFilter::new(filter).and(filter_fn(may_be_heard)));
    // If that fails, somebody else in this process logs already.
    drop(tracing_subscriber::registry().with(lines).try_init());
}

fn may_be_heard(metadata: &Metadata<'_>) -> bool {
    let of = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= Level::DEBUG || OURS.contains(&of)
}
