//! Which dead letters are meant.

use std::time::Duration;

use chrono::TimeDelta;

use crate::{cli::Failure, config, dead::Filter};

/// Which letters are meant: those that fit everything that is said.
#[derive(Debug, clap::Args)]
pub struct Filters {
    /// Why: not_json, invalid_field, unapplied, unapplied:unknown_package, poison, ...
    #[arg(long, value_name = "REASON", allow_hyphen_values = true)]
    reason: Option<String>,
    /// The command's name
    #[arg(long = "type", value_name = "TYPE", allow_hyphen_values = true)]
    kind: Option<String>,
    /// Whose wallet
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    user: Option<String>,
    /// The caller's reference
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    reference: Option<String>,
    /// The account of the broker that sent it
    #[arg(long, value_name = "ACCOUNT", allow_hyphen_values = true)]
    sender: Option<String>,
    /// Set aside longer ago than this, such as 90m or 7d
    #[arg(long, value_name = "TIME", value_parser = length)]
    older_than: Option<TimeDelta>,
    /// Set aside no longer ago than this
    #[arg(long, value_name = "TIME", value_parser = length)]
    newer_than: Option<TimeDelta>,
}

impl Filters {
    /// Those of letters that are to go, which somebody has to say: `all` of them, where nothing else does.
    pub fn wanted(self, all: bool) -> Result<Filter, Failure> {
        let filter = Filter::from(self);
        if filter.is_empty() && !all {
            return Err(Failure::new(
                "which letters? say so by --reason, --type, --user, --reference, --sender, --older-than or --newer-than, \
                 or say --all",
            ));
        }
        Ok(filter)
    }
}

impl From<Filters> for Filter {
    fn from(filters: Filters) -> Self {
        Self {
            reason: filters.reason,
            kind: filters.kind,
            user_id: filters.user,
            reference_id: filters.reference,
            sender: filters.sender,
            older_than: filters.older_than,
            newer_than: filters.newer_than,
        }
    }
}

fn length(text: &str) -> Result<TimeDelta, String> {
    let parsed: Option<Duration> = config::duration::parse(text);
    let length = parsed.and_then(|length| TimeDelta::from_std(length).ok());
    length.ok_or_else(|| "allowed is a number and a unit: 90s, 15m, 36h, 7d".to_owned())
}
