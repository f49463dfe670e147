//! Reads a section key by key. For a wrong value it notes a problem and returns the default, so
//! that one pass finds all problems. A key that was not read is an unknown key.

use std::{cell::RefCell, collections::BTreeSet, ops::RangeInclusive, time::Duration};

use producer_sdk::{amqp::parse_amqp_urls, check_url, contract};
use toml::{Table, Value};

use super::{duration, problem::Problem, secret::SecretUrl, source::Source};
use crate::db;

/// Maximum length of a quoted value in a message.
const SHOWN_CHARS: usize = 40;

/// The state of reading a configuration: its source and the problems so far.
#[derive(Debug)]
pub struct Reading<'a> {
    source: &'a Source,
    problems: RefCell<Vec<Problem>>,
}

impl<'a> Reading<'a> {
    pub fn new(source: &'a Source) -> Self {
        Self {
            source,
            problems: RefCell::new(source.problems.clone()),
        }
    }

    /// The top-level table.
    pub fn root(&'a self) -> Section<'a> {
        Section {
            reading: self,
            path: String::new(),
            table: Some(&self.source.table),
            known: RefCell::default(),
        }
    }

    pub const fn source(&self) -> &'a Source {
        self.source
    }

    /// Notes a problem with a key. A found value that contains a URL is not repeated, because the
    /// URL may contain a password.
    pub fn problem(&self, key: &str, found: impl Into<String>, allowed: impl Into<String>) {
        let found = Some(found.into()).filter(|found| !found.contains("://"));
        let variable = self
            .source
            .set_by
            .get(key)
            .map(|(variable, _)| variable.clone());
        self.problems.borrow_mut().push(Problem {
            key: key.to_owned(),
            variable,
            found: found.unwrap_or_else(|| "a URL".to_owned()),
            allowed: allowed.into(),
        });
    }

    /// All problems.
    pub fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }
}

/// A table of the configuration.
#[derive(Debug)]
pub struct Section<'a> {
    reading: &'a Reading<'a>,
    path: String,
    table: Option<&'a Table>,
    known: RefCell<BTreeSet<String>>,
}

impl<'a> Section<'a> {
    /// The table `name` in this one. Empty if it is absent.
    pub fn section(&self, name: &str) -> Section<'a> {
        let path = self.key(name);
        let table = match self.take(name) {
            None => None,
            Some(Value::Table(table)) => Some(table),
            Some(other) => {
                self.reading
                    .problem(&path, found(other), format!("a section `[{path}]`"));
                None
            }
        };
        Section {
            reading: self.reading,
            path,
            table,
            known: RefCell::default(),
        }
    }

    /// All keys of the table, for sections whose keys are names.
    pub fn names(&self) -> Vec<String> {
        self.table
            .map(|table| table.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// Whether a key is set.
    pub fn has(&self, name: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(name))
    }

    /// A boolean.
    pub fn boolean(&self, name: &str, default: bool) -> bool {
        match self.take(name) {
            None => default,
            Some(Value::Boolean(value)) => *value,
            Some(other) => self.wrong(name, found(other), "true or false", default),
        }
    }

    /// An integer in a range.
    pub fn integer(&self, name: &str, range: RangeInclusive<i64>, default: i64) -> i64 {
        self.optional_integer(name, range).unwrap_or(default)
    }

    /// An integer in a range. `None` if it is not set.
    pub fn optional_integer(&self, name: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let value = self.take(name)?;
        match value {
            Value::Integer(value) if range.contains(value) => Some(*value),
            other => self.wrong(name, found(other), whole_number(&range), None),
        }
    }

    /// An integer in a range, for a required key.
    pub fn required_integer(&self, name: &str, range: RangeInclusive<i64>) -> i64 {
        if !self.has(name) {
            self.known.borrow_mut().insert(name.to_owned());
            return self.wrong(name, "missing", whole_number(&range), *range.start());
        }
        self.integer(name, range.clone(), *range.start())
    }

    /// An integer from 1 to `max`.
    pub fn count(&self, name: &str, max: u32, default: u32) -> u32 {
        let read = self.integer(name, 1..=i64::from(max), i64::from(default));
        u32::try_from(read).unwrap_or(default)
    }

    /// A text. `None` if it is not set.
    pub fn text(&self, name: &str) -> Option<String> {
        let value = self.take(name)?;
        if let Some((_, text)) = self.reading.source.set_by.get(&self.key(name)) {
            return Some(text.clone());
        }
        match value {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            other => self.wrong(name, found(other), "a text in quotes", None),
        }
    }

    /// The value of one of the `words`.
    pub fn word<T: Copy>(&self, name: &str, words: &[(&str, T)], default: T) -> T {
        let Some(text) = self.text(name) else {
            return default;
        };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return *value;
        }
        let allowed: Vec<String> = words
            .iter()
            .map(|(word, _)| format!("\"{word}\""))
            .collect();
        self.wrong(name, shown(&text), allowed.join(" or "), default)
    }

    /// A duration such as `"90s"`.
    pub fn duration(
        &self,
        name: &str,
        range: RangeInclusive<Duration>,
        default: Duration,
    ) -> Duration {
        let allowed = format!(
            "a number with a unit (ms, s, m, h, d) in quotes, from \"{}\" to \"{}\"",
            duration::format(*range.start()),
            duration::format(*range.end())
        );
        let text = match self.take(name) {
            None => return default,
            Some(Value::String(text)) => text,
            Some(other) => return self.wrong(name, found(other), allowed, default),
        };
        match duration::parse(text).filter(|value| range.contains(value)) {
            Some(value) => value,
            None => self.wrong(name, shown(text), allowed, default),
        }
    }

    /// A URL with one of the schemes. The found value is never shown: it may contain a password.
    pub fn url(&self, name: &str, schemes: &[&str]) -> Option<SecretUrl> {
        let text = self.text(name)?;
        let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
        if schemes.contains(&scheme) {
            // URLs of files and sockets have no host to check.
            let checked = match scheme {
                "sqlite" | "unix" | "redis+unix" => Ok(()),
                "amqp" | "amqps" => parse_amqp_urls(&text).map(drop),
                "postgres" | "postgresql" => check_url(&text)
                    .map_err(str::to_owned)
                    .and_then(|()| db::addresses(&text).map(drop)),
                _ => check_url(&text).map_err(str::to_owned),
            };
            let allowed = match scheme {
                "amqp" | "amqps" => {
                    "a URL such as amqp://user:password@host:port/name, or several of them, \
                     separated by commas, that differ in host and port only"
                }
                _ => "a URL such as scheme://user:password@host:port/name",
            };
            return match checked {
                Ok(()) => Some(SecretUrl::new(text)),
                Err(why) => self.wrong(name, format!("not a valid URL: {why}"), allowed, None),
            };
        }
        let allowed: Vec<String> = schemes.iter().map(|scheme| format!("{scheme}:")).collect();
        let allowed = format!("a URL that begins with {}", allowed.join(" or "));
        self.wrong(name, "not a valid URL", allowed, None)
    }

    /// A value that the section reads by itself.
    pub fn value(&self, name: &str) -> Option<&'a Value> {
        self.take(name)
    }

    /// Checks a name that is an id on the wire: a package, a plan, a service.
    pub fn check_id(&self, name: &str) {
        if contract::Command::consume("-", "-", name).check().is_err() {
            let allowed =
                "names of 1 to 200 bytes of visible characters, with spaces only inside a name";
            self.reading.problem(
                &self.path,
                format!("a section with the name {}", shown(name)),
                allowed,
            );
        }
    }

    /// Notes a problem with a key of this section and returns `instead`.
    pub fn wrong<T>(
        &self,
        name: &str,
        found: impl Into<String>,
        allowed: impl Into<String>,
        instead: T,
    ) -> T {
        self.reading.problem(&self.key(name), found, allowed);
        instead
    }

    /// Notes every key that was not read as unknown.
    pub fn finish(self) {
        let known = self.known.borrow();
        let allowed = known.iter().cloned().collect::<Vec<_>>().join(", ");
        for name in self.names().iter().filter(|name| !known.contains(*name)) {
            self.reading.problem(
                &self.key(name),
                "an unknown key",
                format!("one of {allowed}"),
            );
        }
    }

    fn take(&self, name: &str) -> Option<&'a Value> {
        self.known.borrow_mut().insert(name.to_owned());
        self.table?.get(name)
    }

    fn key(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }
}

/// A found value, as a phrase that follows "is".
pub fn found(value: &Value) -> String {
    match value {
        Value::String(text) => shown(text),
        Value::Table(_) => "a section".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        other => other.to_string(),
    }
}

/// The phrase "a whole number from … to …" for a range.
pub fn whole_number(range: &RangeInclusive<i64>) -> String {
    format!("a whole number from {} to {}", range.start(), range.end())
}

fn shown(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN_CHARS).collect();
    let dots = if cut.len() < text.len() { "…" } else { "" };
    format!("{cut:?}{dots}")
}
