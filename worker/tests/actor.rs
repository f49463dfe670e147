//! The name of the operator in the audit log.

use std::process::Command;

use crate::process::Home;

const FREEZE: [&str; 6] = [
    "publish",
    "freeze",
    "--user",
    "ada",
    "--reason",
    "chargeback",
];

/// The actor of the newest entry, and the actor in the command of that entry.
fn newest(home: &Home) -> (String, String) {
    let entry = home.scrip(&["--json", "audit", "--limit", "1"]).ok().json();
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    (
        text(&entry["actor"]),
        text(&entry["detail"]["command"]["actor"]),
    )
}

/// The name of the user of this process, from the system.
fn system_user() -> String {
    let output = Command::new("id").arg("--user").arg("--name").output();
    let name = output.expect("there is an `id`").stdout;
    String::from_utf8(name).expect("text").trim().to_owned()
}

/// Conformance: Audit log: The actor is `--actor`, else `SCRIP_ACTOR`, else the system user, in
/// visible characters only
#[test]
fn the_actor_is_the_argument_else_the_variable_else_the_system_user() {
    // These variables are ignored, because any process can set them.
    let home = Home::new()
        .with("USER", "mallory")
        .with("LOGNAME", "mallory");
    home.scrip(&FREEZE).ok();
    assert_eq!(newest(&home), (system_user(), system_user()));
    let home = home.with("SCRIP_ACTOR", "ops:igor");
    home.scrip(&FREEZE).ok();
    assert_eq!(
        newest(&home),
        ("ops:igor".to_owned(), "ops:igor".to_owned())
    );
    home.scrip(&[&FREEZE[..], &["--actor", "-maria"]].concat())
        .ok();
    assert_eq!(newest(&home), ("-maria".to_owned(), "-maria".to_owned()));
    let entry = home.scrip(&["--json", "audit", "--limit", "1"]).ok().json();
    assert_eq!(
        entry["detail"]["systemUser"],
        system_user(),
        "recorded beside the given name"
    );
}

/// Conformance: Audit log: The actor is `--actor`, else `SCRIP_ACTOR`, else the system user, in
/// visible characters only
#[test]
fn a_command_with_an_invalid_actor_is_not_published() {
    let home = Home::new();
    home.scrip(&["migrate", "up"]).ok();
    let long = "x".repeat(201);
    for actor in ["", " ", "a\u{200b}b", "a\u{1b}[31m", long.as_str()] {
        let refused = home.scrip(&[&FREEZE[..], &["--actor", actor]].concat());
        assert_eq!(refused.code, Some(2), "{refused:#?}");
        assert!(
            refused.err.contains("allowed are 1 to 200 bytes"),
            "{refused:#?}"
        );
    }
    let home = home.with("SCRIP_ACTOR", "");
    assert_eq!(home.scrip(&FREEZE).code, Some(2));
    let listed = home.scrip(&["--json", "audit"]).ok().out;
    assert_eq!(listed, "");
}
