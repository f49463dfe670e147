//! The quotations in the runbook are equal to the program's log lines.

use std::{
    fs,
    path::{Path, PathBuf},
};

use testkit::sources::root;

/// A page of the book.
pub fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).unwrap()
}

/// All sources of a crate as one text.
fn sources(folder: &Path) -> String {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let text = |path: PathBuf| {
        if path.is_dir() {
            sources(&path)
        } else {
            fs::read_to_string(&path).unwrap()
        }
    };
    entries.map(text).collect()
}

/// The quotations after "Log:", with wrapped lines joined.
fn quoted(page: &str) -> Vec<String> {
    let logs = page.split("- **Log:**").skip(1);
    let logs = logs.map(|rest| rest.split("\n- ").next().unwrap());
    logs.flat_map(|log| log.split('`').skip(1).step_by(2))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn every_log_line_that_the_page_quotes_exists() {
    let sources = ["worker/src", "producer-sdk/src"].map(|folder| sources(&root().join(folder)));
    let lines = quoted(&page("operations/runbook.md"));
    // A single word is the name of a field.
    let lines: Vec<&String> = lines.iter().filter(|line| line.contains(' ')).collect();
    assert!(lines.len() > 30, "{lines:#?}");
    let unknown: Vec<_> = lines
        .iter()
        .filter(|line| !sources.iter().any(|text| text.contains(line.as_str())))
        .collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
}
