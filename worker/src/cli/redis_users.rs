//! `scrip redis`: the users of Redis.

use std::process::ExitCode;

use super::{context::Context, failure::Failure, print};
use crate::cache::Users;

/// Users of Redis.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print the commands that give worker and apps what each needs, and no more
    ///
    /// Run them as an administrator, as often as you like. They set no passwords: a new user is let
    /// in once it has one (ACL SETUSER scrip_app >PASSWORD).
    #[command(after_help = "\
Examples:
  scrip redis grants | redis-cli
  scrip redis grants --worker till_worker --app till_app")]
    Grants {
        /// The user of workers: writes balances, takes locks
        #[arg(
            long,
            value_name = "USER",
            default_value = "scrip_worker",
            allow_hyphen_values = true
        )]
        worker: String,
        /// The user of apps: reads balances
        #[arg(
            long,
            value_name = "USER",
            default_value = "scrip_app",
            allow_hyphen_values = true
        )]
        app: String,
    },
}

/// Prints them.
pub fn run(context: &Context, command: &Command) -> Result<ExitCode, Failure> {
    let Command::Grants { worker, app } = command;
    let users = Users {
        namespace: &context.settings.namespace,
        worker,
        app,
    };
    print::text(&users.script()?)?;
    Ok(ExitCode::SUCCESS)
}
