//! `scrip migrate`: the schema.

use std::process::ExitCode;

use serde_json::json;

use super::{
    context::Context,
    failure::{Doing, Failure},
    print::{self, Rows},
    references,
};
use crate::store::RoleNames;

/// Create, drop or look at the schema.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Apply what the database does not have yet; all or nothing
    Up {
        /// Then grant worker and reader what they need, as the owner of the tables (PostgreSQL)
        #[arg(long)]
        grant: bool,
        #[command(flatten)]
        roles: Roles,
    },
    /// Drop every table of Scrip, with all data in them
    Down {
        /// Yes, all data
        #[arg(long)]
        yes: bool,
    },
    /// What the database has; exit code 1 if something is missing
    Status,
    /// Print the SQL that creates the database's roles and grants each what it needs (PostgreSQL)
    ///
    /// An owner migrates, a worker serves and can neither change the schema nor the history, a reader makes reports. Run
    /// the SQL as an administrator in Scrip's database, before the first `scrip migrate up` and after each update. It
    /// sets no passwords.
    #[command(after_help = GRANTS_EXAMPLES)]
    Grants {
        #[command(flatten)]
        roles: Roles,
    },
}

const GRANTS_EXAMPLES: &str = "\
Examples:
  scrip migrate grants | psql --set ON_ERROR_STOP=1 --dbname scrip
  scrip migrate up --grant                         the same grants, by the owner after migrating";

/// The names of the roles.
#[derive(Debug, clap::Args)]
pub struct Roles {
    /// The role that owns the tables and migrates
    #[arg(
        long,
        value_name = "ROLE",
        default_value = "scrip_owner",
        allow_hyphen_values = true
    )]
    owner: String,
    /// The role of workers and of the operator's commands
    #[arg(
        long,
        value_name = "ROLE",
        default_value = "scrip_worker",
        allow_hyphen_values = true
    )]
    worker: String,
    /// The role that reads, for reports
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

/// Does what was asked for.
pub async fn run(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    if matches!(command, Command::Down { yes: false }) {
        return Err(Failure::new(
            "this drops every wallet, batch and transaction; add --yes if that is what you want",
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
            migration::up(connection).await.doing(format!("migrate {url}"))?;
            references::set(context, &store).await?;
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
        .doing("read the schema's version")?;
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
