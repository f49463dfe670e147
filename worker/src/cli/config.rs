//! `scrip config`: checks, shows and creates the configuration.

use std::{
    fs::File,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use producer_sdk::Exposed;
use serde::Serialize;
use serde_json::json;
use toml::{Table, Value};

use super::{
    context::Context,
    failure::{Doing, Failure},
    print::{self, Rows},
};
use crate::{
    config::{Backend, ConfigError, Origin, PlainText, SecretUrl, Settings},
    db,
    http::tls::{self, TlsWarning},
};

/// Check, show or create the configuration
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Check the configuration, and warn of unsafe settings
    ///
    /// Exit code 1 if a key is wrong: the error lists every wrong key, the value found and the
    /// values allowed. The files of http.tls_certificate and http.tls_key are read, too. Unsafe
    /// settings are warnings and do not change the exit code.
    Check,
    /// Print every value in force and its source, without passwords
    Show,
    /// Write a new configuration file with every key, its default and its meaning, all commented
    /// out
    Init {
        /// File to write; it must not exist
        #[arg(default_value = "scrip.toml")]
        file: PathBuf,
    },
}

/// The example configuration: every key with its default and its meaning.
const EXAMPLE: &str = include_str!("../../../scrip.example.toml");

/// Runs a command. The configuration was read and validated before.
pub fn run(context: &Context, command: &Command) -> Result<ExitCode, Failure> {
    let backend = context.settings.backend()?;
    match command {
        Command::Init { file } => return init(file),
        Command::Show => show(context)?,
        Command::Check => {
            let file = context.settings.file.as_ref();
            let tls_warnings = match tls::check(&context.settings) {
                Ok(warnings) => warnings,
                Err(error) if context.json => return print_problems(error),
                Err(error) => return Err(error.into()),
            };
            let warnings = warnings(context, &backend, tls_warnings);
            if context.json {
                let (embedded, broker, database) = match &backend {
                    Backend::Servers { amqp, database } => {
                        (None, Some(amqp.to_string()), Some(database.to_string()))
                    }
                    Backend::Embedded { path } => (Some(path), None, None),
                };
                print::json(
                    &json!({ "ok": true, "file": file, "broker": broker, "database": database,
                    "databaseAddresses": match &backend {
                        Backend::Servers { database, .. } => addresses(database),
                        Backend::Embedded { .. } => Vec::new(),
                    },
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
                    for address in addresses(&database) {
                        print::line(&format!("           at {address}"))?;
                    }
                    print::line(&format!("namespace: {}", context.settings.namespace))?;
                }
                Backend::Embedded { path } => {
                    print::line(&format!("embedded:  {}", path.display()))?;
                }
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

/// The addresses of the database, as the driver reads them from the URL. Empty for a file.
fn addresses(database: &SecretUrl) -> Vec<String> {
    // The URL was checked when the configuration was read.
    db::addresses(database.expose()).unwrap_or_default()
}

/// Writes the example with every key commented out, so that the file does not pin today's defaults.
pub fn init(file: &Path) -> Result<ExitCode, Failure> {
    let mut text = String::new();
    for line in EXAMPLE.lines() {
        if !line.is_empty() && !line.starts_with('#') {
            text.push_str("# ");
        }
        text.push_str(line);
        text.push('\n');
    }
    let mut created = File::create_new(file).map_err(|error| {
        let exists = error.kind() == ErrorKind::AlreadyExists;
        let failure = Failure::cannot(format_args!("create {}", file.display()), error);
        if exists {
            failure.with_advice("name another file: `scrip config init FILE`")
        } else {
            failure
        }
    })?;
    created
        .write_all(text.as_bytes())
        .doing(format!("write {}", file.display()))?;
    print::line(&format!(
        "wrote {}: remove the `# ` before a section and before each key to change, then run \
         `scrip config check`",
        file.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the problems of a wrong configuration as JSON, for programs: exit code 1.
pub fn print_problems(error: ConfigError) -> Result<ExitCode, Failure> {
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

/// A setting that is allowed but unsafe.
#[derive(Serialize)]
struct Warning {
    key: &'static str,
    /// The unsafe state, as a phrase that follows "is".
    found: String,
    /// What to do.
    advice: String,
}

fn warnings(context: &Context, backend: &Backend, tls_warnings: Vec<TlsWarning>) -> Vec<Warning> {
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
        advice: "remove the permissions of group and others (chmod go= …)".to_owned(),
    });
    let tls_warnings = tls_warnings.into_iter();
    let tls_warnings =
        tls_warnings.map(|TlsWarning { key, found, advice }| Warning { key, found, advice });
    plain_text.chain(exposed).chain(tls_warnings).collect()
}

fn show(context: &Context) -> Result<(), Failure> {
    let table = context.settings.show();
    let mut values = Vec::new();
    flatten(&table, "", &mut values);
    let values = values
        .iter()
        .map(|(key, value)| (key, value, source(&context.settings, key)));
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

/// Collects every value with its full key: the names of its sections and its own, joined by dots. A
/// price for several units (a table with `per`) is one value.
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

/// Where a value comes from: a variable, the file, or `built in`. A key without a source of its own
/// has the source of a key inside it.
fn source(settings: &Settings, key: &str) -> String {
    let inner = format!("{key}.");
    let source = settings.origins.get(key).or_else(|| {
        let mut inside = settings.origins.iter();
        inside
            .find(|(name, _)| name.starts_with(&inner))
            .map(|(_, from)| from)
    });
    match (source, &settings.file) {
        (Some(Origin::Environment(variable)), _) => variable.clone(),
        (Some(Origin::File), Some(file)) => file.display().to_string(),
        _ => "built in".to_owned(),
    }
}
