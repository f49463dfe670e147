//! Mistakes of the first hour: each error says what failed, what was found and what to do.

use std::process::Command;

use serde_json::Value;

use crate::process::{Database, Home, Namespace, amqp_url, eventually, said};

/// Whether a text contains every part.
fn has(text: &str, parts: &[&str]) -> bool {
    parts.iter().all(|part| text.contains(part))
}

/// The error of a command with `--json`.
fn json_error(text: &str) -> Value {
    let line = text.lines().last().expect("an error");
    let error: Value = serde_json::from_str(line).expect("JSON");
    error["error"].clone()
}

#[test]
fn a_database_that_cannot_be_used_is_named_with_the_reason_and_the_remedy() {
    let database = Database::create();
    let server = database.url.rsplit_once('/').expect("a database").0;
    for (url, parts) in [
        (
            "postgres://u@127.0.0.1:1/scrip".to_owned(),
            [
                "127.0.0.1:1",
                "connection refused",
                "start PostgreSQL there",
            ],
        ),
        (
            format!("{server}/no_such_database"),
            ["no_such_database", "does not exist", "create the database"],
        ),
    ] {
        let home = Home::new()
            .with("AMQP_URL", &amqp_url())
            .with("DATABASE_URL", &url)
            .with("SCRIP__DATABASE__ACQUIRE_TIMEOUT", "200ms");
        for command in [&["run"][..], &["balance", "u"]] {
            let failed = home.scrip(command);
            assert_eq!(failed.code, Some(1), "{failed:#?}");
            assert!(has(&failed.err, &parts), "{failed:#?}");
            assert!(!failed.err.contains(" at line "), "{failed:#?}");
        }
    }
}

#[test]
fn a_worker_ends_if_the_broker_refuses_its_account_or_virtual_host() {
    let database = Database::create();
    let broker = amqp_url();
    let (scheme, rest) = broker.split_once("://").expect("a URL");
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let server = host.split('/').next().expect("a host");
    let (account, _) = rest.rsplit_once('@').unwrap_or(("guest:guest", ""));
    for (url, reason) in [
        (format!("{scheme}://nobody:wrong@{host}"), "ACCESS_REFUSED"),
        (
            format!("{scheme}://{account}@{server}/no-such-vhost"),
            "vhost no-such-vhost not found",
        ),
    ] {
        let home = Home::new()
            .with("AMQP_URL", &url)
            .with("DATABASE_URL", &database.url)
            .with("SCRIP_NAMESPACE", "mistakes");
        let failed = home.scrip(&["run", "--migrate"]);
        assert_eq!(failed.code, Some(1), "{failed:#?}");
        let parts = ["cannot use the broker at", reason, "correct user, password"];
        assert!(has(&failed.err, &parts), "{failed:#?}");
        assert!(!failed.err.contains("wrong"), "{failed:#?}");
    }
}

#[test]
fn a_publisher_that_the_broker_refuses_gets_advice() {
    let broker = amqp_url();
    let (scheme, rest) = broker.split_once("://").expect("a URL");
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let home = Home::new().with("AMQP_URL", &format!("{scheme}://nobody:wrong@{host}"));
    let publish = ["publish", "consume", "--user", "u", "--service", "s"];
    for wait in [&[][..], &["--wait"]] {
        let failed = home.scrip(&[&publish[..], wait].concat());
        assert_eq!(failed.code, Some(1), "{failed:#?}");
        let parts = ["cannot connect to", "ACCESS_REFUSED", "correct host, user"];
        assert!(has(&failed.err, &parts), "{failed:#?}");
        assert!(!failed.err.contains("wrong"), "{failed:#?}");
    }
}

#[test]
fn without_a_worker_a_command_that_waits_says_that_it_is_safe_and_unserved() {
    let home = Home::new();
    let send = [
        "publish",
        "grant",
        "--user",
        "ada",
        "--reason",
        "promotion",
        "--amount",
        "5",
        "--reference",
        "g-1",
        "--wait",
        "--timeout",
        "1",
    ];
    let unanswered = home.scrip(&send);
    assert_eq!(unanswered.code, Some(1), "{unanswered:#?}");
    let parts = [
        "no outcome of g-1 within 1s",
        "safe in the queue",
        "no worker serves that queue",
        "--reference g-1",
    ];
    assert!(has(&unanswered.err, &parts), "{unanswered:#?}");
    // The command is there when a worker comes, and the same command gets its outcome.
    let worker = home.ready_worker();
    let outcome = home.scrip(&send).ok();
    assert!(outcome.out.contains("+5 credits"), "{outcome:#?}");
    assert!(worker.terminate().success());
}

#[test]
fn a_namespace_that_is_not_declared_is_named_with_the_remedy() {
    let database = Database::create();
    let namespace = Namespace::new();
    let home = Home::new()
        .with("AMQP_URL", &amqp_url())
        .with("DATABASE_URL", &database.url)
        .with("SCRIP_NAMESPACE", &namespace.0);
    home.scrip(&["migrate", "up"]).ok();
    let failed = home.scrip(&[
        "publish",
        "consume",
        "--user",
        "u",
        "--service",
        "google:chat",
    ]);
    assert_eq!(failed.code, Some(1), "{failed:#?}");
    let exchange = format!("{}.usage", namespace.0);
    let parts = [
        exchange.as_str(),
        "start a worker",
        "scrip topology declare",
    ];
    assert!(has(&failed.err, &parts), "{failed:#?}");
}

#[test]
fn with_json_every_error_is_json_on_stderr() {
    let home = Home::new();
    let missing = home.scrip(&["--json", "balance", "ada"]);
    assert_eq!((missing.code, missing.out.as_str()), (Some(1), ""));
    let error = json_error(&missing.err);
    let message = error["message"].as_str().expect("a message");
    assert!(message.starts_with("there is no ledger at "), "{error}");
    assert!(
        error["advice"]
            .as_str()
            .is_some_and(|text| text.contains("scrip run")),
        "{error}"
    );
    let wrong = home.scrip(&["--json", "history", "ada", "--limit", "0"]);
    assert_eq!(wrong.code, Some(2), "{wrong:#?}");
    assert!(json_error(&wrong.err)["message"].is_string(), "{wrong:#?}");
}

#[test]
fn wrong_values_of_arguments_are_named_with_the_allowed_ones() {
    let home = Home::new();
    let consume = ["publish", "consume", "--user", "u", "--service", "s"];
    for (arguments, parts) in [
        (
            ["--amount", "-5"],
            ["'-5'", "must be a whole number from 1 to"],
        ),
        (
            ["--amount", "1.5"],
            ["'1.5'", "must be a whole number from 1 to"],
        ),
        (
            ["--quantity", "0"],
            ["'0'", "must be a whole number from 1 to"],
        ),
        (
            ["--occurred-at", "soon"],
            ["'soon'", "2026-11-30T09:00:00Z"],
        ),
    ] {
        let wrong = home.scrip(&[&consume[..], &arguments].concat());
        assert_eq!(wrong.code, Some(2), "{wrong:#?}");
        assert!(has(&wrong.err, &parts), "{wrong:#?}");
    }
    home.scrip(&["migrate", "up"]).ok();
    for (combination, parts) in [
        (&["balances", "--json", "--csv"][..], ["--csv", "--json"]),
        (&["report", "--json", "--csv"], ["--csv", "--json"]),
        (
            &["report", "--from", "2026-02-02", "--to", "2026-02-01"],
            ["--from 2026-02-02", "--to 2026-02-01"],
        ),
        (&["dead", "replay"], ["--reason", "--all"]),
        (
            &[
                "publish",
                "grant",
                "--user",
                "u",
                "--reason",
                "registration_bonus",
                "--validity-days",
                "1",
            ],
            ["`validityDays` was set", "has no such field"],
        ),
    ] {
        let wrong = home.scrip(combination);
        assert_eq!(wrong.code, Some(2), "{wrong:#?}");
        assert!(has(&wrong.err, &parts), "{wrong:#?}");
    }
    let bare = home.scrip(&[]);
    assert_eq!((bare.code, bare.out.as_str()), (Some(2), ""));
    assert!(
        has(&bare.err, &["Usage: scrip", "publish", "balance"]),
        "{bare:#?}"
    );
}

#[test]
fn an_unknown_package_plan_or_service_is_a_warning_with_the_known_ones() {
    let home = Home::new();
    for (arguments, parts) in [
        (
            &[
                "purchase",
                "--user",
                "u",
                "--package",
                "lit",
                "--purchase-id",
                "pi",
            ][..],
            ["no package `lit`", "lite"],
        ),
        (
            &["consume", "--user", "u", "--service", "google:chatt"],
            ["no service `google:chatt`", "google:chat"],
        ),
        (
            &[
                "subscription",
                "--user",
                "u",
                "--subscription",
                "s",
                "--plan",
                "por",
                "--status",
                "active",
            ],
            ["no plan `por`", "pro"],
        ),
    ] {
        let sent = home.scrip(&[&["publish"], arguments].concat()).ok();
        assert!(has(&sent.err, &parts), "{sent:#?}");
    }
}

#[test]
fn a_command_that_is_interrupted_says_what_may_still_happen() {
    let home = Home::new();
    let waiting = home.start(&[
        "publish",
        "grant",
        "--user",
        "ada",
        "--reason",
        "promotion",
        "--amount",
        "5",
        "--reference",
        "g-1",
        "--wait",
    ]);
    // The command listens for signals before it creates the file.
    eventually("the ledger", || home.database().exists().then_some(()));
    let interrupt = Command::new("kill")
        .arg("-INT")
        .arg(waiting.id().to_string())
        .status();
    assert!(interrupt.expect("kill runs").success());
    let ended = said(&waiting.wait_with_output().expect("an end"));
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    let parts = [
        "stopped by SIGINT",
        "g-1",
        "may still be applied",
        "is safe",
    ];
    assert!(has(&ended.err, &parts), "{ended:#?}");
}

#[test]
fn a_configuration_file_is_written_once_and_changes_nothing() {
    let home = Home::new();
    let file = home.folder().join("new.toml").display().to_string();
    home.scrip(&["config", "init", &file]).ok();
    let text = std::fs::read_to_string(&file).expect("a file");
    let mut lines = text.lines().filter(|line| !line.is_empty());
    assert!(lines.all(|line| line.starts_with('#')), "{text}");
    assert!(
        has(&text, &["# [ledger]", "# max_user_balance = 10000"]),
        "{text}"
    );
    home.scrip(&["--config", &file, "config", "check"]).ok();
    let again = home.scrip(&["config", "init", &file]);
    assert_eq!(again.code, Some(1), "{again:#?}");
    assert!(
        has(&again.err, &["cannot create", "name another file"]),
        "{again:#?}"
    );
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), text);
}

#[test]
fn a_wrong_namespace_names_the_option_or_the_variable_that_set_it() {
    let home = Home::new().with("SCRIP__NAMESPACE", "Big Letters");
    for (options, source) in [
        (&[][..], "SCRIP__NAMESPACE"),
        (&["--namespace", "Big Letters"], "--namespace"),
    ] {
        let wrong = home.scrip(&[&["config", "check"], options].concat());
        assert_eq!(wrong.code, Some(1), "{wrong:#?}");
        let part = format!("`namespace` (set by {source}) is \"Big Letters\"");
        assert!(wrong.err.contains(&part), "{wrong:#?}");
    }
    let right = ["--namespace", "small", "config", "check"];
    home.scrip(&right).ok();
}

#[test]
fn prices_are_set_by_a_variable_that_shells_accept() {
    let home = Home::new().with("SCRIP_PRICES", "google:chat=3, my:ocr=1/1000");
    let price = |service: &str| {
        home.scrip(&["price", service, "--quantity", "2000"])
            .ok()
            .out
    };
    assert!(
        price("google:chat").contains("6,000 credits"),
        "{}",
        price("google:chat")
    );
    assert!(price("my:ocr").contains("2 credits"), "{}", price("my:ocr"));
    assert!(
        price("google:image").contains("10,000 credits"),
        "{}",
        price("google:image")
    );
    let wrong = Home::new()
        .with("SCRIP_PRICES", "my:ocr")
        .scrip(&["config", "check"]);
    assert_eq!(wrong.code, Some(1), "{wrong:#?}");
    assert!(
        has(&wrong.err, &["SCRIP_PRICES", "my:ocr", "google:chat=2"]),
        "{wrong:#?}"
    );
}
