//! `scrip redis`: prints the users of Redis.

use std::process::ExitCode;

use super::{context::Context, failure::Failure, print};
use crate::cache::Users;

/// Print the users of Redis and their permissions
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print commands for redis-cli that give worker and apps only the permissions they need
    ///
    /// Run them as an administrator; they can run again at any time. They set no passwords: a new
    /// user can log in once it has one (ACL SETUSER scrip_app >PASSWORD).
    #[command(after_help = "\
Examples:
  scrip redis grants | redis-cli
  scrip redis grants --worker till_worker --app till_app")]
    Grants {
        /// User of the workers: writes balances and takes locks
        #[arg(
            long,
            value_name = "USER",
            default_value = "scrip_worker",
            allow_hyphen_values = true
        )]
        worker: String,
        /// User of the apps: reads balances
        #[arg(
            long,
            value_name = "USER",
            default_value = "scrip_app",
            allow_hyphen_values = true
        )]
        app: String,
    },
}

/// Prints the commands.
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
