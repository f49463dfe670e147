//! Why a command failed, for people: what was being done, then the causes.

use std::{error::Error, fmt};

use super::print::{OutputError, escape_lines};

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

    /// Whether the reader of stdout stopped reading, as `head` does. That is no failure.
    pub fn is_closed_pipe(&self) -> bool {
        let mut cause = self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static));
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<OutputError>() {
                return error.is_closed_pipe();
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

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn only_a_closed_stdout_is_no_failure_a_connection_that_broke_is_one() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(Failure::from(OutputError::from(broken())).is_closed_pipe());
        let while_writing = Err::<(), _>(OutputError::from(broken())).doing("write the report");
        assert!(while_writing.is_err_and(|failure| failure.is_closed_pipe()));
        assert!(!Failure::from(broken()).is_closed_pipe());
        let connection = lapin::Error::from(lapin::ErrorKind::IOError(std::sync::Arc::new(broken())));
        assert!(!Failure::from(connection).is_closed_pipe());
        let disk = OutputError::from(io::Error::from(io::ErrorKind::StorageFull));
        assert!(!Failure::from(disk).is_closed_pipe());
    }
}
