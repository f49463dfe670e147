//! What `OPERATIONS.md` quotes is what the program says.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The page for operators.
pub fn page() -> String {
    fs::read_to_string(root().join("OPERATIONS.md")).unwrap()
}

/// All sources of a crate in one text.
fn sources(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let text = |path: PathBuf| {
        if path.is_dir() {
            sources(&path)
        } else {
            fs::read_to_string(&path).unwrap()
        }
    };
    entries.map(text).collect()
}

/// What the entries quote after "Log:", wrapped lines joined.
fn quoted(page: &str) -> Vec<String> {
    let logs = page.split("- **Log:**").skip(1);
    let logs = logs.map(|rest| rest.split("\n- ").next().unwrap());
    logs.flat_map(|log| log.split('`').skip(1).step_by(2))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn every_log_line_that_the_page_quotes_is_one() {
    let sources = ["worker/src", "producer-sdk/src"].map(|folder| sources(&root().join(folder)));
    let lines = quoted(&page());
    // A single word is a field.
    let lines: Vec<&String> = lines.iter().filter(|line| line.contains(' ')).collect();
    assert!(lines.len() > 30, "{lines:#?}");
    let unknown: Vec<_> = lines
        .iter()
        .filter(|line| !sources.iter().any(|text| text.contains(line.as_str())))
        .collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
}
