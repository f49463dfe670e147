//! Names that users build upon: a change of one is a change of the interface, and shows here.

use std::collections::BTreeSet;

use clap::CommandFactory;
use scrip::{cli::Cli, config::Settings};
use sea_orm::{ConnectionTrait, Statement};
use testkit::{
    db::TestDatabase,
    sources::{files, root},
};
use toml::{Table, Value};

use super::written;

const HEAD: &str = "\
# Names that do not change without a new version: metrics with their labels, flags, headers, tables with their columns,
# and keys of the configuration. Written by tests/integration/tests/documents/names.rs.";

#[tokio::test]
async fn the_list_of_frozen_names_is_that_of_the_program() {
    let mut names = BTreeSet::new();
    metrics(&mut names);
    flags(&Cli::command(), "scrip", &mut names);
    headers(&mut names);
    columns(&mut names).await;
    keys(&Settings::default().show(), "", &mut names);
    example_keys(&mut names);
    for kind in ["column", "flag", "header", "key", "metric"] {
        let count = names.iter().filter(|name| name.starts_with(kind)).count();
        assert!(count > 5, "{count} of {kind}");
    }
    let names: Vec<String> = names.into_iter().collect();
    written::compare(
        "docs/reference/names.txt",
        &format!("{HEAD}\n{}\n", names.join("\n")),
    );
}

#[test]
fn the_schema_page_describes_every_column() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).expect("a page");
    let (names, page) = (
        read("docs/reference/names.txt"),
        read("docs/reference/schema.md"),
    );
    let columns = names
        .lines()
        .filter_map(|line| line.strip_prefix("column ")?.split_once('.'));
    let mut missing = Vec::new();
    for (table, column) in columns {
        let heading = format!("\n### `{table}`\n");
        let section = page.split_once(&heading).map_or("", |(_, rest)| rest);
        let section = section.split("\n#").next().unwrap_or_default();
        let name = format!("`{column}`");
        let mut cells = section.lines().filter_map(|line| line.split('|').nth(1));
        if !cells.any(|cell| cell.contains(&name)) {
            missing.push(format!("{table}.{column}"));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The quoted texts of a source.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}

/// A metric is added by a call of `family`, or of `single` if it has no labels. The labels of a
/// family are between the call before it and its own end.
fn metrics(names: &mut BTreeSet<String>) {
    let is_source =
        |path: &str| path.starts_with("worker/src/monitor/") && path.ends_with("metrics.rs");
    let sources = files("rs").into_iter();
    let sources = sources.filter(|file| is_source(&file.path));
    let text: Vec<String> = sources.map(|file| file.text).collect();
    assert!(text.len() > 1, "the sources of the metrics");
    let text = text.concat();
    let is_name = |text: &&str| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let mut rest = text.as_str();
    while let Some(at) = rest.find("\"scrip_") {
        let name = rest[at + 1..].split('"').next().unwrap_or_default();
        assert!(is_name(&name), "{name}");
        let end = at + end_of_call(&rest[at..]);
        let labels = rest[..end].split("(\"").skip(1);
        let labels = labels.filter_map(|rest| rest.split_once("\", "));
        let labels: BTreeSet<&str> = labels.map(|(label, _)| label).filter(is_name).collect();
        let labels: Vec<&str> = labels.into_iter().collect();
        names.insert(format!("metric {name}{{{}}}", labels.join(",")));
        rest = &rest[end..];
    }
}

/// The length of the rest of a call whose arguments begin with `text`.
fn end_of_call(text: &str) -> usize {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        depth += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        if depth == 0 {
            return at + 1;
        }
    }
    text.len()
}

fn flags(command: &clap::Command, path: &str, names: &mut BTreeSet<String>) {
    for argument in command.get_arguments() {
        match argument.get_long() {
            Some("help" | "version") => {}
            Some(long) => drop(names.insert(format!("flag {path} --{long}"))),
            None => drop(names.insert(format!("flag {path} <{}>", argument.get_id()))),
        }
    }
    for subcommand in command.get_subcommands() {
        let path = format!("{path} {}", subcommand.get_name());
        names.insert(format!("flag {path}"));
        flags(subcommand, &path, names);
    }
}

fn headers(names: &mut BTreeSet<String>) {
    let sources = files("rs");
    let source = sources
        .iter()
        .find(|file| file.path == "producer-sdk/src/contract/headers.rs")
        .expect("the source of the headers");
    let constants = source
        .text
        .lines()
        .filter(|line| line.starts_with("pub const"));
    names.extend(
        constants
            .flat_map(quoted)
            .map(|name| format!("header {name}")),
    );
}

/// The tables of both databases. Both have the same columns where they have the same table.
async fn columns(names: &mut BTreeSet<String>) {
    let servers = "SELECT c.table_name || '.' || c.column_name AS name FROM information_schema.columns c \
                     JOIN information_schema.tables t USING (table_schema, table_name) \
                    WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'";
    let file = "SELECT t.name || '.' || c.name AS name FROM sqlite_master t, pragma_table_info(t.name) c \
                 WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'";
    for (database, sql) in [
        (TestDatabase::postgres().await, servers),
        (TestDatabase::sqlite().await, file),
    ] {
        migration::up(database.connection())
            .await
            .expect("a schema");
        let backend = database.connection().get_database_backend();
        let statement = Statement::from_string(backend, sql);
        let rows = database.connection().query_all_raw(statement).await;
        for row in rows.expect("columns") {
            let name: String = row.try_get_by("name").expect("a name");
            names.insert(format!("column {name}"));
        }
    }
}

/// Keys without a default are in the example file, commented out.
fn example_keys(names: &mut BTreeSet<String>) {
    let path = root().join("scrip.example.toml");
    let text = std::fs::read_to_string(path).expect("the example");
    let mut section = String::new();
    for line in text.lines().map(|line| line.trim_start_matches("# ")) {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.split(']').next())
        {
            section = format!("{name}.");
            for list in ["packages.", "plans.", "senders.limits."] {
                if section.starts_with(list) {
                    section = format!("{list}*.");
                }
            }
            continue;
        }
        let Some((key, _)) = line.split_once(" = ") else {
            continue;
        };
        let is_key = key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        if is_key && section != "prices." {
            names.insert(format!("key {section}{key}"));
        }
    }
}

/// Keys below a section whose names users choose are `*`.
fn keys(table: &Table, path: &str, names: &mut BTreeSet<String>) {
    for (name, value) in table {
        let name = if ["packages", "plans", "prices"].contains(&path) {
            "*"
        } else {
            name
        };
        let key = if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        };
        match value {
            Value::Table(inner) => keys(inner, &key, names),
            _ => drop(names.insert(format!("key {key}"))),
        }
    }
}
