//! `scrip migrate`: the schema.

use std::process::ExitCode;

use serde_json::json;

use super::{
    context::Context,
    failure::{Doing, Failure},
    print::{self, Rows},
};

/// Create, drop or look at the schema.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Apply what the database does not have yet; all or nothing
    Up,
    /// Drop every table of Scrip, with all data in them
    Down {
        /// Yes, all data
        #[arg(long)]
        yes: bool,
    },
    /// What the database has; exit code 1 if something is missing
    Status,
}

/// Does what was asked for.
pub async fn run(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    if matches!(command, Command::Down { yes: false }) {
        return Err(Failure::new(
            "this drops every wallet, batch and transaction; add --yes if that is what you want",
        ));
    }
    let url = context.settings.ledger_url()?;
    let store = context.database().await?;
    let connection = store.connection();
    match command {
        Command::Up => {
            store.require_utf8().await.doing(format!("migrate {url}"))?;
            migration::up(connection).await.doing(format!("migrate {url}"))?;
        }
        Command::Down { .. } => migration::down(connection)
            .await
            .doing(format!("drop the schema of {url}"))?,
        Command::Status => {}
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
