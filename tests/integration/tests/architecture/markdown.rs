//! The links of Markdown documents.

use std::path::Path;

use testkit::sources::{File, root};

/// Every link of the document to a file or heading of the repository that does not exist.
pub fn dead_links(document: &File) -> Vec<String> {
    let here = root().join(&document.path);
    let folder = here.parent().expect("a file is in a folder");
    let prose = prose(&document.text);
    let mut dead = Vec::new();
    for target in links(&prose) {
        let (path, heading) = target.split_once('#').unwrap_or((target, ""));
        let file = if path.is_empty() {
            here.clone()
        } else {
            folder.join(path)
        };
        let there = path.is_empty() || file.exists();
        if !there || !(heading.is_empty() || has_heading(&file, path, heading, &document.text)) {
            dead.push(format!("{}: {target} does not exist", document.path));
        }
    }
    dead
}

/// The targets of inline links and images that are not on the web.
fn links(prose: &str) -> impl Iterator<Item = &str> {
    let targets = prose
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next());
    targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
}

/// The text without code blocks and code spans.
fn prose(text: &str) -> String {
    let mut in_code = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            line.split('`')
                .step_by(2)
                .for_each(|part| prose.push_str(part));
            prose.push('\n');
        }
    }
    prose
}

fn has_heading(file: &Path, path: &str, heading: &str, text: &str) -> bool {
    let text = if path.is_empty() {
        text.to_owned()
    } else {
        std::fs::read_to_string(file).unwrap_or_default()
    };
    text.lines()
        .filter(|line| line.starts_with('#'))
        .any(|line| anchor(line) == heading)
}

/// The anchor that GitHub gives to a heading.
fn anchor(line: &str) -> String {
    let title = line.trim_start_matches('#').trim().to_lowercase();
    let allowed = title
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    allowed.map(|c| if c == ' ' { '-' } else { c }).collect()
}
