//! Where settings come from: the file, and over it the environment.
//!
//! | variable | key |
//! |---|---|
//! | `DATABASE_URL`, `AMQP_URL`, `REDIS_URL` | `database.url`, `amqp.url`, `redis.url` |
//! | `DATABASE_URL_FILE`, and so for the other two | the same, read from the file of that name |
//! | `SCRIP_NAMESPACE`, `SCRIP_DATA_DIR`, `RUST_LOG` | `namespace`, `data_dir`, `logging.filter` |
//! | `CREDIT_LITE_PRICE_ID`, and so for `STANDARD`, `PRO`, `MAX` | `packages.lite.price_id`, and so on |
//! | `SCRIP__SECTION__KEY` | any other key, in lower case |
//!
//! A variable that is set but empty is refused: a container whose secrets are missing must not fall back to another
//! ledger. Only `RUST_LOG`, which other programs read too, counts as not set when it is empty.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use super::{
    Packages, Plans, Prices,
    problem::{ConfigError, Problem},
    secret_file,
};

/// Read when no other file is named and it exists.
const DEFAULT_FILE: &str = "scrip.toml";
const PREFIX: &str = "SCRIP__";
const CONFIG_FILE: &str = "SCRIP_CONFIG";
const LOG_FILTER: &str = "RUST_LOG";
const NAMED: [(&str, &[&str]); 6] = [
    ("DATABASE_URL", &["database", "url"]),
    ("AMQP_URL", &["amqp", "url"]),
    ("REDIS_URL", &["redis", "url"]),
    ("SCRIP_NAMESPACE", &["namespace"]),
    ("SCRIP_DATA_DIR", &["data_dir"]),
    (LOG_FILTER, &["logging", "filter"]),
];
/// URLs that may also be read from a file: the variable, the one that names the file, and the key.
const IN_FILES: [(&str, &str, [&str; 2]); 3] = [
    ("DATABASE_URL", "DATABASE_URL_FILE", ["database", "url"]),
    ("AMQP_URL", "AMQP_URL_FILE", ["amqp", "url"]),
    ("REDIS_URL", "REDIS_URL_FILE", ["redis", "url"]),
];
const PRICE_IDS: [(&str, &str); 4] = [
    ("CREDIT_LITE_PRICE_ID", "lite"),
    ("CREDIT_STANDARD_PRICE_ID", "standard"),
    ("CREDIT_PRO_PRICE_ID", "pro"),
    ("CREDIT_MAX_PRICE_ID", "max"),
];

/// The environment variables that matter here.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    values: BTreeMap<String, String>,
    /// Variables whose value is not UTF-8.
    undecodable: BTreeSet<String>,
}

impl Environment {
    /// Those of this process.
    pub fn of_process() -> Self {
        let mut environment = Self::default();
        for (name, value) in env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            if value.to_str().is_none() {
                environment.undecodable.insert(name.clone());
            }
            environment
                .values
                .insert(name, value.to_string_lossy().into_owned());
        }
        environment
    }

    /// Sets a variable for this program, as the command line does.
    pub fn set(&mut self, name: &str, value: String) {
        self.undecodable.remove(name);
        self.values.insert(name.to_owned(), value);
    }

    /// The value of a variable that is set to something.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The variables of this program whose value cannot be used: `(variable, key, what is wrong)`.
    fn unusable(&self) -> impl Iterator<Item = (&str, String, &'static str)> {
        self.values.iter().filter_map(|(name, value)| {
            let key = key_of(name)?;
            if value.is_empty() {
                (name != LOG_FILTER).then_some((name.as_str(), key, "empty"))
            } else if self.undecodable.contains(name) {
                Some((name, key, "not UTF-8"))
            } else {
                None
            }
        })
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self {
            values: pairs.into_iter().collect(),
            undecodable: BTreeSet::new(),
        }
    }
}

/// Everything that was set, before anybody looked at what it says.
#[derive(Debug, Default)]
pub struct Source {
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// The file's table with the environment's values put into it.
    pub table: Table,
    /// The keys that the environment set: variable and text.
    pub set_by: BTreeMap<String, (String, String)>,
    /// The keys that the file set.
    pub set_in_file: Vec<String>,
    /// Price ids of the classic packages, by package: variable and text.
    pub price_ids: BTreeMap<&'static str, (&'static str, String)>,
    /// Variables that fit nowhere.
    pub problems: Vec<Problem>,
}

impl Source {
    /// Reads `file`, or the one that `SCRIP_CONFIG` names, or `scrip.toml` if there is one; then the environment.
    pub fn read(file: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        let named = file.or_else(|| environment.get(CONFIG_FILE).map(Path::new));
        let default = Path::new(DEFAULT_FILE);
        let file = named.or_else(|| default.exists().then_some(default));
        let mut source = Self {
            file: file.map(Path::to_owned),
            table: file.map_or(Ok(Table::new()), read_file)?,
            ..Self::default()
        };
        keys_of(&source.table, "", &mut source.set_in_file);
        // A list that the file has is the whole list; the environment adds to whichever it is.
        for (name, built_in) in [
            ("plans", Plans::default().show()),
            ("packages", Packages::default().show()),
            ("prices", Prices::default().show()),
        ] {
            source.table.entry(name).or_insert(Value::Table(built_in));
        }
        source.overlay(environment);
        Ok(source)
    }

    /// Where each value comes from that is not built in.
    pub fn origins(&self) -> BTreeMap<String, Origin> {
        let in_file = self.set_in_file.iter().map(|key| (key.clone(), Origin::File));
        let set = self.set_by.iter();
        let set = set.map(|(key, (variable, _))| (key.clone(), Origin::Environment(variable.clone())));
        let price_ids = self.price_ids.iter().map(|(package, (variable, _))| {
            let key = format!("packages.{package}.price_id");
            (key, Origin::Environment((*variable).to_owned()))
        });
        in_file.chain(set).chain(price_ids).collect()
    }

    fn overlay(&mut self, environment: &Environment) {
        for (variable, key, found) in environment.unusable() {
            self.problems.push(Problem {
                variable: Some(variable.to_owned()).filter(|variable| *variable != key),
                key,
                found: found.to_owned(),
                allowed: "a value; without the variable, the file or the default holds".to_owned(),
            });
        }
        for (variable, path) in NAMED {
            if let Some(text) = environment.get(variable) {
                let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
                self.set(variable, &path, text);
            }
        }
        self.read_secret_files(environment);
        for (variable, package) in PRICE_IDS {
            if let Some(text) = environment.get(variable) {
                self.price_ids.insert(package, (variable, text.to_owned()));
            }
        }
        for (variable, text) in &environment.values {
            let Some(path) = variable.strip_prefix(PREFIX).filter(|_| !text.is_empty()) else {
                continue;
            };
            let path: Vec<String> = path.split("__").map(str::to_lowercase).collect();
            self.set(variable, &path, text);
        }
    }

    /// Reads the URLs that are in files of their own, as container platforms hand secrets over.
    fn read_secret_files(&mut self, environment: &Environment) {
        for (variable, file_variable, path) in IN_FILES {
            let Some(file) = environment.get(file_variable) else {
                continue;
            };
            let read = if environment.values.contains_key(variable) {
                Err((
                    format!("set by {variable}, too"),
                    format!("one of {variable} and {file_variable}"),
                ))
            } else {
                secret_file::read(file).map_err(|found| (found, "a file that holds the URL".to_owned()))
            };
            match read {
                Ok(url) => self.set(file_variable, &path.map(ToOwned::to_owned), &url),
                Err((found, allowed)) => self.problems.push(Problem {
                    key: path.join("."),
                    variable: Some(file_variable.to_owned()),
                    found,
                    allowed,
                }),
            }
        }
    }

    fn set(&mut self, variable: &str, path: &[String], text: &str) {
        let key = path.join(".");
        let Some((last, parents)) = path.split_last() else {
            return;
        };
        let mut table = &mut self.table;
        for parent in parents {
            let entry = table
                .entry(parent.clone())
                .or_insert_with(|| Value::Table(Table::new()));
            let Value::Table(inner) = entry else {
                self.problems.push(Problem {
                    key,
                    variable: Some(variable.to_owned()),
                    found: format!("inside `{parent}`, which is a value and no section"),
                    allowed: "a key of a section".to_owned(),
                });
                return;
            };
            table = inner;
        }
        // Of two keys that exclude each other the one that is set takes the place of the other, which may be built in.
        let other = match last.as_str() {
            "validity" => "validity_days",
            "validity_days" => "validity",
            _ => "",
        };
        if !self
            .set_by
            .contains_key(&[parents, &[other.to_owned()]].concat().join("."))
        {
            table.remove(other);
        }
        table.insert(last.clone(), value_of(text));
        self.set_by.insert(key, (variable.to_owned(), text.to_owned()));
    }
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The file.
    File,
    /// An environment variable.
    Environment(String),
}

/// The key that a variable sets; none for variables of other programs.
fn key_of(variable: &str) -> Option<String> {
    if variable == CONFIG_FILE {
        return Some(CONFIG_FILE.to_owned());
    }
    if let Some((_, path)) = NAMED.iter().find(|(name, _)| *name == variable) {
        return Some(path.join("."));
    }
    if let Some((_, _, path)) = IN_FILES.iter().find(|(_, file, _)| *file == variable) {
        return Some(path.join("."));
    }
    if let Some((_, package)) = PRICE_IDS.iter().find(|(name, _)| *name == variable) {
        return Some(format!("packages.{package}.price_id"));
    }
    let path = variable.strip_prefix(PREFIX)?;
    Some(path.replace("__", ".").to_lowercase())
}

/// The keys of all values below a table, sections joined by dots.
fn keys_of(table: &Table, path: &str, keys: &mut Vec<String>) {
    for (name, value) in table {
        let key = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        match value {
            Value::Table(inner) => keys_of(inner, &key, keys),
            _ => keys.push(key),
        }
    }
}

/// What a variable's text means: a TOML value if it is one, else the text itself.
fn value_of(text: &str) -> Value {
    let document = format!("value = {text}");
    let parsed = document.parse::<Table>().ok();
    parsed
        .filter(|table| table.len() == 1)
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

fn read_file(path: &Path) -> Result<Table, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    // The parser's own text would quote the line, and the line may hold a password.
    text.parse::<Table>()
        .map_err(|error: toml::de::Error| ConfigError::Syntax {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| 1 + newlines(&text, span.start)),
            message: error.message().to_owned(),
        })
}

fn newlines(text: &str, until: usize) -> usize {
    text.bytes().take(until).filter(|byte| *byte == b'\n').count()
}
