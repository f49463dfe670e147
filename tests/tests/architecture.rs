//! The rules of who may know whom, checked over `cargo metadata` and the text of the sources. To add a
//! rule, add a row to one of the tables; every row says why it is there.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "architecture/calls.rs"]
mod calls;
#[path = "architecture/markdown.rs"]
mod markdown;
#[path = "architecture/sources.rs"]
mod sources;
#[path = "architecture/sql.rs"]
mod sql;

use std::process::Command;

use serde_json::Value;
use sources::{File, names};

/// What a crate may depend on (dev-dependencies aside).
struct Dependencies {
    package: &'static str,
    rule: Allow,
    because: &'static str,
}

enum Allow {
    Only(&'static [&'static str]),
    AllBut(&'static [&'static str]),
}
use Allow::{AllBut, Only};

const DEPENDENCIES: &[Dependencies] = &[
    Dependencies {
        package: "ledger",
        rule: Only(&["chrono", "sha2", "uuid"]),
        because: "the core decides in memory: no I/O, no async, no serde, no ORM",
    },
    Dependencies {
        package: "entity",
        rule: Only(&["sea-orm"]),
        because: "an entity is a table as the ORM sees it, and nothing else",
    },
    Dependencies {
        package: "migration",
        rule: AllBut(&["entity", "ledger", "producer-sdk", "scrip"]),
        because: "a migration says what the schema was then; entities and code say what it is now",
    },
    Dependencies {
        package: "producer-sdk",
        rule: AllBut(&["entity", "ledger", "migration", "scrip"]),
        because: "an app that publishes must not need the worker or its database",
    },
    Dependencies {
        package: "scrip",
        rule: AllBut(&["tests"]),
        because: "what is shipped does not contain its tests",
    },
];

/// Where a crate or module may be named.
struct Named {
    what: &'static [&'static str],
    within: &'static [&'static str],
    only_in: &'static [&'static str],
    because: &'static str,
}

const SOURCES: &[&str] = &["entity", "migration", "producer-sdk", "worker"];

const NAMES: &[Named] = &[
    Named {
        what: &["sea_orm", "sqlx", "entity"],
        within: SOURCES,
        only_in: &[
            "entity/",
            "migration/",
            "producer-sdk/src/embedded",
            "worker/src/embedded",
            "worker/src/read",
            "worker/src/store",
            "worker/src/verify",
        ],
        because: "only the store and the embedded queue know the database",
    },
    Named {
        what: &["sea_orm_migration"],
        within: SOURCES,
        only_in: &["migration/"],
        because: "the rest asks the crate migration",
    },
    Named {
        what: &["lapin"],
        within: SOURCES,
        only_in: &["producer-sdk/src/amqp", "worker/src/amqp"],
        because: "lanes and contract do not know the transport",
    },
    Named {
        what: &["amq_protocol", "async_rs", "futures_io"],
        within: SOURCES,
        only_in: &["producer-sdk/src/amqp/frame_filter"],
        because: "only the filtered socket knows the parts of the AMQP library",
    },
    Named {
        what: &["hyper", "hyper_util"],
        within: SOURCES,
        only_in: &["worker/src/health"],
        because: "nothing but health and metrics speaks HTTP",
    },
    Named {
        what: &["redis"],
        within: SOURCES,
        only_in: &["worker/src/cache"],
        because: "the worker must be able to do without Redis",
    },
    Named {
        what: &[
            "std::env",
            "std::fs",
            "std::io",
            "std::net",
            "std::process",
            "std::thread",
            "tokio",
            "serde",
        ],
        within: &["worker/ledger/src"],
        only_in: &[],
        because: "the core does no I/O and knows no format",
    },
    Named {
        what: &[
            "std::env", "std::fs", "std::io", "std::net", "tokio", "lapin", "sea_orm",
        ],
        within: &["producer-sdk/src/contract"],
        only_in: &[],
        because: "the wire contract is types and names; it connects to nothing",
    },
];

/// What the text of the project never says; in two parts, so that this file does not say it either.
struct Unspoken {
    text: [&'static str; 2],
    because: &'static str,
}

const UNSPOKEN: &[Unspoken] = &[
    Unspoken {
        text: ["shared", "/"],
        because: "a clone has only what is in the repository",
    },
    Unspoken {
        text: ["/work", "/"],
        because: "a path of one machine means nothing on another",
    },
    Unspoken {
        text: ["/root", "/"],
        because: "a path of one machine means nothing on another",
    },
    Unspoken {
        text: ["index.crates", ".io"],
        because: "cargo knows where its registry is",
    },
    Unspoken {
        text: ["static.crates", ".io"],
        because: "cargo knows where its registry is",
    },
    Unspoken {
        text: ["registry.npmjs", ".org"],
        because: "where packages come from is the machine's affair",
    },
    Unspoken {
        text: ["deb.debian", ".org"],
        because: "where packages come from is the machine's affair",
    },
    Unspoken {
        text: ["pypi", ".org"],
        because: "where packages come from is the machine's affair",
    },
];

fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--locked",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(sources::root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    metadata["packages"]
        .as_array()
        .expect("a workspace has packages")
        .clone()
}

/// What `package` depends on in a build that is shipped.
fn dependencies(package: &Value) -> Vec<&str> {
    let all = package["dependencies"]
        .as_array()
        .expect("a package has a list of dependencies");
    all.iter()
        .filter(|dependency| dependency["kind"] != "dev")
        .map(|d| d["name"].as_str().unwrap())
        .collect()
}

fn assert_none(offences: &[String]) {
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}

#[test]
fn crates_depend_only_on_what_they_may() {
    let packages = packages();
    let mut offences = Vec::new();
    for Dependencies {
        package: name,
        rule,
        because,
    } in DEPENDENCIES
    {
        let package = packages.iter().find(|package| package["name"] == *name);
        let package = package.unwrap_or_else(|| panic!("there is no crate {name}"));
        for dependency in dependencies(package) {
            let allowed = match rule {
                Only(listed) => listed.contains(&dependency),
                AllBut(listed) => !listed.contains(&dependency),
            };
            if !allowed {
                offences.push(format!("{name} depends on {dependency}: {because}"));
            }
        }
    }
    assert_none(&offences);
}

#[test]
fn only_those_name_a_crate_who_may() {
    let files = sources::files("rs");
    let mut offences = Vec::new();
    for Named {
        what,
        within,
        only_in,
        because,
    } in NAMES
    {
        let inside = |file: &&File| within.iter().any(|place| file.path.starts_with(place));
        let judged =
            |file: &&File| !file.is_test() && !only_in.iter().any(|place| file.path.starts_with(place));
        for file in files.iter().filter(inside).filter(judged) {
            for (number, line) in file.code() {
                for what in what.iter().filter(|what| names(line, what)) {
                    offences.push(format!("{}:{number} names {what}: {because}", file.path));
                }
            }
        }
    }
    assert_none(&offences);
}

#[test]
fn a_name_is_found_where_it_is_used_and_nowhere_else() {
    let used = [
        "use lapin::Channel;",
        "use lapin;",
        "    lapin::Channel",
        "use {lapin::X}",
        "pub use lapin as amqp;",
    ];
    for line in used {
        assert!(names(line, "lapin"), "{line}");
    }
    let not_used = [
        "use lapin_pool::X;",
        "let lapin = 1;",
        "use crate::lapin::X;",
        "my_lapin::x()",
        "\"lapin\"",
    ];
    for line in not_used {
        assert!(!names(line, "lapin"), "{line}");
    }
    assert!(names("let now = std::fs::read(path);", "std::fs"));
    assert!(names("use std::{fs, io};", "std::fs"));
    assert!(!names("use std::fmt;", "std::fs"));
}

#[test]
fn nothing_refers_to_what_a_clone_does_not_have() {
    let mut offences = Vec::new();
    for file in sources::files("") {
        for (number, line) in file.text.lines().enumerate() {
            for Unspoken { text, because } in UNSPOKEN {
                if sources::says(line, &text.concat()) {
                    offences.push(format!(
                        "{}:{} says {}: {because}",
                        file.path,
                        number + 1,
                        text.concat()
                    ));
                }
            }
        }
    }
    assert_none(&offences);
}

#[test]
fn every_crate_comes_from_crates_io() {
    let lock = std::fs::read_to_string(sources::root().join("Cargo.lock")).unwrap();
    let strange = lock.lines().filter_map(|line| line.strip_prefix("source = "));
    let strange =
        strange.filter(|source| *source != "\"registry+https://github.com/rust-lang/crates.io-index\"");
    assert_none(
        &strange
            .map(|source| format!("Cargo.lock: {source}"))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn every_crate_takes_version_licence_and_lints_from_the_workspace() {
    let mut offences = Vec::new();
    for package in packages() {
        let path = package["manifest_path"].as_str().unwrap();
        let manifest = std::fs::read_to_string(path).unwrap();
        for line in [
            "version.workspace = true",
            "license.workspace = true",
            "[lints]\nworkspace = true",
        ] {
            if !manifest.contains(line) {
                offences.push(format!("{path} lacks {line:?}"));
            }
        }
    }
    assert_none(&offences);
}

#[test]
fn every_link_in_the_documents_leads_somewhere() {
    let documents = sources::files("md");
    assert_none(
        &documents
            .iter()
            .flat_map(markdown::dead_links)
            .collect::<Vec<_>>(),
    );
}

#[test]
fn a_dead_link_is_found() {
    let text = "# One *two*, three\n[ok](README.md) [here](#one-two-three) [web](https://example.org/x)\n\
                ```\n[code](nowhere.md)\n```\n`[code](nowhere.md)` [dead](nowhere.md) [dead](#nowhere) ![dead](no.png \"t\")";
    let file = File {
        path: "tests/compose/README.md".to_owned(),
        text: text.to_owned(),
    };
    assert_eq!(
        markdown::dead_links(&file).len(),
        3,
        "{:?}",
        markdown::dead_links(&file)
    );
}

/// `SEMANTICS.md` names tests by file and function.
#[test]
fn every_test_that_the_semantics_name_is_there() {
    let text = std::fs::read_to_string(sources::root().join("SEMANTICS.md")).expect("it is there");
    let table = text.split_once("## Feature by feature").expect("the table").1;
    let mut missing = Vec::new();
    let mut count = 0;
    for line in table.lines().filter(|line| line.starts_with("| ")) {
        let proofs = line.split(" | ").nth(1).unwrap_or_default();
        let mut file = (String::new(), String::new());
        let mut found = 0;
        for name in proofs.split('`').skip(1).step_by(2) {
            if name.contains('/') {
                let source = std::fs::read_to_string(sources::root().join(name));
                file = (name.to_owned(), source.unwrap_or_default());
            } else if !file.1.contains(&format!("fn {name}(")) {
                missing.push(format!("{}: {name}", file.0));
            } else {
                found += 1;
            }
        }
        let is_head = line.starts_with("| **") || line.starts_with("| behaviour");
        if found == 0 && !is_head && !proofs.starts_with("later") && !proofs.starts_with("see ") {
            missing.push(format!("no test: {line}"));
        }
        count += found;
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(count > 100, "{count}");
}
