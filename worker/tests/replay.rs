//! `scrip replay`: publishes a file of commands.

use std::{fmt::Write, time::Duration};

use serde_json::Value;

use crate::process::{
    Home,
    bodies::{consume, promotion},
};

/// Conformance: Configuration and command line: A byte order mark is skipped at the start of a file
/// and reported as an error in a body
#[test]
fn a_file_that_begins_with_a_byte_order_mark_is_replayed() {
    let home = Home::new();
    let worker = home.ready_worker();
    let file = format!(
        "\u{feff}{}\n{}\n",
        promotion("g-1", "u", 5),
        promotion("g-2", "u", 5)
    );
    let said = home
        .scrip_reading(&["--json", "replay", "-", "--wait"], &file)
        .ok();
    assert_eq!(said.json()["completed"], 2, "{said:#?}");
    drop(worker);
}

/// Conformance: Configuration and command line: `scrip replay` publishes commands from `FILE`, or
/// from stdin with `-`
#[test]
fn a_file_with_an_invalid_line_is_not_published_at_all() {
    let home = Home::new();
    let lines = format!("{}\n\n{{\"type\":\"consume\"}}\n", promotion("g", "u", 5));
    let said = home.scrip_reading(&["replay", "-"], &lines);
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.starts_with(
            "error: nothing was published: 1 line is not a valid command\n  line 3: missing_field: "
        ),
        "{said:#?}"
    );
    assert!(!home.database().exists());
}

/// Conformance: Configuration and command line: `scrip replay` publishes commands from `FILE`, or
/// from stdin with `-`
#[test]
fn a_replay_that_waits_for_outcomes_keeps_the_order_of_the_file() {
    let home = Home::new();
    let mut file = String::new();
    for number in 0..1000 {
        writeln!(file, "{}", promotion(&format!("g-{number}"), "u", 1)).expect("memory");
        writeln!(file, "{}", consume(&format!("c-{number}"), "u")).expect("memory");
    }
    let path = home.write("commands.jsonl", &file);
    let worker = home.ready_worker();
    let said = home
        .scrip(&["--json", "replay", path.to_str().expect("UTF-8"), "--wait"])
        .ok();
    assert_eq!(
        said.json()["completed"],
        2000,
        "each credit was there when it was spent: {said:#?}"
    );
    drop(worker);
}

#[test]
fn a_replay_keeps_to_its_rate() {
    let home = Home::new();
    let lines: Vec<String> = (0..30)
        .map(|number| consume(&format!("c-{number}"), "u"))
        .collect();
    let said = home
        .scrip_reading(
            &["--json", "replay", "-", "--rate", "100"],
            &lines.join("\n"),
        )
        .ok();
    let summary: Value = said.json();
    assert_eq!(summary["published"], 30);
    let took = Duration::from_secs_f64(summary["seconds"].as_f64().expect("a number"));
    assert!(took >= Duration::from_millis(290), "{took:?}");
}
