//! Texts that only have a meaning on one machine.

use testkit::sources;

use super::assert_none;

/// A text that no file of the repository may contain. It is split in two parts, so that this file
/// does not contain it either.
struct ForbiddenText {
    text: [&'static str; 2],
    because: &'static str,
}

const FORBIDDEN_TEXTS: &[ForbiddenText] = &[
    ForbiddenText {
        text: ["shared", "/"],
        because: "a clone has only the files of the repository",
    },
    ForbiddenText {
        text: ["/work", "/"],
        because: "a path of one machine has no meaning on another",
    },
    ForbiddenText {
        text: ["/root", "/"],
        because: "a path of one machine has no meaning on another",
    },
    ForbiddenText {
        text: ["index.crates", ".io"],
        because: "the address of the registry is part of cargo's configuration",
    },
    ForbiddenText {
        text: ["static.crates", ".io"],
        because: "the address of the registry is part of cargo's configuration",
    },
    ForbiddenText {
        text: ["registry.npmjs", ".org"],
        because: "the source of packages is part of the machine's configuration",
    },
    ForbiddenText {
        text: ["deb.debian", ".org"],
        because: "the source of packages is part of the machine's configuration",
    },
    ForbiddenText {
        text: ["pypi", ".org"],
        because: "the source of packages is part of the machine's configuration",
    },
];

#[test]
fn no_file_contains_a_text_that_only_works_on_one_machine() {
    let mut violations = Vec::new();
    for file in sources::files("") {
        for (number, line) in file.text.lines().enumerate() {
            for ForbiddenText { text, because } in FORBIDDEN_TEXTS {
                if sources::contains(line, &text.concat()) {
                    violations.push(format!(
                        "{}:{} contains {}: {because}",
                        file.path,
                        number + 1,
                        text.concat()
                    ));
                }
            }
        }
    }
    assert_none(&violations);
}
