//! The command line: one file a command.
#![allow(
    clippy::doc_markdown,
    reason = "the documentation of arguments is the help text"
)]

mod audit;
mod backup;
mod balance;
mod balances;
mod batches;
mod catalog;
mod config;
mod context;
mod dead;
mod demo;
mod failure;
mod health;
mod history;
mod job;
mod migrate;
mod print;
mod progress;
mod publish;
mod redis_users;
mod references;
mod replay;
mod report;
mod run;
mod service;
mod show;
mod signals;
mod topology;
mod verify;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use failure::Failure;
pub use print::escape_lines;

use crate::{
    config::{ConfigError, Environment, LogFormat, Settings},
    telemetry,
};
use context::{Context, Files};

/// How long a worker that ends waits for processes that read its SQLite file.
const LAST_CHECKPOINT: Duration = Duration::from_secs(5);

const EXAMPLES: &str = "\
Examples:
  scrip demo                                     the whole story in half a minute
  scrip                                          the worker; without servers on one SQLite file
  scrip publish purchase --user u1 --package lite --purchase-id pi_1
  scrip publish consume --user u1 --service google:chat --wait
  scrip balance u1
  AMQP_URL=amqp://... DATABASE_URL=postgres://... scrip run --migrate";

/// A credit ledger that apps feed through RabbitMQ.
///
/// With AMQP_URL and DATABASE_URL set, Scrip runs on RabbitMQ and PostgreSQL; with neither, on one SQLite file in
/// the user's data folder.
#[derive(Debug, Parser)]
#[command(name = "scrip", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Args)]
struct Global {
    /// Configuration file; else the one that SCRIP_CONFIG names, else ./scrip.toml if there is one
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What everything on the broker is called after
    #[arg(long, global = true, value_name = "NAME", allow_hyphen_values = true)]
    namespace: Option<String>,
    /// Write JSON, for programs
    #[arg(long, global = true)]
    json: bool,
    /// How log lines look
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<Format>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Human,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve commands and queries until SIGTERM (the default)
    Run(run::Args),
    /// Tell a short story: credits bought, granted, spent and accounted for
    Demo(demo::Args),
    /// Create, drop or look at the schema
    #[command(subcommand)]
    Migrate(migrate::Command),
    /// Publish one command
    Publish(Box<publish::Args>),
    /// Publish a file of commands
    Replay(replay::Args),
    /// Copy the ledger of the embedded default into a new file, also while a worker runs
    Backup(backup::Args),
    /// What a user has
    Balance(balance::Args),
    /// What all users have: list and export
    Balances(balances::Args),
    /// Where a user's credits went, newest first
    History(history::Args),
    /// Where a user's credits are, in the order in which they are spent
    Batches(batches::Args),
    /// What a service costs
    Price(catalog::PriceArgs),
    /// What is for sale
    Packages,
    /// Whether a user may buy
    CanPurchase(catalog::CanPurchaseArgs),
    /// Run jobs by hand, and look at what they did
    #[command(subcommand)]
    Job(job::Command),
    /// What was sold, granted, spent and lost in a time, and what is owed
    Report(report::Args),
    /// How the worker of this machine is
    Health(health::Args),
    /// Look at dead letters, replay them, throw them away
    #[command(subcommand)]
    Dead(dead::Command),
    /// What operators did by hand
    Audit(audit::Args),
    /// Check every invariant of the book
    Verify(verify::Args),
    /// Exchanges, queues and users on the broker
    #[command(subcommand)]
    Topology(topology::Command),
    /// Users of Redis
    #[command(subcommand)]
    Redis(redis_users::Command),
    /// Look at the configuration
    #[command(subcommand)]
    Config(config::Command),
}

impl Cli {
    /// Reads the configuration and does what was asked for.
    pub async fn run(self) -> Result<ExitCode, Failure> {
        let command = self.command.unwrap_or(Command::Run(run::Args::default()));
        let json = self.global.json;
        let context = match self.global.context() {
            Err(error) if json && matches!(command, Command::Config(config::Command::Check)) => {
                return config::tell_problems(error);
            }
            context => context?,
        };
        telemetry::start(&context.settings.logging, command.log_level());
        let patience = match command {
            Command::Run(_) => LAST_CHECKPOINT,
            // A worker that runs meanwhile moves its log itself.
            _ => Duration::ZERO,
        };
        let done = command.run(&context).await;
        context.files.close(patience).await;
        done
    }
}

impl Command {
    async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        match self {
            Self::Run(args) => run::run(context, args).await,
            Self::Demo(demo::Args {}) => demo::run(context).await,
            Self::Migrate(command) => migrate::run(context, command).await,
            Self::Publish(args) => publish::run(context, *args).await,
            Self::Replay(args) => replay::run(context, args).await,
            Self::Backup(args) => backup::run(context, args).await,
            Self::Balance(args) => balance::run(context, args).await,
            Self::Balances(args) => balances::run(context, args).await,
            Self::History(args) => history::run(context, args).await,
            Self::Batches(args) => batches::run(context, args).await,
            Self::Price(args) => catalog::price(context, &args),
            Self::Packages => catalog::packages(context),
            Self::CanPurchase(args) => catalog::can_purchase(context, args).await,
            Self::Job(command) => job::run(context, command).await,
            Self::Report(args) => report::run(context, args).await,
            Self::Health(args) => health::run(context, args).await,
            Self::Dead(command) => dead::run(context, command).await,
            Self::Audit(args) => audit::run(context, args).await,
            Self::Verify(args) => verify::run(context, args).await,
            Self::Topology(command) => topology::run(context, command).await,
            Self::Redis(command) => redis_users::run(context, &command),
            Self::Config(command) => config::run(context, &command),
        }
    }

    /// What is logged if nobody says otherwise: a server tells what it does, a command only what is wrong.
    const fn log_level(&self) -> &'static str {
        match self {
            Self::Run(_) => "info",
            _ => "warn",
        }
    }
}

impl Global {
    fn context(self) -> Result<Context, ConfigError> {
        let mut environment = Environment::of_process();
        if let Some(namespace) = self.namespace {
            environment.set("SCRIP_NAMESPACE", namespace);
        }
        let mut settings = Settings::load(self.config.as_deref(), &environment)?;
        if let Some(format) = self.log_format {
            settings.logging.format = match format {
                Format::Human => LogFormat::Human,
                Format::Json => LogFormat::Json,
            };
        }
        Ok(Context {
            settings,
            json: self.json,
            files: Files::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, builder::ValueParser};

    use super::*;

    /// Arguments that take any text, of a command and of its subcommands.
    fn texts(command: &clap::Command, found: &mut Vec<(String, bool)>) {
        let any_text = ValueParser::string().type_id();
        for argument in command.get_arguments() {
            if argument.get_action().takes_values() && argument.get_value_parser().type_id() == any_text {
                let name = format!("{} {}", command.get_name(), argument.get_id());
                found.push((name, argument.is_allow_hyphen_values_set()));
            }
        }
        for subcommand in command.get_subcommands() {
            texts(subcommand, found);
        }
    }

    #[test]
    fn every_argument_that_takes_any_text_takes_one_that_begins_with_a_hyphen() {
        let mut found = Vec::new();
        texts(&Cli::command(), &mut found);
        assert!(found.len() > 20, "{found:?}");
        let wrong: Vec<_> = found.iter().filter(|(_, allowed)| !allowed).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}
