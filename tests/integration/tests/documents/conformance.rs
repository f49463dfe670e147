//! The page that names the tests of each behaviour is written from the tests: a doc comment
//! `/// Conformance: Section: behaviour` on a test says what it proves.

use std::collections::BTreeMap;

use testkit::sources::files;

use super::written;

const MARK: &str = "/// Conformance: ";

const HEAD: &str = "\
# Conformance

This page lists each behaviour that the book promises, and the tests that prove it. It is written
from annotations on the tests (`/// Conformance: Section: behaviour`), and a test fails if it is out
of date.
";

/// A test: its file and its name.
type Test = (String, String);

/// The annotations of a source, each with the test that follows.
fn annotations(path: &str, text: &str) -> Vec<(String, Test)> {
    let mut found = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut is_continued = false;
    for line in text.lines().map(str::trim) {
        if let Some(behaviour) = line.strip_prefix(MARK) {
            open.push(behaviour.to_owned());
            is_continued = true;
        } else if let (true, Some(rest)) = (is_continued, line.strip_prefix("/// ")) {
            let last = open.last_mut().expect("a behaviour");
            last.push(' ');
            last.push_str(rest);
        } else {
            is_continued = false;
            let name = line.split_once("fn ").map(|(_, rest)| rest);
            let name = name
                .and_then(|rest| rest.split_once(['(', '<']))
                .map(|(name, _)| name);
            if let (Some(name), false) = (name, line.starts_with("//")) {
                let test = (path.to_owned(), name.to_owned());
                found.extend(open.drain(..).map(|behaviour| (behaviour, test.clone())));
            }
        }
    }
    assert!(open.is_empty(), "{path}: no test follows {open:?}");
    found
}

#[test]
fn the_conformance_page_names_the_tests_of_each_behaviour() {
    let mut sections: BTreeMap<String, BTreeMap<String, Vec<Test>>> = BTreeMap::new();
    for file in files("rs")
        .iter()
        .filter(|file| !file.path.ends_with("documents/conformance.rs"))
    {
        for (annotation, test) in annotations(&file.path, &file.text) {
            let (section, behaviour) = annotation
                .split_once(": ")
                .unwrap_or_else(|| panic!("{}: `{annotation}` has no section", file.path));
            let behaviours = sections.entry(section.to_owned()).or_default();
            behaviours
                .entry(behaviour.to_owned())
                .or_default()
                .push(test);
        }
    }
    let mut parts = vec![HEAD.to_owned()];
    let mut count = 0;
    for (section, behaviours) in sections {
        parts.push(format!(
            "\n## {section}\n\n| behaviour | tests |\n|---|---|\n"
        ));
        for (behaviour, tests) in behaviours {
            let mut by_file: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (file, name) in tests {
                by_file.entry(file).or_default().push(format!("`{name}`"));
            }
            let tests: Vec<String> = by_file
                .into_iter()
                .map(|(file, names)| format!("`{file}`: {}", names.join(", ")))
                .collect();
            parts.push(format!("| {behaviour} | {} |\n", tests.join("; ")));
            count += 1;
        }
    }
    assert!(count > 200, "{count} behaviours");
    written::compare("docs/conformance.md", &parts.concat());
}

#[test]
fn annotations_belong_to_the_test_that_follows() {
    let text = "/// Conformance: A: first\n/// goes on\n/// Conformance: B: second\n#[test]\nasync fn one() {}\n\
                // fn none()\n#[test]\nfn two() {}\n/// Conformance: A: third\nfn three<T>() {}";
    let names: Vec<(String, String)> = annotations("x.rs", text)
        .into_iter()
        .map(|(behaviour, (_, name))| (behaviour, name))
        .collect();
    let expected = [
        ("A: first goes on", "one"),
        ("B: second", "one"),
        ("A: third", "three"),
    ];
    assert_eq!(names, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
}
