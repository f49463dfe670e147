//! The command line: each command has a file of its own.
//!
//! The doc comment of a command's arguments is its help text.
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
mod csv;
mod dead;
mod demo;
mod failure;
mod health;
mod history;
mod holds;
mod http;
mod job;
mod migrate;
mod payments;
mod print;
mod progress;
mod publish;
mod quote;
mod recover;
mod redis_users;
mod references;
mod replay;
mod report;
mod run;
mod show;
mod signals;
mod start;
mod token;
mod topology;
mod values;
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

/// How long a worker that stops waits for other processes that read its SQLite file, so that the
/// file alone holds the whole ledger afterwards.
const LAST_CHECKPOINT: Duration = Duration::from_secs(5);

const EXAMPLES: &str = "\
Examples:
  scrip demo                                     a short example, in half a minute
  scrip run                                      a worker; without server URLs on one SQLite file
  scrip publish purchase --user u1 --package lite --purchase-id pi_1
  scrip publish consume --user u1 --service google:chat --wait
  scrip balance u1
  AMQP_URL=amqp://... DATABASE_URL=postgres://... scrip run --migrate";

/// Run and operate Scrip, a credit ledger that apps feed through RabbitMQ
///
/// With AMQP_URL and DATABASE_URL set, Scrip runs on RabbitMQ and PostgreSQL. With neither of them
/// set, it runs on one SQLite file in the user's data folder (the embedded default).
#[derive(Debug, Parser)]
#[command(name = "scrip", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Global {
    /// Configuration file. Default: the file named by SCRIP_CONFIG, else ./scrip.toml if it exists
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Prefix of every exchange and queue on the broker; overrides the configuration
    #[arg(long, global = true, value_name = "NAME", allow_hyphen_values = true)]
    namespace: Option<String>,
    /// Write JSON for programs, errors included
    #[arg(long, global = true)]
    json: bool,
    /// Format of log lines; overrides the configuration
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
    Run(run::Args),
    Http(http::Args),
    Demo(demo::Args),
    #[command(subcommand)]
    Migrate(migrate::Command),
    Publish(Box<publish::Args>),
    Replay(replay::Args),
    Backup(backup::Args),
    Balance(balance::Args),
    Balances(balances::Args),
    History(history::Args),
    Batches(batches::Args),
    Holds(holds::Args),
    Quote(quote::Args),
    Price(catalog::PriceArgs),
    /// List the packages that are for sale
    Packages,
    CanPurchase(catalog::CanPurchaseArgs),
    #[command(subcommand)]
    Job(job::Command),
    Report(report::Args),
    Health(health::Args),
    #[command(subcommand)]
    Dead(dead::Command),
    Audit(audit::Args),
    Verify(verify::Args),
    Recover(recover::Args),
    #[command(subcommand)]
    Token(token::Command),
    #[command(subcommand)]
    Payments(payments::Command),
    #[command(subcommand)]
    Topology(topology::Command),
    #[command(subcommand)]
    Redis(redis_users::Command),
    #[command(subcommand)]
    Config(config::Command),
}

impl Cli {
    /// Whether results and errors are written as JSON (`--json`).
    pub const fn is_json(&self) -> bool {
        self.global.json
    }

    /// Reads the configuration and runs the command.
    pub async fn run(self) -> Result<ExitCode, Failure> {
        let (command, json) = (self.command, self.global.json);
        if let Command::Config(config::Command::Init { file }) = &command {
            // `init` works without a valid configuration: the current file may be the wrong one.
            return config::init(file);
        }
        let context = match self.global.context() {
            Err(error) if json && matches!(command, Command::Config(config::Command::Check)) => {
                return config::print_problems(error);
            }
            context => context?,
        };
        telemetry::start(&context.settings.logging, command.log_level());
        let checkpoint_timeout = match command {
            Command::Run(_) => LAST_CHECKPOINT,
            // If a worker runs, it moves its log into the file itself.
            _ => Duration::ZERO,
        };
        let done = command.run(&context).await;
        context.files.close(checkpoint_timeout).await;
        done
    }
}

impl Command {
    async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        match self {
            Self::Run(args) => run::run(context, args).await,
            Self::Http(args) => http::run(context, args).await,
            Self::Demo(demo::Args {}) => demo::run(context).await,
            Self::Migrate(command) => migrate::run(context, command).await,
            Self::Publish(args) => publish::run(context, *args).await,
            Self::Replay(args) => replay::run(context, args).await,
            Self::Backup(args) => backup::run(context, args).await,
            Self::Balance(args) => balance::run(context, args).await,
            Self::Balances(args) => balances::run(context, args).await,
            Self::History(args) => history::run(context, args).await,
            Self::Batches(args) => batches::run(context, args).await,
            Self::Holds(args) => holds::run(context, args).await,
            Self::Quote(args) => quote::run(context, args).await,
            Self::Price(args) => catalog::price(context, &args),
            Self::Packages => catalog::packages(context),
            Self::CanPurchase(args) => catalog::can_purchase(context, args).await,
            Self::Job(command) => job::run(context, command).await,
            Self::Report(args) => report::run(context, args).await,
            Self::Health(args) => health::run(context, args).await,
            Self::Dead(command) => dead::run(context, command).await,
            Self::Audit(args) => audit::run(context, args).await,
            Self::Verify(args) => verify::run(context, args).await,
            Self::Recover(args) => recover::run(context, args).await,
            Self::Token(command) => token::run(context, command).await,
            Self::Payments(command) => payments::run(context, command).await,
            Self::Topology(command) => topology::run(context, command).await,
            Self::Redis(command) => redis_users::run(context, &command),
            Self::Config(command) => config::run(context, &command),
        }
    }

    /// The level that is logged by default: a worker logs what it does, other commands only what
    /// is wrong.
    const fn log_level(&self) -> &'static str {
        match self {
            Self::Run(_) | Self::Http(_) => "info",
            _ => "warn",
        }
    }
}

impl Global {
    fn context(self) -> Result<Context, ConfigError> {
        let mut environment = Environment::of_process();
        if let Some(namespace) = self.namespace {
            environment.set_namespace(namespace);
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

    /// Collects the arguments that take any text, of a command and of its subcommands: the name of
    /// each, and whether it allows a value that begins with a hyphen.
    fn text_arguments(command: &clap::Command, found: &mut Vec<(String, bool)>) {
        let any_text = ValueParser::string().type_id();
        for argument in command.get_arguments() {
            if argument.get_action().takes_values()
                && argument.get_value_parser().type_id() == any_text
            {
                let name = format!("{} {}", command.get_name(), argument.get_id());
                found.push((name, argument.is_allow_hyphen_values_set()));
            }
        }
        for subcommand in command.get_subcommands() {
            text_arguments(subcommand, found);
        }
    }

    /// Conformance: Configuration and command line: Every command accepts ids that begin with a
    /// hyphen
    #[test]
    fn a_text_argument_accepts_a_value_that_begins_with_a_hyphen() {
        let mut found = Vec::new();
        text_arguments(&Cli::command(), &mut found);
        assert!(found.len() > 20, "{found:?}");
        let wrong: Vec<_> = found.iter().filter(|(_, allowed)| !allowed).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}
