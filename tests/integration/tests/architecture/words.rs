//! Words that the project no longer uses, because a reader had to learn them or to read a sentence
//! twice.

use testkit::sources::File;

/// Each word or phrase, in lower case, with what is said instead.
const RETIRED: [(&str, &str); 24] = [
    ("whoever", "the role: an app, a user, an operator, a worker"),
    ("whatever", "regardless of, any"),
    ("somebody", "the role"),
    ("anybody", "the role"),
    ("so many", "the number"),
    ("is told", "documented, reported, returned"),
    ("are told", "documented, reported, returned"),
    ("as a rule", "usually, or the rule itself"),
    ("lets", "allows"),
    ("in vain", "conflict"),
    ("quick way", "optimistic path"),
    ("careful way", "pessimistic path"),
    ("rehearse", "dry run"),
    ("acquit", "probe"),
    ("take alone", "record an attempt"),
    ("called off", "cancelled"),
    ("set aside", "dead-letter"),
    ("sets aside", "dead-letters"),
    ("gives back", "requeues, returns"),
    ("given back", "requeued, returned"),
    ("sweeps", "the expiry job"),
    ("swept", "taken by the expiry job"),
    ("mended", "fixed"),
    ("thrown away", "dropped"),
];

/// Files in which a retired word is not the project's own.
const EXEMPT: [&str; 7] = [
    "CHANGELOG.md",
    "Cargo.lock",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "tests/integration/compose/",
    "tests/simulator/trace/",
    "tests/integration/tests/architecture/words.rs",
];

/// Every use of a retired word in a file, with its line and the replacement.
pub fn retired(file: &File) -> Vec<String> {
    if EXEMPT.iter().any(|path| file.path.starts_with(path)) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (line, number) in file.text.lines().zip(1..) {
        let line = line.to_lowercase();
        for (word, instead) in RETIRED {
            if contains(&line, word) {
                found.push(format!(
                    "{}:{number}: `{word}`; write: {instead}",
                    file.path
                ));
            }
        }
    }
    found
}

/// Whether a line contains a phrase, not as a part of longer words.
fn contains(line: &str, phrase: &str) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(phrase).any(|(start, _)| {
        let (before, after) = (&line[..start], &line[start + phrase.len()..]);
        !before.ends_with(in_word) && !after.starts_with(in_word)
    })
}
