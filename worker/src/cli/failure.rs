//! The error of a command: the step that failed, its causes, and advice.

use std::{error::Error, fmt, process::ExitCode};

use serde_json::json;

use super::print::{OutputError, escape_json, escape_lines};

/// Exit code of a command that failed.
const FAILED: u8 = 1;
/// Exit code of a wrong command line, as of clap.
const USAGE: u8 = 2;

/// The error of a command, as the terminal or a program gets it.
#[derive(Debug)]
pub struct Failure {
    /// The step that failed, such as "cannot open the ledger", and its causes.
    error: anyhow::Error,
    /// The last line: what the failure means, and what to do.
    advice: Option<String>,
    exit_code: u8,
}

impl Failure {
    /// A failure without a cause: `text` is the complete error.
    pub fn new(text: impl Into<String>) -> Self {
        anyhow::Error::msg(text.into()).into()
    }

    /// The failure "cannot {step}", with its cause.
    pub fn cannot(step: impl fmt::Display, cause: impl Error + Send + Sync + 'static) -> Self {
        anyhow::Error::new(cause)
            .context(format!("cannot {step}"))
            .into()
    }

    /// Adds a last line that says what the failure means and what to do.
    #[must_use]
    pub fn with_advice(self, advice: impl Into<String>) -> Self {
        let advice = match self.advice {
            Some(first) => format!("{first}\n{}", advice.into()),
            None => advice.into(),
        };
        Self {
            advice: Some(advice),
            ..self
        }
    }

    /// Makes this a failure of the command line, such as clap does not find: arguments that do not
    /// fit together.
    #[must_use]
    pub fn as_usage(self) -> Self {
        Self {
            exit_code: USAGE,
            ..self
        }
    }

    /// The exit code of the program.
    pub fn exit_code(&self) -> ExitCode {
        self.exit_code.into()
    }

    /// The step that failed, then each cause.
    fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for error in self.error.chain() {
            let text = error.to_string();
            let text = without_source_line(&text);
            // Some libraries repeat their cause in their own text.
            if !lines.last().is_some_and(|last| last.ends_with(text)) {
                lines.push(text.to_owned());
            }
        }
        lines
    }

    /// The step that failed and its causes, one line each, without the prefix and the advice that
    /// the terminal shows.
    pub fn message(&self) -> String {
        self.lines().join("\n  caused by: ")
    }

    /// The failure for a program, as `{"error":{"message":"…","causes":["…"],"advice":"…"}}`
    /// without a line end.
    pub fn to_json(&self) -> String {
        let mut lines = self.lines();
        let causes = lines.split_off(lines.len().min(1));
        let mut error = json!({ "message": lines.pop(), "causes": causes });
        if let (Some(advice), Some(error)) = (&self.advice, error.as_object_mut()) {
            error.insert("advice".to_owned(), json!(advice));
        }
        escape_json(&json!({ "error": error }).to_string())
    }

    /// Whether the reader of stdout stopped reading, as `head` does. The program then exits with 0.
    pub fn is_closed_pipe(&self) -> bool {
        let mut causes = self.error.chain();
        causes
            .find_map(|error| error.downcast_ref())
            .is_some_and(OutputError::is_closed_pipe)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            error: error.into(),
            advice: None,
            exit_code: FAILED,
        }
    }
}

/// Adds the step that failed to an error.
pub trait Doing<T> {
    /// Turns the error into the failure "cannot {step}", with the error as its cause.
    fn doing(self, step: impl fmt::Display) -> Result<T, Failure>;
}

impl<T, E: Error + Send + Sync + 'static> Doing<T> for Result<T, E> {
    fn doing(self, step: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|error| Failure::cannot(step, error))
    }
}

/// Removes " at line N" from an error text: the driver of PostgreSQL appends the line in the source
/// of PostgreSQL that raised the error.
fn without_source_line(text: &str) -> &str {
    match text.rsplit_once(" at line ") {
        Some((text, line)) if line.bytes().all(|byte| byte.is_ascii_digit()) => text,
        _ => text,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("error: ")?;
        f.write_str(&escape_lines(&self.message()))?;
        match &self.advice {
            Some(advice) => write!(f, "\n{}", escape_lines(advice)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn only_a_closed_stdout_is_a_closed_pipe_and_a_broken_connection_is_not() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(Failure::from(OutputError::from(broken())).is_closed_pipe());
        let while_writing = Err::<(), _>(OutputError::from(broken())).doing("write the report");
        assert!(while_writing.is_err_and(|failure| failure.is_closed_pipe()));
        assert!(!Failure::from(broken()).is_closed_pipe());
        let connection =
            lapin::Error::from(lapin::ErrorKind::IOError(std::sync::Arc::new(broken())));
        assert!(!Failure::from(connection).is_closed_pipe());
        let disk = OutputError::from(io::Error::from(io::ErrorKind::StorageFull));
        assert!(!Failure::from(disk).is_closed_pipe());
    }
}
