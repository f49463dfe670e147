//! Logging, to stderr: lines for people, or JSON for machines.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Logging};

/// Libraries that log what their caller handles, and tells about where it matters.
const QUIET: &str = "lapin=off,sqlx=warn,sea_orm_migration=warn,tokio_cron_scheduler=warn";

/// Starts logging. `default_level` is what counts when the configuration says nothing.
pub fn start(logging: &Logging, default_level: &str) {
    let default = format!("{default_level},{QUIET}");
    let filter = logging.filter.as_ref().unwrap_or(&default);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(io::stderr);
    let started = match logging.format {
        LogFormat::Human => builder
            .with_target(false)
            .with_ansi(io::stderr().is_terminal())
            .try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // Somebody else in this process logs already.
    drop(started);
}
