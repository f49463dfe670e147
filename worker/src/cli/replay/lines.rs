//! A file of commands: one JSON body on each line. Blank lines are skipped.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::Path,
};

use producer_sdk::{
    Command,
    contract::{Origin, Rejection},
};
use sha2::{Digest, Sha256};

use crate::{
    cli::failure::{Doing, Failure},
    dead_letters::hexadecimal,
};

const STDIN: &str = "-";
/// The number of wrong lines that an error lists.
const MAX_LISTED: usize = 20;
/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The text of a file of commands.
#[derive(Debug)]
pub struct Lines {
    text: Vec<u8>,
}

/// The wrong lines of a file, each with its number and its error.
#[derive(Debug)]
pub struct Wrong(Vec<(usize, Rejection)>);

impl Lines {
    /// Reads a file or stdin. Skips a byte order mark at the start, which some editors write.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let mut text = Vec::new();
        let read = if path == Path::new(STDIN) {
            io::stdin().lock().read_to_end(&mut text).map(drop)
        } else {
            fs::read(path).map(|read| text = read)
        };
        read.doing(format!("read {}", path.display()))?;
        Ok(Self::new(text))
    }

    fn new(mut text: Vec<u8>) -> Self {
        if text.starts_with(BYTE_ORDER_MARK) {
            text.drain(..BYTE_ORDER_MARK.len());
        }
        Self { text }
    }

    /// The number of commands.
    pub fn commands(&self) -> usize {
        self.bodies().count()
    }

    /// Checks every line and returns the wrong ones.
    pub fn check(&self) -> Wrong {
        let wrong = self
            .bodies()
            .filter_map(|(number, body)| Some((number, command(body).err()?)));
        Wrong(wrong.collect())
    }

    /// Every command with its line number, from 1.
    pub fn each(&self) -> impl Iterator<Item = (usize, Result<Command, Failure>)> {
        self.bodies()
            .map(|(number, body)| (number, command(body).map_err(Failure::from)))
    }

    /// The number of commands of each type.
    pub fn types(&self) -> BTreeMap<&'static str, u64> {
        let mut types = BTreeMap::new();
        for (_, body) in self.bodies() {
            if let Ok(command) = command(body) {
                *types.entry(command.kind().as_str()).or_default() += 1;
            }
        }
        types
    }

    /// The SHA-256 of the text without a byte order mark at its start, in hexadecimal.
    pub fn sha256(&self) -> String {
        hexadecimal(&Sha256::digest(&self.text))
    }

    fn bodies(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let lines = self
            .text
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::trim_ascii);
        (1..).zip(lines).filter(|(_, body)| !body.is_empty())
    }
}

impl Wrong {
    /// Whether no line is wrong.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The failure, which lists the first [`MAX_LISTED`] wrong lines.
    pub fn into_failure(self) -> Failure {
        let lines = match self.0.len() {
            1 => "1 line is not a valid command".to_owned(),
            count => format!("{count} lines are not valid commands"),
        };
        let mut text = vec![format!("nothing was published: {lines}")];
        text.extend(self.0.iter().take(MAX_LISTED).map(|(number, rejection)| {
            format!("  line {number}: {}: {}", rejection.code, rejection.message)
        }));
        if self.0.len() > MAX_LISTED {
            text.push("  and more".to_owned());
        }
        Failure::new(text.join("\n"))
    }
}

/// Reads a command. The worker's own commands are rejected, because they must not come from
/// outside.
fn command(body: &[u8]) -> Result<Command, Rejection> {
    let command = Command::from_json(body)?;
    if command.origin() == Origin::Internal {
        command.check_origin(Origin::Usage)?;
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Lines {
        Lines::new(text.as_bytes().to_vec())
    }

    const GOOD: &str = r#"{"type":"consume","referenceId":"r","userId":"u","service":"s"}"#;

    #[test]
    fn blank_lines_count_as_lines_but_not_as_commands() {
        let lines = lines(&format!("\n{GOOD}\r\n   \n{GOOD}"));
        let numbers: Vec<usize> = lines.each().map(|(number, _)| number).collect();
        assert_eq!((lines.commands(), numbers), (2, vec![2, 4]));
        assert!(lines.check().is_empty());
    }

    /// Conformance: Configuration and command line: A byte order mark is skipped at the start of a
    /// file and reported as an error in a body
    #[test]
    fn a_byte_order_mark_is_skipped_at_the_start_and_an_error_elsewhere() {
        let marked = lines(&format!("\u{feff}{GOOD}\n{GOOD}"));
        assert_eq!(marked.commands(), 2);
        assert!(marked.check().is_empty());
        let twice = lines(&format!("\u{feff}{GOOD}\n\u{feff}{GOOD}")).check();
        let text = twice.into_failure().to_string();
        assert!(text.contains("line 2: not_json: "), "{text}");
        assert!(text.contains("byte order mark"), "{text}");
    }

    #[test]
    fn a_wrong_line_is_listed_with_its_number_and_its_error() {
        let expire =
            r#"{"type":"expire","referenceId":"r","userId":"u","cutoff":"2026-01-01T00:00:00Z"}"#;
        let wrong = lines(&format!("{GOOD}\nnonsense\n{GOOD}\n{expire}")).check();
        let text = wrong.into_failure().to_string();
        assert!(text.contains("2 lines are not valid commands"), "{text}");
        assert!(text.contains("line 2: not_json: "), "{text}");
        assert!(text.contains("line 4: forbidden_exchange: "), "{text}");
    }
}
