//! Output as CSV for spreadsheets.

use std::io::{self, Stdout};

use super::print::OutputError;

/// Writes to stdout.
pub fn writer() -> csv::Writer<Stdout> {
    csv::Writer::from_writer(io::stdout())
}

impl From<csv::Error> for OutputError {
    fn from(error: csv::Error) -> Self {
        io::Error::from(error).into()
    }
}

/// Characters at the start of a cell that make it a formula in a spreadsheet. Some spreadsheets
/// accept the full-width characters, too.
const FORMULA: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// A text as a cell. Names come from outside, so a name that a spreadsheet would take for a
/// formula is marked as text with an apostrophe.
pub fn cell(text: &str) -> String {
    if text.starts_with(FORMULA) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Conformance: Configuration and command line: CSV cells that start like a formula, also in
    /// full-width characters, are marked as text
    #[test]
    fn a_name_that_looks_like_a_formula_is_marked_as_text() {
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("@SUM(A1)"), "'@SUM(A1)");
        assert_eq!(line("-2+3,x"), "\"'-2+3,x\"\n");
        for wide in ["＝1+1", "＋1", "－1", "＠SUM(A1)"] {
            assert_eq!(cell(wide), format!("'{wide}"));
        }
        assert_eq!(cell("google:chat"), "google:chat");
    }

    #[test]
    fn a_cell_with_a_comma_or_a_quote_is_quoted() {
        assert_eq!(line("a,b"), "\"a,b\"\n");
        assert_eq!(line("a \"b\""), "\"a \"\"b\"\"\"\n");
    }

    fn line(text: &str) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record([cell(text)]).expect("written");
        String::from_utf8(writer.into_inner().expect("flushed")).expect("text")
    }
}
