//! Writing to the terminal. What came from outside never controls it.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, Width, presets};
use producer_sdk::is_invisible;
use serde::Serialize;
use thiserror::Error;

/// Stdout does not take what a command writes. Only this error may mean that the reader stopped reading, as `head` does:
/// a connection that breaks has the same kind of I/O error.
#[derive(Debug, Error)]
#[error("writing to stdout")]
pub struct OutputError(#[from] io::Error);

impl OutputError {
    /// Whether the reader stopped reading. That is no failure.
    pub fn is_closed_pipe(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

/// What writing to stdout returns.
pub type Result<T = ()> = std::result::Result<T, OutputError>;

/// Writes a line to stdout.
pub fn line(text: &str) -> Result {
    writeln!(io::stdout().lock(), "{text}").map_err(OutputError)
}

/// Writes text with its line ends to stdout.
pub fn text(text: &str) -> Result {
    io::stdout()
        .lock()
        .write_all(text.as_bytes())
        .map_err(OutputError)
}

/// Writes a warning of our own to stderr, whatever is logged. It does not matter whether it can be written.
pub fn warning(text: &str) {
    let _ = writeln!(io::stderr().lock(), "warning: {text}");
}

/// Writes JSON for a program: one line. On a terminal it controls and hides as little as a table does.
pub fn json<T: Serialize>(value: &T) -> Result {
    let json = serde_json::to_string(value).map_err(|error| OutputError(error.into()))?;
    text(&(escape_json(&json) + "\n"))
}

/// The text with control and invisible characters as `\u{…}`.
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

/// The same JSON with invisible characters as `\uXXXX`: outside of strings there are none.
fn escape_json(json: &str) -> String {
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

/// The same for text of several lines.
pub fn escape_lines(text: &str) -> String {
    text.split('\n').map(escape).collect::<Vec<_>>().join("\n")
}

/// A table without frame: a head and rows. Columns whose head begins with `>` are aligned right.
#[derive(Debug)]
pub struct Rows {
    table: Table,
    head: Vec<String>,
    /// The widths of what is written already, the head among it.
    written: Option<Vec<u16>>,
}

impl Rows {
    /// Rows in memory where there may be very many.
    const PAGE: usize = 1_000;

    /// A table with that head.
    pub fn new(head: &[&str]) -> Self {
        let head: Vec<String> = head.iter().map(|name| (*name).to_owned()).collect();
        Self {
            table: with_head(&head),
            head,
            written: None,
        }
    }

    /// Adds a row; its texts are escaped.
    pub fn push<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.table
            .add_row(cells.into_iter().map(|cell| escape(cell.as_ref())));
    }

    /// The lines of the table, without trailing spaces.
    pub fn lines(&self) -> Vec<String> {
        let lines = self.table.lines().skip(usize::from(self.written.is_some()));
        lines.map(|line| line.trim_end().to_owned()).collect()
    }

    /// Writes it to stdout.
    pub fn print(&self) -> Result {
        self.lines().iter().try_for_each(|text| line(text))
    }

    /// Writes what there is to stdout when it has become a page.
    pub fn print_page(&mut self) -> Result {
        if self.table.row_count() < Self::PAGE {
            return Ok(());
        }
        self.print()?;
        self.turn();
        Ok(())
    }

    /// Forgets what there is; what comes is at least as wide.
    fn turn(&mut self) {
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

    #[test]
    fn what_would_control_the_terminal_is_shown_instead() {
        assert_eq!(escape("a\u{1b}[31mb\nc"), "a\\u{1b}[31mb\\u{a}c");
        assert_eq!(escape("x\u{202e}y"), "x\\u{202e}y");
        assert_eq!(escape("Grüße, 世界"), "Grüße, 世界");
    }

    #[test]
    fn json_shows_the_same_characters_escaped_and_means_the_same() {
        let text = "a\u{7f}\u{9b}31m\u{85}\u{202e}\u{2066}\u{200b}\u{2028}\u{3164}\u{a0}\u{e0001}\u{feff} Grüße, 世界 \\ \" 😀";
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
    fn a_table_aligns_numbers_right_and_leaves_no_trailing_space() {
        let mut rows = Rows::new(&["batch", ">left"]);
        rows.push(["b-1", "5"]);
        rows.push(["b-22", "1000"]);
        assert_eq!(rows.lines(), ["batch  left", "b-1       5", "b-22   1000"]);
    }

    #[test]
    fn a_table_that_goes_on_is_as_wide_as_before_and_has_no_second_head() {
        let mut rows = Rows::new(&["batch", ">left"]);
        rows.push(["a-long-name", "5"]);
        rows.turn();
        rows.push(["b", "1000000"]);
        assert_eq!(rows.lines(), ["b            1000000"]);
        rows.turn();
        rows.push(["c", "1"]);
        assert_eq!(rows.lines(), ["c                  1"]);
    }
}
