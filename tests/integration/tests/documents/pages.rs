//! The reference pages of the command line and of the configuration, compared with the program.

use std::collections::{BTreeMap, BTreeSet};

use clap::CommandFactory;
use scrip::{cli::Cli, config::Settings};
use testkit::sources::root;
use toml::{Table, Value};

/// Conformance: Documentation: the command line page lists every command and option, and no other.
#[test]
fn the_page_of_the_command_line_lists_the_options_of_every_command() {
    let page = page("command-line.md");
    let sections = sections(&page);
    let cli = Cli::command();
    let global: BTreeSet<String> = long_options(&cli, false);
    let mut wrong = Vec::new();
    for command in cli.get_subcommands() {
        let name = command.get_name();
        let Some(section) = sections.get(&format!("scrip {name}")) else {
            wrong.push(format!("`scrip {name}` has no section"));
            continue;
        };
        let expected = long_options(command, true);
        let found = options_in(section);
        let missing = expected.difference(&found);
        wrong.extend(missing.map(|option| format!("`scrip {name}` lacks `{option}`")));
        let surplus = found.difference(&expected);
        let surplus = surplus.filter(|option| !global.contains(*option));
        wrong.extend(surplus.map(|option| format!("`scrip {name}` has no `{option}`")));
    }
    assert!(sections.len() > 10, "{} sections", sections.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Conformance: Documentation: the configuration page lists every key with its default.
#[test]
fn the_page_of_the_configuration_lists_every_key_with_its_default() {
    let page = page("configuration.md");
    let rows: BTreeMap<&str, &str> = page.lines().filter_map(key_and_default).collect();
    assert!(rows.len() > 40, "{} rows", rows.len());
    let mut defaults = BTreeMap::new();
    defaults_of(&Settings::default().show(), "", &mut defaults);
    let mut wrong = Vec::new();
    for (key, default) in &defaults {
        match rows.get(key.as_str()) {
            None => wrong.push(format!("`{key}` has no row")),
            Some(row) if row.contains(&format!("`{default}`")) => {}
            Some(row) => wrong.push(format!("the default of `{key}` is `{default}`, not {row}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn page(name: &str) -> String {
    let path = root().join("docs/reference").join(name);
    std::fs::read_to_string(path).expect("the page can be read")
}

/// The text below each heading of the second level, by heading.
fn sections(page: &str) -> BTreeMap<String, &str> {
    let sections = page.split("\n## ").skip(1);
    let sections = sections.filter_map(|section| section.split_once('\n'));
    sections
        .map(|(head, text)| (head.to_owned(), text))
        .collect()
}

/// The long options of a command, and of its subcommands if `deep`.
fn long_options(command: &clap::Command, deep: bool) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(clap::Arg::get_long);
    let own = own.filter(|long| !["help", "version"].contains(long));
    let mut options: BTreeSet<String> = own.map(|long| format!("--{long}")).collect();
    if deep {
        for subcommand in command.get_subcommands() {
            options.extend(long_options(subcommand, true));
        }
    }
    options
}

/// The long options that a text names.
fn options_in(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_lowercase() || c == '-';
    let options = text.match_indices("--").filter_map(|(start, _)| {
        let end = text[start..]
            .find(|c| !is_part(c))
            .unwrap_or(text.len() - start);
        let before = text[..start].chars().next_back();
        let begins = before.is_none_or(|c| c.is_whitespace() || "`([".contains(c));
        (begins && end > 3).then(|| text[start..start + end].to_owned())
    });
    options.collect()
}

/// Key and default of a row of a table of keys.
fn key_and_default(line: &str) -> Option<(&str, &str)> {
    let mut cells = line.strip_prefix("| `")?.split(" | ");
    let key = cells.next()?.strip_suffix('`')?;
    Some((key, cells.next()?))
}

/// The keys with a default that is not a list of the user's own names.
fn defaults_of(table: &Table, path: &str, defaults: &mut BTreeMap<String, Value>) {
    for (name, value) in table {
        let key = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        match value {
            _ if ["packages", "plans", "prices", "data_dir"].contains(&key.as_str()) => {}
            Value::Table(inner) => defaults_of(inner, &key, defaults),
            _ => drop(defaults.insert(key, value.clone())),
        }
    }
}
