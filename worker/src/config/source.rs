//! The sources of settings: the file, overridden by the environment.
//!
//! | variable | key |
//! |---|---|
//! | `DATABASE_URL`, `AMQP_URL`, `REDIS_URL` | `database.url`, `amqp.url`, `redis.url` |
//! | `DATABASE_URL_FILE`, and so on | the same keys, with the contents of that file |
//! | `SCRIP_USER_TOKEN_SECRET`, `SCRIP_USER_TOKEN_SECRET_FILE` | `http.user_token_secret` |
//! | `SCRIP_STRIPE_SECRETS`, `SCRIP_CREEM_SECRETS`, `…_FILE` | `payments.{stripe,creem}.secrets` |
//! | `SCRIP_NAMESPACE`, `SCRIP_DATA_DIR`, `RUST_LOG` | `namespace`, `data_dir`, `logging.filter` |
//! | `CREDIT_{LITE,STANDARD,PRO,MAX}_PRICE_ID` | `packages.lite.price_id`, and so on |
//! | `SCRIP_PRICES` | `prices`: `google:chat=2,llm:tokens=1/1000`, added to those of the file |
//! | `SCRIP__SECTION__KEY` | any other key, in lower case |
//!
//! A variable that is set but empty is refused: a container without its secrets must not fall back
//! to another ledger. The exception is `RUST_LOG`, which other programs read, too: an empty value
//! counts as not set.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use super::{
    problem::{ConfigError, Problem},
    secret_file,
    variables::{IN_FILES, LOG_FILTER, NAMED, NAMESPACE},
};

/// The file that is read if no other file is named and it exists.
const DEFAULT_FILE: &str = "scrip.toml";
const PREFIX: &str = "SCRIP__";
const CONFIG_FILE: &str = "SCRIP_CONFIG";
/// The option of the command line, which overrides file and environment.
const NAMESPACE_OPTION: &str = "--namespace";
/// Prices in one variable: shells accept no variable whose name has a service's colon in it.
const PRICES: &str = "SCRIP_PRICES";
const PRICE_IDS: [(&str, &str); 4] = [
    ("CREDIT_LITE_PRICE_ID", "lite"),
    ("CREDIT_STANDARD_PRICE_ID", "standard"),
    ("CREDIT_PRO_PRICE_ID", "pro"),
    ("CREDIT_MAX_PRICE_ID", "max"),
];

/// A snapshot of the environment variables.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    values: BTreeMap<String, String>,
    /// Variables whose value is not UTF-8.
    undecodable: BTreeSet<String>,
}

impl Environment {
    /// The variables of this process.
    pub fn of_process() -> Self {
        let mut environment = Self::default();
        for (name, value) in env::vars_os() {
            let Ok(name) = name.into_string() else {
                continue;
            };
            if value.to_str().is_none() {
                environment.undecodable.insert(name.clone());
            }
            environment
                .values
                .insert(name, value.to_string_lossy().into_owned());
        }
        environment
    }

    /// Sets the namespace of the command line, which replaces that of the variable.
    pub fn set_namespace(&mut self, namespace: String) {
        self.undecodable.remove(NAMESPACE);
        self.values.remove(NAMESPACE);
        self.values.insert(NAMESPACE_OPTION.to_owned(), namespace);
    }

    /// The value of a variable. `None` if it is not set or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The variables of this program with an unusable value: `(variable, key, found)`.
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

/// All values that were set, before they are checked.
#[derive(Debug, Default)]
pub struct Source {
    /// The file that was read. `None` without a file.
    pub file: Option<PathBuf>,
    /// The table of the file with the values of the environment.
    pub table: Table,
    /// The keys that the environment set, with variable and text.
    pub set_by: BTreeMap<String, (String, String)>,
    /// The keys that the file set.
    pub set_in_file: Vec<String>,
    /// Price ids of the environment by package, with variable and text.
    pub price_ids: BTreeMap<&'static str, (&'static str, String)>,
    /// Problems of the variables themselves.
    pub problems: Vec<Problem>,
}

impl Source {
    /// Reads the file, then the environment. If `file` is `None`, reads the file that
    /// `SCRIP_CONFIG` names, or `scrip.toml` if it exists. A list in the file replaces the built-in
    /// list. The environment adds to the one in use.
    pub fn read(
        file: Option<&Path>,
        environment: &Environment,
        built_in: [(&str, Table); 3],
    ) -> Result<Self, ConfigError> {
        let named = file.or_else(|| environment.get(CONFIG_FILE).map(Path::new));
        let default = Path::new(DEFAULT_FILE);
        let file = named.or_else(|| default.exists().then_some(default));
        let mut source = Self {
            file: file.map(Path::to_owned),
            table: file.map_or(Ok(Table::new()), read_file)?,
            ..Self::default()
        };
        keys_of(&source.table, "", &mut source.set_in_file);
        for (name, built_in) in built_in {
            source.table.entry(name).or_insert(Value::Table(built_in));
        }
        source.overlay(environment);
        Ok(source)
    }

    /// The origin of each value that is not built in, by key.
    pub fn origins(&self) -> BTreeMap<String, Origin> {
        let in_file = self
            .set_in_file
            .iter()
            .map(|key| (key.clone(), Origin::File));
        let set = self.set_by.iter();
        let set =
            set.map(|(key, (variable, _))| (key.clone(), Origin::Environment(variable.clone())));
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
        self.set_prices(environment.get(PRICES).unwrap_or_default());
        for (variable, text) in &environment.values {
            let Some(path) = variable.strip_prefix(PREFIX).filter(|_| !text.is_empty()) else {
                continue;
            };
            let path: Vec<String> = path.split("__").map(str::to_lowercase).collect();
            self.set(variable, &path, text);
        }
        if let Some(text) = environment.get(NAMESPACE_OPTION) {
            self.set(NAMESPACE_OPTION, &["namespace".to_owned()], text);
        }
    }

    /// Reads the URLs that are in files, the form in which container platforms provide secrets.
    fn read_secret_files(&mut self, environment: &Environment) {
        for (variable, file_variable, path) in IN_FILES {
            let Some(file) = environment.get(file_variable) else {
                continue;
            };
            let read = if environment.values.contains_key(variable) {
                Err((
                    format!("also set by {variable}"),
                    format!("one of {variable} and {file_variable}"),
                ))
            } else {
                secret_file::read(file)
                    .map_err(|found| (found, format!("a file that holds the value of {variable}")))
            };
            match read {
                Ok(text) => {
                    let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
                    self.set(file_variable, &path, &text);
                }
                Err((found, allowed)) => self.problems.push(Problem {
                    key: path.join("."),
                    variable: Some(file_variable.to_owned()),
                    found,
                    allowed,
                }),
            }
        }
    }

    /// Sets prices from `service=credits` and `service=credits/units`, separated by commas.
    fn set_prices(&mut self, text: &str) {
        let items = text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty());
        for item in items {
            let Some((service, price)) = item.rsplit_once('=') else {
                self.problems.push(Problem {
                    key: "prices".to_owned(),
                    variable: Some(PRICES.to_owned()),
                    found: format!("`{item}` among others"),
                    allowed: "a list such as google:chat=2,llm:tokens=1/1000".to_owned(),
                });
                continue;
            };
            let path = ["prices".to_owned(), service.trim().to_owned()];
            let price = price.trim();
            match price.split_once('/') {
                Some((credits, per)) => {
                    let price = format!("{{ credits = {credits}, per = {per} }}");
                    self.set(PRICES, &path, &price);
                }
                None => self.set(PRICES, &path, price),
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
                    found: format!("inside `{parent}`, which is a value, not a section"),
                    allowed: "a key of a section".to_owned(),
                });
                return;
            };
            table = inner;
        }
        // Of two keys that exclude each other, the variable replaces the other key, which may be
        // built in.
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
        self.set_by
            .insert(key, (variable.to_owned(), text.to_owned()));
    }
}

/// The origin of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The file.
    File,
    /// An environment variable, or the option of the command line.
    Environment(String),
}

/// The key that a variable sets. `None` for variables of other programs.
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
    if variable == PRICES {
        return Some("prices".to_owned());
    }
    if variable == NAMESPACE_OPTION {
        return Some("namespace".to_owned());
    }
    let path = variable.strip_prefix(PREFIX)?;
    Some(path.replace("__", ".").to_lowercase())
}

/// Collects the keys of all values below a table, with sections joined by dots.
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

/// The value of a variable's text: a TOML value if it is valid TOML, otherwise the text itself.
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
    // The full text of the parser would quote the line, which may contain a password.
    text.parse::<Table>()
        .map_err(|error: toml::de::Error| ConfigError::Syntax {
            path: path.to_owned(),
            line: error
                .span()
                .map_or(1, |span| 1 + newlines(&text, span.start)),
            message: error.message().to_owned(),
        })
}

fn newlines(text: &str, until: usize) -> usize {
    text.bytes()
        .take(until)
        .filter(|byte| *byte == b'\n')
        .count()
}
