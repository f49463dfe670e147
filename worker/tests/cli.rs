//! The command line: help texts, error texts and exit codes.

use crate::process::Home;

const COMMANDS: [&[&str]; 43] = [
    &[],
    &["run"],
    &["demo"],
    &["migrate"],
    &["migrate", "down"],
    &["migrate", "grants"],
    &["publish"],
    &["publish", "consume"],
    &["publish", "grant"],
    &["publish", "purchase"],
    &["replay"],
    &["backup"],
    &["balance"],
    &["history"],
    &["batches"],
    &["verify"],
    &["audit"],
    &["topology"],
    &["topology", "declare"],
    &["topology", "claim"],
    &["topology", "permissions"],
    &["topology", "policies"],
    &["topology", "user"],
    &["redis", "grants"],
    &["config"],
    &["config", "check"],
    &["report"],
    &["dead"],
    &["dead", "list"],
    &["dead", "summary"],
    &["dead", "replay"],
    &["dead", "drop"],
    &["price"],
    &["packages"],
    &["can-purchase"],
    &["job"],
    &["job", "run"],
    &["job", "list"],
    &["publish", "subscription"],
    &["publish", "revoke"],
    &["publish", "reinstate"],
    &["publish", "forgive"],
    &["publish", "freeze"],
];

/// Conformance: Configuration and command line: Every command has a help text
#[test]
fn every_command_has_a_help_text_and_top_level_commands_have_examples() {
    let home = Home::new();
    for command in COMMANDS {
        let said = home.scrip(&[command, &["--help"]].concat()).ok();
        assert!(said.out.contains("Usage: scrip"), "{command:?}: {said:#?}");
    }
    for command in [
        "run",
        "demo",
        "publish",
        "replay",
        "backup",
        "balance",
        "balances",
        "history",
        "batches",
        "verify",
        "report",
        "dead",
        "audit",
        "price",
        "can-purchase",
    ] {
        let help = home.scrip(&[command, "--help"]).out;
        assert!(help.contains("Examples:"), "{command}: {help}");
    }
}

#[test]
fn each_of_these_commands_has_a_help_text() {
    let home = Home::new();
    for (command, has_examples) in [
        (&["price"][..], true),
        (&["packages"][..], false),
        (&["can-purchase"][..], true),
        (&["publish", "subscription"][..], false),
        (&["publish", "freeze"][..], false),
        (&["publish", "unfreeze"][..], false),
        (&["job"][..], false),
        (&["job", "run"][..], true),
        (&["job", "list"][..], false),
        (&["config", "show"][..], false),
    ] {
        let said = home.scrip(&[command, &["--help"][..]].concat()).ok();
        assert!(said.out.contains("Usage: scrip"), "{command:?}: {said:#?}");
        assert!(
            said.out.contains("Examples:") || !has_examples,
            "{command:?}: {said:#?}"
        );
    }
}

#[test]
fn an_argument_in_an_error_text_is_escaped() {
    let home = Home::new();
    let hostile = "\u{1b}[31mx\u{1b}]0;t\u{7}\u{202e}";
    for wrong in [
        &[
            "publish",
            "consume",
            "--user",
            "u",
            "--service",
            "s",
            "--actor",
            hostile,
        ][..],
        &["audit", "--since", hostile],
        &[hostile],
    ] {
        let said = home.scrip(wrong);
        assert_eq!(said.code, Some(2), "{said:#?}");
        let controls = |character: char| character.is_control() && character != '\n';
        assert!(!said.err.chars().any(controls), "{said:#?}");
        assert!(said.err.contains("\\u{202e}"), "{said:#?}");
    }
}

#[test]
fn a_wrong_command_line_exits_with_2_and_a_failure_with_1() {
    let home = Home::new();
    for wrong in [
        &["publsh"][..],
        &["publish", "consume", "--user", "u"],
        &["publish", "purchase", "--user", "u", "--purchase-id", "p"],
        &[
            "publish",
            "purchase",
            "--user",
            "u",
            "--purchase-id",
            "p",
            "--package",
            "a",
            "--credits",
            "1",
        ],
        &[
            "publish",
            "consume",
            "--user",
            "u",
            "--service",
            "s",
            "--amount",
            "1",
            "--quantity",
            "1",
        ],
        &["history", "u", "--limit", "0"],
        &["history", "u", "--cursor", "yesterday"],
        &[
            "publish",
            "consume",
            "--user",
            "u",
            "--service",
            "s",
            "--metadata",
            "[1]",
        ],
    ] {
        let said = home.scrip(wrong);
        assert_eq!(said.code, Some(2), "{wrong:?}: {said:#?}");
    }
    let said = home.scrip(&["balance", "unknown"]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.starts_with("error: there is no ledger at "),
        "a mistyped folder is no empty ledger: {said:#?}"
    );
    assert!(!home.database().exists());
    home.scrip(&["migrate", "up"]).ok();
    let said = home.scrip(&["balance", "unknown"]);
    assert_eq!(
        (said.code, said.err.as_str()),
        (Some(1), "error: unknown has no wallet\n")
    );
}

#[test]
fn a_failure_names_the_step_and_its_causes_without_a_password() {
    let home = Home::new()
        .with("AMQP_URL", "amqp://guest:hunter2@127.0.0.1:1")
        .with("DATABASE_URL", "postgres://scrip:hunter2@127.0.0.1:1/scrip")
        .with("SCRIP__DATABASE__ACQUIRE_TIMEOUT", "200ms");
    for command in [
        &["run"][..],
        &["balance", "u"],
        &["migrate", "status"],
        &["topology", "declare"],
    ] {
        let said = home.scrip(command);
        assert_eq!(said.code, Some(1), "{said:#?}");
        let error = said.err.split_once("error: ").expect("an error").1;
        assert!(error.contains("\n  caused by: "), "{command:?}: {error}");
        assert!(!error.contains("hunter2"), "{command:?}: {error}");
    }
}
