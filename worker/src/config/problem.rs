//! The problems of a configuration: all at once, each with its key, the found value and the allowed
//! values.

use std::{fmt, path::PathBuf};

/// A wrong value or an unknown key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The full key, such as `ledger.max_user_balance`.
    pub key: String,
    /// The environment variable or the option that set the key. `None` if the file did.
    pub variable: Option<String>,
    /// The found value, as a phrase that follows "is".
    pub found: String,
    /// The allowed values, as a phrase that follows "allowed is".
    pub allowed: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.key)?;
        if let Some(variable) = &self.variable {
            write!(f, " (set by {variable})")?;
        }
        write!(f, " is {}; allowed is {}", self.found, self.allowed)
    }
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {path}")]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{path} is not valid TOML: line {line}: {message}")]
    Syntax {
        path: PathBuf,
        /// Line of the error, counted from 1.
        line: usize,
        /// The message of the parser.
        message: String,
    },
    /// Keys or values are wrong.
    #[error("{}", list(.0))]
    Wrong(Vec<Problem>),
}

fn list(problems: &[Problem]) -> String {
    let mut text = match problems {
        [_] => "the configuration is wrong:".to_owned(),
        _ => format!("the configuration is wrong in {} places:", problems.len()),
    };
    for problem in problems {
        text.push_str("\n  ");
        text.push_str(&problem.to_string());
    }
    text
}
