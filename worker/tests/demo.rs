//! `scrip demo`: the output of the example, on a file and on servers.

use crate::process::{Home, amqp_url, database_url};

/// Parts of the output, in their order.
const STORY: [&str; 13] = [
    "1. Ada signs up",
    r#""reason":"registration_bonus"}"#,
    "completed: +20 credits, balance 20, available 20",
    "completed: +110 credits, balance 130, available 130",
    "completed: -25 credits, balance 105, available 105",
    "refused: insufficient_credits: 120 credits are required,",
    "replayed (decided before)",
    "105 available; earned 130, spent 25",
    "SYSTEM:registration-bonus",
    "SYSTEM:purchase-bonus",
    "SERVICE:google:image",
    "issued 130 = 100 purchased + 10 bonus + 20 registration",
    "the book balances",
];

/// Checks that the output has every part of the story in order, in lines of at most 80 columns.
fn assert_story(out: &str) {
    let mut rest = out;
    for part in STORY {
        let Some(at) = rest.find(part) else {
            panic!("{part:?} is missing, or not in its order:\n{out}");
        };
        rest = &rest[at..];
    }
    for line in out.lines() {
        assert!(line.chars().count() <= 80, "too wide: {line}");
    }
}

/// Conformance: Embedded deployment: `scrip demo` runs on a temporary file
#[test]
fn without_servers_the_demo_uses_a_temporary_file_and_removes_it() {
    let home = Home::new();
    let temporary = home.folder().join("tmp");
    std::fs::create_dir(&temporary).expect("writable");
    let home = home.with("TMPDIR", temporary.to_str().expect("UTF-8"));
    let said = home.scrip(&["demo"]).ok();
    assert_story(&said.out);
    assert_eq!(said.err, "");
    assert!(
        !home.database().exists(),
        "the ledger of the user is unchanged"
    );
    assert_eq!(std::fs::read_dir(&temporary).expect("readable").count(), 0);
}

#[test]
fn with_servers_the_demo_runs_on_rabbitmq_and_postgresql() {
    let home = Home::new()
        .with("AMQP_URL", &amqp_url())
        .with("DATABASE_URL", &database_url());
    let said = home.scrip(&["demo"]).ok();
    assert!(
        said.out
            .contains("in a namespace and a schema of its own, removed at the end")
    );
    assert_story(&said.out);
    assert_eq!(said.err, "");
}

#[test]
fn the_demo_ignores_the_configuration_of_the_user() {
    let home = Home::new();
    home.write(
        "scrip.toml",
        "[registration]\ncredits = 1\n[prices]\n[packages.x]\ncredits = 1\nvalidity = \"never\"",
    );
    assert_story(&home.scrip(&["demo"]).ok().out);
}
