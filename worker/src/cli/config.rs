//! `scrip config`: the configuration.

use std::process::ExitCode;

use producer_sdk::Exposed;
use serde::Serialize;
use serde_json::json;
use toml::{Table, Value};

use super::{
    context::Context,
    failure::Failure,
    print::{self, Rows},
};
use crate::config::{Backend, ConfigError, Origin, PlainText, Settings};

/// Look at the configuration.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Tell everything that is wrong with it (exit code 1), and what is unsafe
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
            let warnings = warnings(context, &backend);
            if context.json {
                let (embedded, broker, database) = match &backend {
                    Backend::Servers { amqp, database } => {
                        (None, Some(amqp.to_string()), Some(database.to_string()))
                    }
                    Backend::Embedded { path } => (Some(path), None, None),
                };
                print::json(
                    &json!({ "ok": true, "file": file, "broker": broker, "database": database,
                    "embedded": embedded, "namespace": context.settings.namespace,
                    "warnings": warnings }),
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
            for Warning { key, found, advice } in &warnings {
                let found = print::escape(found);
                print::line(&format!("warning:   {key} is {found}; {advice}"))?;
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

/// What is allowed and unsafe.
#[derive(Serialize)]
struct Warning {
    key: &'static str,
    /// As a phrase that follows "is".
    found: String,
    /// What to do.
    advice: String,
}

fn warnings(context: &Context, backend: &Backend) -> Vec<Warning> {
    let plain_text = context.settings.plain_text().into_iter();
    let plain_text = plain_text.map(|PlainText { key, host, instead }| Warning {
        key,
        found: format!("without TLS to the host {host}"),
        advice: format!("use {instead}"),
    });
    let exposed = match backend {
        Backend::Embedded { path } => producer_sdk::exposed(path),
        Backend::Servers { .. } => Vec::new(),
    };
    let exposed = exposed.into_iter().map(|Exposed { path, mode }| Warning {
        key: "data_dir",
        found: format!("open to other users ({}, mode {mode:03o})", path.display()),
        advice: "take the permissions of group and others away (chmod go= …)".to_owned(),
    });
    plain_text.chain(exposed).collect()
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
