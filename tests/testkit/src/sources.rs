//! The text files of the repository, and the names in a line of Rust.

use std::path::{Path, PathBuf};

/// Folders that do not belong to the repository.
const SKIPPED_FOLDERS: [&str; 7] = [
    "target",
    ".git",
    "node_modules",
    ".next",
    ".scrip",
    ".venv",
    ".mypy_cache",
];

/// A text file.
pub struct File {
    /// The path relative to the root, with slashes.
    pub path: String,
    pub text: String,
}

impl File {
    /// Whether the file is a test. The rules do not apply to tests.
    pub fn is_test(&self) -> bool {
        self.path.contains("/tests/")
            || self.path.ends_with("/tests.rs")
            || self.path.ends_with("_tests.rs")
    }

    /// The lines of Rust with their numbers, without comments and without the tests at the end.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self
            .text
            .lines()
            .take_while(|line| line.trim() != "#[cfg(test)]");
        lines
            .zip(1..)
            .map(|(line, number)| (number, line.split("//").next().unwrap_or_default()))
    }
}

/// The root of the repository.
pub fn root() -> PathBuf {
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let root = folders.nth(2).expect("this crate is tests/testkit");
    root.to_owned()
}

/// Every text file with this extension, or every text file if `extension` is empty.
pub fn files(extension: &str) -> Vec<File> {
    let mut files = Vec::new();
    walk(&root(), &mut |path| {
        let fits = extension.is_empty() || path.extension().is_some_and(|its| its == extension);
        if let (true, Ok(text)) = (fits, std::fs::read_to_string(path)) {
            let path = path.strip_prefix(root()).expect("a file is below the root");
            files.push(File {
                path: path.to_string_lossy().replace('\\', "/"),
                text,
            });
        }
    });
    assert!(!files.is_empty(), "no .{extension} file at all?");
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn walk(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).expect("a folder can be read") {
        let path = entry.expect("a folder can be read").path();
        let ours = path
            .file_name()
            .is_some_and(|name| !SKIPPED_FOLDERS.iter().any(|other| name == *other));
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

/// Whether a line of Rust names this crate or this module of a crate, such as `std::fs`.
pub fn names(line: &str, name: &str) -> bool {
    if let Some((parent, child)) = name.split_once("::") {
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
    line.match_indices(name).any(|(start, _)| {
        let (before, after) = (&line[..start], &line[start + name.len()..]);
        let whole = !before.ends_with(in_word) && !after.starts_with(in_word);
        let first = !before.ends_with("::") || before.ends_with(" ::");
        let imported =
            before.trim_start().starts_with("use ") || before.trim_start().starts_with("pub use ");
        whole && first && (after.starts_with("::") || imported)
    })
}

/// Whether a line contains this text, and not as the end of a longer word or path.
pub fn contains(line: &str, text: &str) -> bool {
    line.match_indices(text)
        .any(|(start, _)| !line[..start].ends_with(|c: char| in_word(c) || "-./".contains(c)))
}
