//! `scrip migrate`: creates, drops and inspects the schema.

use std::process::ExitCode;

use serde_json::json;

use super::{
    context::Context,
    failure::{Doing, Failure},
    print::{self, Rows},
    references,
};
use crate::db::RoleNames;

/// Create, drop or inspect the schema of the database
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Apply the migrations that the database lacks; all or nothing
    Up {
        /// Then grant worker and reader their privileges, as the owner of the tables (PostgreSQL)
        #[arg(long)]
        grant: bool,
        #[command(flatten)]
        roles: Roles,
    },
    /// Drop every table of Scrip with all data
    Down {
        /// Confirm that all data is deleted; required
        #[arg(long)]
        yes: bool,
    },
    /// List the migrations and whether each is applied
    ///
    /// Exit code 1 if a migration is missing.
    Status,
    /// Print the SQL that creates the database roles and their privileges (PostgreSQL)
    ///
    /// There are three roles. The owner migrates the schema. The worker serves, and can change
    /// neither the schema nor the history. The reader makes reports. Run the SQL as an
    /// administrator in Scrip's database, before the first `scrip migrate up` and after each
    /// update. The SQL sets no passwords.
    #[command(after_help = GRANTS_EXAMPLES)]
    Grants {
        #[command(flatten)]
        roles: Roles,
    },
}

const GRANTS_EXAMPLES: &str = "\
Examples:
  scrip migrate grants | psql --set ON_ERROR_STOP=1 --dbname scrip
  scrip migrate up --grant                         the same grants, by the owner after a migration";

/// The names of the database roles.
#[derive(Debug, clap::Args)]
pub struct Roles {
    /// Role that owns the tables and migrates them
    #[arg(
        long,
        value_name = "ROLE",
        default_value = "scrip_owner",
        allow_hyphen_values = true
    )]
    owner: String,
    /// Role of workers, and of commands that change the ledger
    #[arg(
        long,
        value_name = "ROLE",
        default_value = "scrip_worker",
        allow_hyphen_values = true
    )]
    worker: String,
    /// Role that only reads, for reports
    #[arg(
        long,
        value_name = "ROLE",
        default_value = "scrip_reader",
        allow_hyphen_values = true
    )]
    reader: String,
}

impl Roles {
    fn names(&self) -> Result<RoleNames, Failure> {
        Ok(RoleNames::new(&self.owner, &self.worker, &self.reader)?)
    }
}

/// Runs a subcommand.
pub async fn run(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    if matches!(command, Command::Down { yes: false }) {
        return Err(Failure::new(
            "this drops every wallet, batch and transaction; add --yes to confirm",
        ));
    }
    if let Command::Grants { roles } = &command {
        print::text(&roles.names()?.script())?;
        return Ok(ExitCode::SUCCESS);
    }
    let url = context.settings.ledger_url()?;
    let store = context.database().await?;
    let connection = store.connection();
    match &command {
        Command::Up { grant, roles } => {
            let roles = roles.names()?;
            store.require_utf8().await.doing(format!("migrate {url}"))?;
            migration::up(connection)
                .await
                .doing(format!("migrate {url}"))?;
            references::set(&context.settings, &store).await?;
            if *grant {
                roles
                    .grant(&store)
                    .await
                    .doing(format!("grant privileges in {url}"))?;
            }
        }
        Command::Down { .. } => migration::down(connection)
            .await
            .doing(format!("drop the schema of {url}"))?,
        Command::Status | Command::Grants { .. } => {}
    }
    let steps = migration::status(connection)
        .await
        .doing("read the schema version")?;
    let missing = steps.iter().filter(|step| !step.applied).count();
    if context.json {
        let steps: Vec<_> = steps
            .iter()
            .map(|step| json!({ "name": step.name, "applied": step.applied }))
            .collect();
        print::json(&json!({ "current": missing == 0, "migrations": steps }))?;
    } else {
        print::line(&format!("database: {url}"))?;
        let mut rows = Rows::new(&["migration", "applied"]);
        for step in &steps {
            rows.push([step.name.as_str(), if step.applied { "yes" } else { "no" }]);
        }
        rows.print()?;
    }
    let failed = missing > 0 && matches!(command, Command::Status);
    Ok(ExitCode::from(u8::from(failed)))
}
