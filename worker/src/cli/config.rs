//! `scrip config`: the configuration.

use std::process::ExitCode;

use serde_json::json;
use toml::{Table, Value};

use super::{
    context::Context,
    failure::Failure,
    print::{self, Rows},
};
use crate::config::{Backend, ConfigError, Origin, Settings};

/// Look at the configuration.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Tell everything that is wrong with it: exit code 1
    Check,
    /// Print what is in force and where each value comes from, without passwords
    Show,
}

/// Checks or shows it. That it could be read at all has been found out before.
pub fn run(context: &Context, command: &Command) -> Result<ExitCode, Failure> {
    let backend = context.settings.backend()?;
    match command {
        Command::Show => show(context)?,
        Command::Check => {
            let file = context.settings.file.as_ref();
            if context.json {
                let (embedded, broker, database) = match &backend {
                    Backend::Servers { amqp, database } => {
                        (None, Some(amqp.to_string()), Some(database.to_string()))
                    }
                    Backend::Embedded { path } => (Some(path), None, None),
                };
                print::json(
                    &json!({ "ok": true, "file": file, "broker": broker, "database": database,
                    "embedded": embedded, "namespace": context.settings.namespace }),
                )?;
                return Ok(ExitCode::SUCCESS);
            }
            let file = file.map_or_else(|| "none".to_owned(), |file| file.display().to_string());
            print::line(&format!("file:      {file}"))?;
            match backend {
                Backend::Servers { amqp, database } => {
                    print::line(&format!("broker:    {amqp}"))?;
                    print::line(&format!("database:  {database}"))?;
                    print::line(&format!("namespace: {}", context.settings.namespace))?;
                }
                Backend::Embedded { path } => print::line(&format!("embedded:  {}", path.display()))?,
            }
            print::line("ok")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells a program what is wrong with the configuration: exit code 1.
pub fn tell_problems(error: ConfigError) -> Result<ExitCode, Failure> {
    let ConfigError::Wrong(problems) = error else {
        return Err(error.into());
    };
    let problems: Vec<_> = problems
        .iter()
        .map(|problem| {
            json!({ "key": problem.key, "variable": problem.variable, "found": problem.found,
                "allowed": problem.allowed })
        })
        .collect();
    print::json(&json!({ "ok": false, "problems": problems }))?;
    Ok(ExitCode::FAILURE)
}

fn show(context: &Context) -> Result<(), Failure> {
    let table = context.settings.show();
    let mut values = Vec::new();
    flatten(&table, "", &mut values);
    let values = values
        .iter()
        .map(|(key, value)| (key, value, origin(&context.settings, key)));
    if context.json {
        let items: Vec<_> = values
            .map(|(key, value, from)| json!({ "key": key, "value": value, "from": from }))
            .collect();
        print::json(&items)?;
        return Ok(());
    }
    let mut rows = Rows::new(&["key", "value", "from"]);
    for (key, value, from) in values {
        rows.push([key.clone(), value.to_string(), from]);
    }
    rows.print()?;
    Ok(())
}

/// Every value with its key, sections joined by dots. A price for several units is one value.
fn flatten<'a>(table: &'a Table, path: &str, values: &mut Vec<(String, &'a Value)>) {
    for (name, value) in table {
        let key = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        match value {
            Value::Table(inner) if !inner.contains_key("per") => flatten(inner, &key, values),
            _ => values.push((key, value)),
        }
    }
}

fn origin(settings: &Settings, key: &str) -> String {
    let inner = format!("{key}.");
    let origin = settings.origins.get(key).or_else(|| {
        let mut inside = settings.origins.iter();
        inside
            .find(|(name, _)| name.starts_with(&inner))
            .map(|(_, from)| from)
    });
    match (origin, &settings.file) {
        (Some(Origin::Environment(variable)), _) => variable.clone(),
        (Some(Origin::File), Some(file)) => file.display().to_string(),
        _ => "built in".to_owned(),
    }
}
