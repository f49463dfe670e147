//! The operator whom the audit log names.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod process;

use std::process::Command;

use process::Home;

const FREEZE: [&str; 6] = ["publish", "freeze", "--user", "ada", "--reason", "chargeback"];

/// The newest entry's actor, and the one in the command that was published with it.
fn newest(home: &Home) -> (String, String) {
    let entry = home.scrip(&["--json", "audit", "--limit", "1"]).ok().json();
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    (text(&entry["actor"]), text(&entry["detail"]["command"]["actor"]))
}

/// The user of this process, as the system names it.
fn user() -> String {
    let output = Command::new("id").arg("--user").arg("--name").output();
    let name = output.expect("there is an `id`").stdout;
    String::from_utf8(name).expect("text").trim().to_owned()
}

#[test]
fn the_actor_is_the_flag_else_the_variable_else_the_systems_user() {
    // What these say is not believed.
    let home = Home::new().with("USER", "mallory").with("LOGNAME", "mallory");
    home.scrip(&FREEZE).ok();
    assert_eq!(newest(&home), (user(), user()));
    let home = home.with("SCRIP_ACTOR", "ops:igor");
    home.scrip(&FREEZE).ok();
    assert_eq!(newest(&home), ("ops:igor".to_owned(), "ops:igor".to_owned()));
    home.scrip(&[&FREEZE[..], &["--actor", "-maria"]].concat()).ok();
    assert_eq!(newest(&home), ("-maria".to_owned(), "-maria".to_owned()));
    let entry = home.scrip(&["--json", "audit", "--limit", "1"]).ok().json();
    assert_eq!(
        entry["detail"]["systemUser"],
        user(),
        "beside the name that was given"
    );
}

#[test]
fn an_actor_that_cannot_be_seen_is_refused_and_nothing_is_published() {
    let home = Home::new();
    let long = "x".repeat(201);
    for actor in ["", " ", "a\u{200b}b", "a\u{1b}[31m", long.as_str()] {
        let refused = home.scrip(&[&FREEZE[..], &["--actor", actor]].concat());
        assert_eq!(refused.code, Some(2), "{refused:#?}");
        assert!(refused.err.contains("allowed are 1 to 200 bytes"), "{refused:#?}");
    }
    let home = home.with("SCRIP_ACTOR", "");
    assert_eq!(home.scrip(&FREEZE).code, Some(2));
    let listed = home.scrip(&["--json", "audit"]).ok().out;
    assert_eq!(listed, "");
}
