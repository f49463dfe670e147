//! Logging to stderr: text lines for people, or JSON for machines.
//!
//! At the level `trace`, libraries log their inputs: sea-orm puts the database URL, with its
//! password, into a span. So only our own crates log at that level, regardless of the filter.

use std::io::{self, IsTerminal};

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, filter_fn},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::config::{LogFormat, Logging};

/// Libraries that log errors which their caller handles, and logs itself if they matter.
const QUIET: &str = "lapin=off,sqlx=warn,sea_orm_migration=warn,tokio_cron_scheduler=warn";

/// Crates that log no secrets at any level.
const OURS: [&str; 3] = ["scrip", "producer_sdk", "migration"];

/// Starts logging. `default_level` applies if the configuration has no filter.
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
    let lines = lines.with_filter(EnvFilter::new(filter).and(filter_fn(is_allowed)));
    // This fails only if the process already has a logger.
    drop(tracing_subscriber::registry().with(lines).try_init());
}

fn is_allowed(metadata: &Metadata<'_>) -> bool {
    let crate_name = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= Level::DEBUG || OURS.contains(&crate_name)
}
