//! The dependency rules of crates and modules, checked with `cargo metadata` and the source text.
//! To add a rule, add a row to one of the tables. Every row has its reason.

mod calls;
mod imports;
mod markdown;
mod sql;
mod texts;
mod words;

use std::process::Command;

use serde_json::Value;
use testkit::sources::{self, File, names};

/// The allowed dependencies of a crate, without dev-dependencies.
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
        package: "scrip-types",
        rule: Only(&["serde", "strum"]),
        because: "it has the words that the wire contract and the core share, and nothing else",
    },
    Dependencies {
        package: "ledger",
        rule: Only(&["chrono", "scrip-types", "sha2", "strum", "uuid"]),
        because: "the core decides in memory: no I/O, no async, no serde, no ORM",
    },
    Dependencies {
        package: "entity",
        rule: Only(&["sea-orm"]),
        because: "an entity is only the ORM's view of a table",
    },
    Dependencies {
        package: "migration",
        rule: AllBut(&["entity", "ledger", "producer-sdk", "scrip"]),
        because: "a migration describes an old schema; entities and code describe the current one",
    },
    Dependencies {
        package: "producer-sdk",
        rule: AllBut(&["entity", "ledger", "migration", "scrip"]),
        because: "an app that publishes must not need the worker or its database",
    },
    Dependencies {
        package: "scrip",
        rule: AllBut(&["bench", "fuzz", "integration", "simulator", "testkit"]),
        because: "the shipped program does not contain its tests",
    },
];

/// The files in which crates or modules may be named.
struct NameRule {
    /// The crates or modules.
    names: &'static [&'static str],
    /// The folders to which the rule applies.
    within: &'static [&'static str],
    /// The paths in which the names are allowed.
    only_in: &'static [&'static str],
    because: &'static str,
}

const SOURCES: &[&str] = &["entity", "migration", "producer-sdk", "worker"];

const NAMES: &[NameRule] = &[
    NameRule {
        names: &["sea_orm", "sqlx", "entity"],
        within: SOURCES,
        only_in: &[
            "entity/",
            "migration/",
            "producer-sdk/src/embedded",
            "worker/src/audit_log.rs",
            "worker/src/db",
            "worker/src/delivery_attempt.rs",
            "worker/src/http/tokens/table.rs",
            "worker/src/jobs/repository.rs",
            "worker/src/payments/tables",
            "worker/src/read",
            "worker/src/store",
            "worker/src/transport/embedded",
            "worker/src/verify",
        ],
        because: "only the modules that read or write tables access the database",
    },
    NameRule {
        names: &["store", "crate::store"],
        within: &[
            "worker/src/audit_log.rs",
            "worker/src/db",
            "worker/src/delivery_attempt.rs",
            "worker/src/http/tokens",
            "worker/src/jobs",
            "worker/src/payments",
            "worker/src/read",
            "worker/src/verify",
        ],
        only_in: &[],
        because: "reading and the other writers depend on `db`, not on the group commit",
    },
    NameRule {
        names: &["read", "crate::read", "jobs", "crate::jobs"],
        within: &["worker/src/db"],
        only_in: &[],
        because: "`db` is below reading and writing",
    },
    NameRule {
        names: &["sea_orm_migration"],
        within: SOURCES,
        only_in: &["migration/"],
        because: "all other code uses the crate `migration`",
    },
    NameRule {
        names: &["lapin"],
        within: SOURCES,
        only_in: &["producer-sdk/src/amqp", "worker/src/transport/amqp"],
        because: "lanes and contract do not depend on the transport",
    },
    NameRule {
        names: &["amq_protocol", "async_rs", "futures_io"],
        within: SOURCES,
        only_in: &["producer-sdk/src/amqp/frame_filter"],
        because: "only the filtered socket uses the parts of the AMQP library",
    },
    NameRule {
        names: &["http_body_util", "hyper", "hyper_util"],
        within: SOURCES,
        only_in: &["worker/src/http", "worker/src/monitor"],
        because: "only the API, health and metrics use HTTP",
    },
    NameRule {
        names: &["axum", "tower_http"],
        within: SOURCES,
        only_in: &["worker/src/http"],
        because: "health must answer without the API's routes and layers",
    },
    NameRule {
        names: &["tokio_rustls", "x509_parser"],
        within: SOURCES,
        only_in: &["worker/src/http/tls"],
        because: "only the HTTP server has a certificate",
    },
    NameRule {
        names: &["redis"],
        within: SOURCES,
        only_in: &["worker/src/cache"],
        because: "the worker must be able to run without Redis",
    },
    NameRule {
        names: &[
            "crate::cache",
            "crate::db",
            "crate::store",
            "crate::transport",
            "cache",
            "db",
            "store",
            "transport",
        ],
        within: &["worker/src/pipeline"],
        only_in: &[],
        because: "the pipeline serves both queues; a lane lends it a ledger",
    },
    NameRule {
        names: &[
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
        because: "the core does no I/O and does not depend on any format",
    },
    NameRule {
        names: &[
            "std::env", "std::fs", "std::io", "std::net", "tokio", "lapin", "sea_orm",
        ],
        within: &["producer-sdk/src/contract"],
        only_in: &[],
        because: "the wire contract has only types and names, and no connections",
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
    let metadata: Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    metadata["packages"]
        .as_array()
        .expect("a workspace has packages")
        .clone()
}

/// The dependencies of `package` without dev-dependencies.
fn dependencies(package: &Value) -> Vec<&str> {
    let all = package["dependencies"]
        .as_array()
        .expect("a package has a list of dependencies");
    all.iter()
        .filter(|dependency| dependency["kind"] != "dev")
        .map(|d| d["name"].as_str().unwrap())
        .collect()
}

fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn crates_have_only_allowed_dependencies() {
    let packages = packages();
    let mut violations = Vec::new();
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
                violations.push(format!("{name} depends on {dependency}: {because}"));
            }
        }
    }
    assert_none(&violations);
}

#[test]
fn crates_are_named_only_in_allowed_files() {
    let files = sources::files("rs");
    let mut violations = Vec::new();
    for NameRule {
        names: listed,
        within,
        only_in,
        because,
    } in NAMES
    {
        let inside = |file: &&File| within.iter().any(|prefix| file.path.starts_with(prefix));
        let checked = |file: &&File| {
            !file.is_test() && !only_in.iter().any(|prefix| file.path.starts_with(prefix))
        };
        for file in files.iter().filter(inside).filter(checked) {
            for (number, line) in file.code() {
                for name in listed.iter().filter(|name| names(line, name)) {
                    violations.push(format!("{}:{number} names {name}: {because}", file.path));
                }
            }
        }
    }
    assert_none(&violations);
}

#[test]
fn a_name_is_found_exactly_in_the_lines_that_use_it() {
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
fn every_crate_comes_from_crates_io() {
    let lock = std::fs::read_to_string(sources::root().join("Cargo.lock")).unwrap();
    let others = lock
        .lines()
        .filter_map(|line| line.strip_prefix("source = "));
    let others = others
        .filter(|source| *source != "\"registry+https://github.com/rust-lang/crates.io-index\"");
    assert_none(
        &others
            .map(|source| format!("Cargo.lock: {source}"))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn every_crate_takes_version_licence_and_lints_from_the_workspace() {
    let mut violations = Vec::new();
    for package in packages() {
        let path = package["manifest_path"].as_str().unwrap();
        let manifest = std::fs::read_to_string(path).unwrap();
        for line in [
            "version.workspace = true",
            "license.workspace = true",
            "[lints]\nworkspace = true",
        ] {
            if !manifest.contains(line) {
                violations.push(format!("{path} lacks {line:?}"));
            }
        }
    }
    assert_none(&violations);
}

#[test]
fn every_link_in_the_documents_has_a_target() {
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
    let text = "# One *two*, three\n\
                [ok](README.md) [here](#one-two-three) [web](https://example.org/x)\n\
                ```\n[code](nowhere.md)\n```\n\
                `[code](nowhere.md)` [dead](nowhere.md) [dead](#nowhere) ![dead](no.png \"t\")";
    let file = File {
        path: "tests/integration/compose/README.md".to_owned(),
        text: text.to_owned(),
    };
    assert_eq!(
        markdown::dead_links(&file).len(),
        3,
        "{:?}",
        markdown::dead_links(&file)
    );
}

#[test]
fn no_file_uses_a_retired_word() {
    let files = sources::files("");
    assert!(files.len() > 500, "{}", files.len());
    let found: Vec<String> = files.iter().flat_map(words::retired).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_retired_word_is_found_and_a_longer_word_is_not() {
    let file = |text: &str| File {
        path: "docs/page.md".to_owned(),
        text: text.to_owned(),
    };
    assert_eq!(words::retired(&file("It\nis Told twice.")).len(), 1);
    assert!(words::retired(&file("tablets, somebody_else, leaflets")).is_empty());
}
