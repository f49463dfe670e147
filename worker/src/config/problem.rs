//! What is wrong with a configuration: every problem at once, each with its key, what was found and what is allowed.

use std::{fmt, path::PathBuf};

/// One wrong thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, as it stands in the file: `ledger.max_user_balance`.
    pub key: String,
    /// The environment variable that set it, if one did.
    pub variable: Option<String>,
    /// What was found, as a phrase that follows "is".
    pub found: String,
    /// What is allowed, as a phrase that follows "allowed is".
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

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {path}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{path} is not valid TOML: line {line}: {message}")]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Where, counted from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// It can be read, and says what cannot be.
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
