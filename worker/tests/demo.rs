//! `scrip demo`, as somebody runs it who has just cloned the repository.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod process;

use process::{Home, amqp_url, database_url};

const STORY: [&str; 13] = [
    "1. Ada signs up",
    r#""reason":"registration_bonus"}"#,
    "completed: +20 credits, balance 20, available 20",
    "completed: +110 credits, balance 130, available 130",
    "completed: -25 credits, balance 105, available 105",
    "refused: insufficient_credits: 120 credits are required,",
    "replayed (it had been decided before)",
    "105 available; earned 130, spent 25",
    "SYSTEM:registration-bonus",
    "SYSTEM:purchase-bonus",
    "SERVICE:google:image",
    "issued 130 = 100 purchased + 10 bonus + 20 registration",
    "the book balances",
];

fn assert_told(out: &str) {
    let mut rest = out;
    for part in STORY {
        let Some(at) = rest.find(part) else {
            panic!("{part:?} is not told, or not in its place:\n{out}");
        };
        rest = &rest[at..];
    }
    for line in out.lines() {
        assert!(line.chars().count() <= 80, "too wide: {line}");
    }
}

#[test]
fn without_any_server_the_story_is_told_on_a_temporary_file_that_is_gone_afterwards() {
    let home = Home::new();
    let temporary = home.folder().join("tmp");
    std::fs::create_dir(&temporary).expect("writable");
    let home = home.with("TMPDIR", temporary.to_str().expect("UTF-8"));
    let said = home.scrip(&["demo"]).ok();
    assert_told(&said.out);
    assert_eq!(said.err, "");
    assert!(!home.database().exists(), "the user's own ledger is not touched");
    assert_eq!(std::fs::read_dir(&temporary).expect("readable").count(), 0);
}

#[test]
fn the_same_story_is_told_over_rabbitmq_and_postgresql() {
    let home = Home::new()
        .with("AMQP_URL", &amqp_url())
        .with("DATABASE_URL", &database_url());
    let said = home.scrip(&["demo"]).ok();
    assert!(
        said.out
            .contains("in a namespace and a schema of its own, removed at the end")
    );
    assert_told(&said.out);
    assert_eq!(said.err, "");
}

#[test]
fn the_story_is_told_whatever_the_user_has_configured() {
    let home = Home::new();
    home.write(
        "scrip.toml",
        "[registration]\ncredits = 1\n[prices]\n[packages.x]\ncredits = 1\nvalidity = \"never\"",
    );
    assert_told(&home.scrip(&["demo"]).ok().out);
}
