//! The command line: arguments, output, error texts and exit codes.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod process;

use process::{Database, Home, Namespace, amqp_url};
use serde_json::json;

const COMMANDS: [&[&str]; 40] = [
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

/// Conformance: Embedded deployment: With only one of the two URLs, the worker does not start and
/// names the missing one
#[test]
fn with_only_one_of_the_two_urls_a_command_names_the_missing_one() {
    let broker = Home::new().with("AMQP_URL", "amqp://localhost");
    let database = Home::new().with("DATABASE_URL", "postgres://localhost/scrip");
    for (home, missing, needed_by) in [
        (broker, "DATABASE_URL is missing", ["run", "demo", "verify"]),
        (database, "AMQP_URL is missing", ["run", "demo", "config"]),
    ] {
        for command in needed_by {
            let arguments = if command == "config" {
                vec!["config", "check"]
            } else {
                vec![command]
            };
            let said = home.scrip(&arguments);
            assert_eq!(said.code, Some(1), "{said:#?}");
            assert!(said.err.contains(missing), "{said:#?}");
        }
        assert!(
            !home.database().exists(),
            "no fallback to the embedded default"
        );
    }
}

/// Conformance: Configuration and command line: A wrong configuration stops the worker and reports
/// every wrong key at once, with found and allowed values
#[test]
fn a_wrong_configuration_stops_every_command_and_lists_every_problem() {
    let home = Home::new().with("SCRIP__WORKER__GROUP_MAX", "0");
    home.write(
        "scrip.toml",
        "[ledger]\nmax_user_balance = \"lots\"\nmax_user_balence = 3\n",
    );
    for command in [&["config", "check"][..], &["run"], &["balance", "u"]] {
        let said = home.scrip(command);
        assert_eq!(said.code, Some(1), "{said:#?}");
        assert_eq!(
            said.err,
            "error: the configuration is wrong in 3 places:\n\
             \u{20} `ledger.max_user_balance` is \"lots\"; allowed is a whole number from 0 to \
             1000000000000000\n\
             \u{20} `ledger.max_user_balence` is an unknown key; allowed is one of \
             allow_free_user_purchase_packages, default_consumption, enabled, max_lateness, \
             max_user_balance\n\
             \u{20} `worker.group_max` (set by SCRIP__WORKER__GROUP_MAX) is 0; allowed is a whole \
             number from 1 to 10000\n"
        );
    }
}

/// Conformance: Configuration and command line: Commands whose output a program may read support
/// `--json`
#[test]
fn config_check_reports_problems_and_the_backend_as_json() {
    let home = Home::new().with("SCRIP__WORKER__GROUP_MAX", "0");
    let wrong = home.scrip(&["--json", "config", "check"]);
    assert_eq!(wrong.code, Some(1), "{wrong:#?}");
    assert_eq!(
        wrong.json(),
        json!({ "ok": false, "problems": [{
            "key": "worker.group_max", "variable": "SCRIP__WORKER__GROUP_MAX", "found": "0",
            "allowed": "a whole number from 1 to 10000",
        }] })
    );
    let home = Home::new().with("SCRIP_NAMESPACE", "tenant-1");
    let right = home.scrip(&["--json", "config", "check"]).ok().json();
    assert_eq!(
        (&right["ok"], &right["namespace"]),
        (&json!(true), &json!("tenant-1"))
    );
    assert!(
        right["embedded"]
            .as_str()
            .is_some_and(|path| path.ends_with("scrip.db"))
    );
}

#[test]
fn a_validity_from_the_environment_replaces_the_built_in_one() {
    let home = Home::new().with("SCRIP__PLANS__PRO__VALIDITY", "period");
    let shown = home.scrip(&["--json", "config", "show"]).ok().json();
    let values = shown.as_array().expect("a list");
    let value_of = |key: &str| {
        values
            .iter()
            .find(|value| value["key"] == key)
            .map(|value| value["value"].clone())
    };
    assert_eq!(value_of("plans.pro.validity"), Some(json!("period")));
    assert_eq!(value_of("plans.pro.validity_days"), None);
}

/// Conformance: Configuration and command line: `scrip config check` and `config show` report the
/// source of the configuration and hide secrets
#[test]
fn config_check_names_the_file_and_the_backend_without_a_password() {
    let home = Home::new()
        .with("AMQP_URL", "amqp://scrip:hunter2@mq")
        .with("DATABASE_URL", "postgres://scrip:hunter2@db/scrip");
    let file = home.write("other.toml", "namespace = \"tenant-1\"");
    let file = file.to_str().expect("UTF-8");
    let said = home.scrip(&["config", "check", "--config", file]).ok();
    assert_eq!(
        said.out,
        format!(
            "file:      {file}\n\
             broker:    amqp://scrip:***@mq\n\
             database:  postgres://scrip:***@db/scrip\n\
             namespace: tenant-1\n\
             warning:   amqp.url is without TLS to the host mq; use amqps://\n\
             warning:   database.url is without TLS to the host db; use sslmode=verify-full\n\
             ok\n"
        )
    );
    let checked = home.scrip(&["--json", "config", "check"]).ok().json();
    assert_eq!(
        checked["warnings"],
        json!([
            { "key": "amqp.url", "found": "without TLS to the host mq", "advice": "use amqps://" },
            { "key": "database.url", "found": "without TLS to the host db",
                "advice": "use sslmode=verify-full" },
        ])
    );
    let shown = home
        .scrip(&["config", "show", "--namespace", "other"])
        .ok()
        .out;
    assert!(
        shown.contains("\"other\"")
            && shown.contains("SCRIP_NAMESPACE")
            && !shown.contains("hunter2"),
        "{shown}"
    );
}

/// Conformance: Configuration and command line: With an older schema the worker does not start and
/// says what to run; `migrate` has `up`, `down` and `status`
#[test]
fn the_schema_on_a_server_is_created_only_on_request() {
    let server = Database::create();
    let home = Home::new()
        .with("AMQP_URL", &amqp_url())
        .with("DATABASE_URL", &server.url);
    let said = home.scrip(&["run"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("run `scrip migrate up`"), "{said:#?}");
    let status = home.scrip(&["--json", "migrate", "status"]);
    assert_eq!(
        (status.code, &status.json()["current"]),
        (Some(1), &json!(false))
    );
    home.scrip(&["migrate", "up"]).ok();
    assert_eq!(
        home.scrip(&["--json", "migrate", "status"]).ok().json()["current"],
        true
    );
    home.scrip(&["verify"]).ok();
    let refused = home.scrip(&["migrate", "down"]);
    assert!(
        refused.code == Some(1) && refused.err.contains("--yes"),
        "{refused:#?}"
    );
    home.scrip(&["migrate", "down", "--yes"]).ok();
    assert_eq!(home.scrip(&["migrate", "status"]).code, Some(1));
}

/// Conformance: Broker permissions and senders: `scrip topology permissions` prints the broker
/// permissions, and `topology user` prints a user with them
#[test]
fn a_broker_user_has_the_permissions_of_its_kind_and_the_password_from_stdin() {
    let home = Home::new();
    let user = |home: &Home, arguments: &[&str], input| {
        home.scrip_reading(
            &[&["topology", "user", "app", "shop"], arguments].concat(),
            input,
        )
    };
    let all = home
        .scrip(&["--json", "topology", "permissions"])
        .ok()
        .json();
    let users: Vec<_> = all.as_array().expect("a list").iter().collect();
    assert_eq!(
        users.iter().map(|user| &user["user"]).collect::<Vec<_>>(),
        ["app", "bridge", "worker"]
    );
    let made = user(&home, &[], "secret\n").ok().json();
    assert_eq!(
        made["users"],
        json!([{
            "name": "shop",
            "password": "secret",
            "tags": [],
            "limits": { "max-channels": 1000, "max-connections": 100 },
        }])
    );
    let permissions = &made["permissions"][0];
    for permission in ["configure", "write", "read"] {
        assert_eq!(
            permissions[permission], users[0][permission],
            "{permission}"
        );
    }
    assert_eq!(
        (&permissions["user"], &permissions["vhost"]),
        (&json!("shop"), &json!("/"))
    );
    let table = home.scrip(&["topology", "permissions"]).ok().out;
    assert!(
        table.contains("        write       ^credits[.](queries|usage)$\n"),
        "{table}"
    );

    let elsewhere = Home::new().with("AMQP_URL", "amqp://localhost/till");
    for (arguments, vhost) in [(&[][..], "till"), (&["--vhost", "/other"], "/other")] {
        let made = user(&elsewhere, arguments, "secret").ok().json();
        assert_eq!(made["permissions"][0]["vhost"], vhost);
    }
    let said = user(&home, &[], "\n");
    assert_eq!(said.code, Some(1));
    assert!(
        said.err
            .contains("the password, the first line of stdin, is empty"),
        "{}",
        said.err
    );
}

/// Conformance: Configuration and command line: `scrip topology declare` declares the exchanges and
/// queues of a namespace
#[test]
fn declaring_the_topology_twice_gives_the_same_result() {
    let namespace = Namespace::new();
    let home = Home::new().with("AMQP_URL", &amqp_url());
    let declare = ["--json", "--namespace", &namespace.0, "topology", "declare"];
    let first = home.scrip(&declare).ok().json();
    let second = home.scrip(&declare).ok().json();
    assert_eq!(first, second);
    assert_eq!(first["differences"], json!([]));
    let commands = format!("{}.commands.0", namespace.0);
    assert!(
        first["queues"]
            .as_array()
            .expect("a list")
            .contains(&commands.into()),
        "{first}"
    );
}

/// Conformance: Configuration and command line: `scrip report` shows credits sold, granted,
/// consumed, expired and owed, and money, as table, JSON or CSV
/// Conformance: Configuration and command line: Progress bars appear only on a terminal
#[test]
fn a_report_is_a_table_json_or_csv_and_refuses_wrong_days() {
    let home = Home::new();
    home.scrip(&["migrate", "up"]).ok();
    let table = home.scrip(&["report"]).ok().out;
    assert!(table.contains("in wallets at the end"), "{table}");
    let json = home
        .scrip(&[
            "--json",
            "report",
            "--from",
            "2026-01-01",
            "--to",
            "2026-01-31",
        ])
        .ok()
        .json();
    assert_eq!(
        (&json["from"], &json["until"], &json["addsUp"]),
        (
            &json!("2026-01-01T00:00:00Z"),
            &json!("2026-02-01T00:00:00Z"),
            &json!(true)
        )
    );
    // A progress bar appears on a terminal only.
    assert_eq!(home.scrip(&["verify"]).ok().err, "");
    let csv = home.scrip(&["report", "--csv"]).ok().out;
    assert!(
        csv.starts_with("section,name,detail,currency,count,credits,money\nperiod,from,"),
        "{csv}"
    );
    for (wrong, code) in [
        (
            &["report", "--from", "2026-02-02", "--to", "2026-02-01"][..],
            2,
        ),
        (&["report", "--from", "9999-01-01", "--to", "9999-01-02"], 1),
        (&["--json", "report", "--csv"], 2),
    ] {
        assert_eq!(home.scrip(wrong).code, Some(code), "{wrong:?}");
    }
    home.scrip(&["report", "--from", "yesterday"]).ok();
    assert_eq!(home.scrip(&["report", "--from", "soon"]).code, Some(2));
}
