//! The arguments that select dead letters.

use std::time::Duration;

use chrono::TimeDelta;

use crate::{cli::Failure, config, dead_letters::Filter};

/// The filters; a dead letter must match all that are given.
#[derive(Debug, clap::Args)]
pub struct Filters {
    /// Only this reason, or the part before its colon: not_json, unapplied,
    /// unapplied:unknown_package, poison, ...
    #[arg(long, value_name = "REASON", allow_hyphen_values = true)]
    reason: Option<String>,
    /// Only this type of command, such as consume
    #[arg(long = "type", value_name = "TYPE", allow_hyphen_values = true)]
    kind: Option<String>,
    /// Only commands for this user
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    user: Option<String>,
    /// Only the command with this reference
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    reference: Option<String>,
    /// Only messages that this broker account sent
    #[arg(long, value_name = "ACCOUNT", allow_hyphen_values = true)]
    sender: Option<String>,
    /// Only those that are dead letters for longer than this, such as 90m or 7d
    #[arg(long, value_name = "TIME", value_parser = length)]
    older_than: Option<TimeDelta>,
    /// Only those that are dead letters for no longer than this, such as 90m or 7d
    #[arg(long, value_name = "TIME", value_parser = length)]
    newer_than: Option<TimeDelta>,
}

impl Filters {
    /// The filter for a command that changes dead letters. Fails if no filter is given and `all` is
    /// false.
    pub fn selection(self, all: bool) -> Result<Filter, Failure> {
        let filter = Filter::from(self);
        if filter.is_empty() && !all {
            return Err(Failure::new(
                "no dead letters are selected: give --reason, --type, --user, --reference, \
                 --sender, --older-than or --newer-than, or --all",
            )
            .as_usage());
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
