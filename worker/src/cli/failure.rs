//! Why a command failed, for people: what was being done, then the causes.

use std::{error::Error, fmt, io};

use super::print::escape_lines;

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    doing: Option<String>,
    cause: Option<Box<dyn Error + Send + Sync>>,
    /// The last line: what that means, and what to do about it.
    advice: Option<&'static str>,
}

impl Failure {
    /// A failure that says everything itself.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            doing: Some(what.into()),
            cause: None,
            advice: None,
        }
    }

    /// The same with a last line that says what that means, and what to do about it.
    #[must_use]
    pub fn with_advice(self, advice: &'static str) -> Self {
        Self {
            advice: Some(advice),
            ..self
        }
    }

    /// Whether somebody stopped reading our output, as `head` does. That is no failure.
    pub fn is_closed_pipe(&self) -> bool {
        let mut cause = self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static));
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<io::Error>() {
                return error.kind() == io::ErrorKind::BrokenPipe;
            }
            cause = error.source();
        }
        false
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            doing: None,
            cause: Some(Box::new(error)),
            advice: None,
        }
    }
}

/// Adds what was being done to an error.
pub trait Doing<T> {
    /// "cannot {what}", with the error as its cause.
    fn doing(self, what: impl Into<String>) -> Result<T, Failure>;
}

impl<T, E: Error + Send + Sync + 'static> Doing<T> for Result<T, E> {
    fn doing(self, what: impl Into<String>) -> Result<T, Failure> {
        self.map_err(|error| Failure {
            doing: Some(format!("cannot {}", what.into())),
            cause: Some(Box::new(error)),
            advice: None,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines: Vec<String> = self.doing.iter().cloned().collect();
        let mut cause = self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static));
        while let Some(error) = cause {
            let text = error.to_string();
            // Some libraries repeat their cause in their own text.
            if !lines.last().is_some_and(|last| last.ends_with(&text)) {
                lines.push(text);
            }
            cause = error.source();
        }
        f.write_str("error: ")?;
        f.write_str(&escape_lines(&lines.join("\n  caused by: ")))?;
        self.advice.map_or(Ok(()), |advice| write!(f, "\n{advice}"))
    }
}
