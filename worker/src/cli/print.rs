//! Output to stdout and stderr. Text from outside is escaped, so that it never controls the
//! terminal.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, Width, presets};
use console::{Term, style};
use producer_sdk::is_invisible;
use serde::Serialize;
use thiserror::Error;

/// An error of writing to stdout.
///
/// It is a type of its own because only this error may mean that the reader stopped reading, as
/// `head` does: a broken connection has the same kind of I/O error.
#[derive(Debug, Error)]
#[error("cannot write to stdout")]
pub struct OutputError(#[from] io::Error);

impl OutputError {
    /// Whether the reader stopped reading. The program then exits with 0.
    pub fn is_closed_pipe(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

/// The result of writing to stdout.
pub type Result<T = ()> = std::result::Result<T, OutputError>;

/// Writes a line to stdout, without escaping it.
pub fn line(text: &str) -> Result {
    writeln!(io::stdout().lock(), "{text}").map_err(OutputError)
}

/// Writes text to stdout, without escaping it and without adding a line end.
pub fn text(text: &str) -> Result {
    io::stdout()
        .lock()
        .write_all(text.as_bytes())
        .map_err(OutputError)
}

/// Writes a warning to stderr, at every log level. A failure to write it is ignored.
pub fn warning(text: &str) {
    let _ = writeln!(io::stderr().lock(), "warning: {text}");
}

/// Writes a value to stdout as one line of JSON, with control and invisible characters escaped.
pub fn json<T: Serialize>(value: &T) -> Result {
    let json = serde_json::to_string(value).map_err(|error| OutputError(error.into()))?;
    text(&(escape_json(&json) + "\n"))
}

/// Replaces control and invisible characters in a text by `\u{…}`.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if is_invisible(character) {
            escaped.extend(character.escape_unicode());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Replaces invisible characters in JSON by `\uXXXX`. The result means the same, because JSON has
/// such characters only inside strings.
pub fn escape_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if is_invisible(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Replaces control and invisible characters in a text by `\u{…}`, except line ends.
pub fn escape_lines(text: &str) -> String {
    text.split('\n').map(escape).collect::<Vec<_>>().join("\n")
}

/// A table without a frame: a head and rows. A column whose head begins with `>` is aligned right.
#[derive(Debug)]
pub struct Rows {
    table: Table,
    head: Vec<String>,
    /// The widths of the columns that are already written, with the head; `None` before the first
    /// page.
    written: Option<Vec<u16>>,
}

impl Rows {
    /// The number of rows that [`Rows::print_page`] keeps in memory before it writes them.
    const PAGE: usize = 1_000;

    pub fn new(head: &[&str]) -> Self {
        let head: Vec<String> = head.iter().map(|name| (*name).to_owned()).collect();
        Self {
            table: with_head(&head),
            head,
            written: None,
        }
    }

    /// Adds a row and escapes its texts.
    pub fn push<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.table
            .add_row(cells.into_iter().map(|cell| escape(cell.as_ref())));
    }

    /// The lines of the table without trailing spaces; with the head only on the first page.
    pub fn lines(&self) -> Vec<String> {
        let lines = self.table.lines().skip(usize::from(self.written.is_some()));
        lines.map(|line| line.trim_end().to_owned()).collect()
    }

    /// The lines for stdout. If stdout is a terminal, they fit its width and the head is bold.
    fn output_lines(&mut self) -> Vec<String> {
        let terminal = Term::stdout();
        if !terminal.is_term() {
            return self.lines();
        }
        let (_, columns) = terminal.size();
        self.table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(columns);
        let mut lines = self.lines();
        if let (None, Some(head)) = (&self.written, lines.first_mut()) {
            *head = style(&*head).bold().to_string();
        }
        lines
    }

    /// Writes the rows in memory to stdout, after the head on the first page.
    pub fn print(&mut self) -> Result {
        self.output_lines().iter().try_for_each(|text| line(text))
    }

    /// Writes the rows in memory to stdout once they fill a page, and removes them from memory.
    pub fn print_page(&mut self) -> Result {
        if self.table.row_count() < Self::PAGE {
            return Ok(());
        }
        self.print()?;
        self.start_next_page();
        Ok(())
    }

    /// Removes the rows from memory. The next rows get columns that are at least as wide.
    fn start_next_page(&mut self) {
        let mut widths = self.table.column_max_content_widths();
        for (width, before) in widths.iter_mut().zip(self.written.iter().flatten()) {
            *width = (*width).max(*before);
        }
        self.table = with_head(&self.head);
        for (column, width) in self.table.column_iter_mut().zip(&widths) {
            let wide = width.saturating_add(column.padding_width());
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(wide)));
        }
        self.written = Some(widths);
    }
}

fn with_head(head: &[String]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(head.iter().map(|name| name.trim_start_matches('>')));
    for (column, name) in table.column_iter_mut().zip(head) {
        column.set_padding((0, 2));
        if name.starts_with('>') {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Conformance: Configuration and command line: Control characters in output are escaped
    #[test]
    fn characters_that_would_control_the_terminal_are_escaped() {
        assert_eq!(escape("a\u{1b}[31mb\nc"), "a\\u{1b}[31mb\\u{a}c");
        assert_eq!(escape("x\u{202e}y"), "x\\u{202e}y");
        assert_eq!(escape("Grüße, 世界"), "Grüße, 世界");
    }

    #[test]
    fn escaped_json_has_no_invisible_characters_and_means_the_same() {
        let text = "a\u{7f}\u{9b}31m\u{85}\u{202e}\u{2066}\u{200b}\u{2028}\u{3164}\u{a0}\
                    \u{e0001}\u{feff} Grüße, 世界 \\ \" 😀";
        let json = serde_json::to_string(&serde_json::json!({ text: [text] })).expect("JSON");
        let escaped = escape_json(&json);
        assert!(!escaped.chars().any(is_invisible), "{escaped}");
        assert!(
            escaped.contains("\\u009b31m") && escaped.contains("\\udb40\\udc01"),
            "{escaped}"
        );
        assert!(
            escaped.contains(" Grüße, 世界 ") && escaped.contains("😀"),
            "{escaped}"
        );
        let read: serde_json::Value = serde_json::from_str(&escaped).expect("JSON");
        assert_eq!(
            read,
            serde_json::from_str::<serde_json::Value>(&json).expect("JSON")
        );
    }

    #[test]
    fn a_table_aligns_numbers_right_and_has_no_trailing_spaces() {
        let mut rows = Rows::new(&["batch", ">left"]);
        rows.push(["b-1", "5"]);
        rows.push(["b-22", "1000"]);
        assert_eq!(rows.lines(), ["batch  left", "b-1       5", "b-22   1000"]);
    }

    #[test]
    fn the_next_page_of_a_table_is_as_wide_as_the_first_and_has_no_head() {
        let mut rows = Rows::new(&["batch", ">left"]);
        rows.push(["a-long-name", "5"]);
        rows.start_next_page();
        rows.push(["b", "1000000"]);
        assert_eq!(rows.lines(), ["b            1000000"]);
        rows.start_next_page();
        rows.push(["c", "1"]);
        assert_eq!(rows.lines(), ["c                  1"]);
    }
}
