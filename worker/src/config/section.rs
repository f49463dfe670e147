//! Reading a section key by key. What is wrong is noted and the default returned, so that one pass finds every
//! problem; what nobody asked for is an unknown key.

use std::{cell::RefCell, collections::BTreeSet, ops::RangeInclusive, time::Duration};

use producer_sdk::{check_url, contract, parse_amqp_url};
use toml::{Table, Value};

use super::{duration, problem::Problem, secret::SecretUrl, source::Source};

/// Text for people that must not be long.
const SHOWN_CHARS: usize = 40;

/// What reading needs to know and finds out.
#[derive(Debug)]
pub struct Reading<'a> {
    source: &'a Source,
    problems: RefCell<Vec<Problem>>,
}

impl<'a> Reading<'a> {
    /// Nothing read yet.
    pub fn new(source: &'a Source) -> Self {
        Self {
            source,
            problems: RefCell::new(source.problems.clone()),
        }
    }

    /// The whole file.
    pub fn root(&'a self) -> Section<'a> {
        Section {
            reading: self,
            path: String::new(),
            table: Some(&self.source.table),
            known: RefCell::default(),
        }
    }

    /// Where the settings come from.
    pub const fn source(&self) -> &'a Source {
        self.source
    }

    /// Notes a problem with a key. A URL in the wrong place holds its password all the same.
    pub fn problem(&self, key: &str, found: impl Into<String>, allowed: impl Into<String>) {
        let found = Some(found.into()).filter(|found| !found.contains("://"));
        let variable = self.source.set_by.get(key).map(|(variable, _)| variable.clone());
        self.problems.borrow_mut().push(Problem {
            key: key.to_owned(),
            variable,
            found: found.unwrap_or_else(|| "a URL".to_owned()),
            allowed: allowed.into(),
        });
    }

    /// Everything that was wrong.
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
    /// A table in this one; empty if it is absent.
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

    /// Names of everything in it, for sections whose keys are names.
    pub fn names(&self) -> Vec<String> {
        self.table
            .map(|table| table.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// Whether a key is set.
    pub fn has(&self, name: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(name))
    }

    /// A truth value.
    pub fn boolean(&self, name: &str, default: bool) -> bool {
        match self.take(name) {
            None => default,
            Some(Value::Boolean(value)) => *value,
            Some(other) => self.wrong(name, found(other), "true or false", default),
        }
    }

    /// A whole number in a range.
    pub fn integer(&self, name: &str, range: RangeInclusive<i64>, default: i64) -> i64 {
        self.optional_integer(name, range).unwrap_or(default)
    }

    /// A whole number in a range, if it is set.
    pub fn optional_integer(&self, name: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let value = self.take(name)?;
        match value {
            Value::Integer(value) if range.contains(value) => Some(*value),
            other => self.wrong(name, found(other), whole_number(&range), None),
        }
    }

    /// The same for a key that must be there.
    pub fn required_integer(&self, name: &str, range: RangeInclusive<i64>) -> i64 {
        if !self.has(name) {
            self.known.borrow_mut().insert(name.to_owned());
            return self.wrong(name, "missing", whole_number(&range), *range.start());
        }
        self.integer(name, range.clone(), *range.start())
    }

    /// A small whole number from 1 on.
    pub fn count(&self, name: &str, max: u32, default: u32) -> u32 {
        let read = self.integer(name, 1..=i64::from(max), i64::from(default));
        u32::try_from(read).unwrap_or(default)
    }

    /// A text, if it is set.
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

    /// One of a few words.
    pub fn word<T: Copy>(&self, name: &str, words: &[(&str, T)], default: T) -> T {
        let Some(text) = self.text(name) else {
            return default;
        };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return *value;
        }
        let allowed: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        self.wrong(name, shown(&text), allowed.join(" or "), default)
    }

    /// A length of time such as `"90s"`.
    pub fn duration(&self, name: &str, range: RangeInclusive<Duration>, default: Duration) -> Duration {
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

    /// A URL with one of the schemes. What was found is never shown: it may hold a password.
    pub fn url(&self, name: &str, schemes: &[&str]) -> Option<SecretUrl> {
        let text = self.text(name)?;
        let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
        if schemes.contains(&scheme) {
            // A file and a socket have no host.
            let checked = match scheme {
                "sqlite" | "unix" | "redis+unix" => Ok(()),
                "amqp" | "amqps" => parse_amqp_url(&text).map(drop),
                _ => check_url(&text).map_err(str::to_owned),
            };
            let allowed = "a URL such as scheme://user:password@host:port/name";
            return match checked {
                Ok(()) => Some(SecretUrl::new(text)),
                Err(why) => self.wrong(name, format!("no such URL: {why}"), allowed, None),
            };
        }
        let allowed: Vec<String> = schemes.iter().map(|scheme| format!("{scheme}:")).collect();
        let allowed = format!("a URL that begins with {}", allowed.join(" or "));
        self.wrong(name, "no such URL", allowed, None)
    }

    /// A value that the section reads by itself.
    pub fn value(&self, name: &str) -> Option<&'a Value> {
        self.take(name)
    }

    /// Checks a name that is an id on the wire: a package, a plan, a service.
    pub fn check_id(&self, name: &str) {
        if contract::Command::consume("-", "-", name).check().is_err() {
            let allowed = "a name of 1 to 200 bytes of characters that can be seen, with spaces only inside";
            self.reading
                .problem(&self.path, format!("with the name {}", shown(name)), allowed);
        }
    }

    /// Notes a problem with one of its keys and gives `instead` back.
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

    /// Notes every key that nobody asked for.
    pub fn finish(self) {
        let known = self.known.borrow();
        let allowed = known.iter().cloned().collect::<Vec<_>>().join(", ");
        for name in self.names().iter().filter(|name| !known.contains(*name)) {
            self.reading
                .problem(&self.key(name), "an unknown key", format!("one of {allowed}"));
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

/// What a value is, as a phrase that follows "is".
pub fn found(value: &Value) -> String {
    match value {
        Value::String(text) => shown(text),
        Value::Table(_) => "a section".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        other => other.to_string(),
    }
}

/// "a whole number from 1 to 10".
pub fn whole_number(range: &RangeInclusive<i64>) -> String {
    format!("a whole number from {} to {}", range.start(), range.end())
}

fn shown(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN_CHARS).collect();
    let dots = if cut.len() < text.len() { "…" } else { "" };
    format!("{cut:?}{dots}")
}
