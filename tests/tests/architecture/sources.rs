//! The text files of the repository, and what a line of Rust names.

use std::path::{Path, PathBuf};

/// Folders that hold nothing of ours.
const NOT_OURS: [&str; 3] = ["target", ".git", "node_modules"];

/// A text file; `path` is relative to the root, with slashes.
pub struct File {
    pub path: String,
    pub text: String,
}

impl File {
    /// Tests may name what they test with.
    pub fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs") || self.path.ends_with("_tests.rs")
    }

    /// The lines of Rust with their numbers, up to the tests at the end, without comments.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
        lines
            .zip(1..)
            .map(|(line, number)| (number, line.split("//").next().unwrap_or_default()))
    }
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests are a folder of the repository")
        .to_owned()
}

/// Every text file whose name ends with `.{extension}`, or every one if that is empty.
pub fn files(extension: &str) -> Vec<File> {
    let mut found = Vec::new();
    walk(&root(), &mut |path| {
        let fits = extension.is_empty() || path.extension().is_some_and(|its| its == extension);
        if let (true, Ok(text)) = (fits, std::fs::read_to_string(path)) {
            let path = path.strip_prefix(root()).expect("a file is below the root");
            found.push(File {
                path: path.to_string_lossy().replace('\\', "/"),
                text,
            });
        }
    });
    assert!(!found.is_empty(), "no .{extension} file at all?");
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn walk(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).expect("a folder can be read") {
        let path = entry.expect("a folder can be read").path();
        let ours = path
            .file_name()
            .is_some_and(|name| !NOT_OURS.iter().any(|other| name == *other));
        if ours && path.is_dir() {
            walk(&path, visit);
        } else if ours {
            visit(&path);
        }
    }
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Does a line of Rust name this crate, or (`std::fs`) this module of one?
pub fn names(line: &str, what: &str) -> bool {
    if let Some((parent, child)) = what.split_once("::") {
        let list = line
            .split_once(&format!("{parent}::{{"))
            .map_or("", |(_, list)| list);
        if list
            .split(['{', '}', ','])
            .any(|item| item.trim().split("::").next() == Some(child))
        {
            return true;
        }
    }
    line.match_indices(what).any(|(start, _)| {
        let (before, after) = (&line[..start], &line[start + what.len()..]);
        let whole = !before.ends_with(in_word) && !after.starts_with(in_word);
        let first = !before.ends_with("::") || before.ends_with(" ::");
        let imported = before.trim_start().starts_with("use ") || before.trim_start().starts_with("pub use ");
        whole && first && (after.starts_with("::") || imported)
    })
}

/// Does a line of text say this, not as the end of something longer?
pub fn says(line: &str, what: &str) -> bool {
    line.match_indices(what)
        .any(|(start, _)| !line[..start].ends_with(|c: char| in_word(c) || "-./".contains(c)))
}
