//! The configuration: its problems, its sources, and the backend that it gives.

use serde_json::json;

use crate::process::Home;

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

/// Conformance: Embedded deployment: An environment variable that is set but empty stops every
/// command, and each such variable is named
#[test]
fn a_worker_with_empty_urls_starts_no_ledger_in_a_file() {
    let home = Home::new().with("AMQP_URL", "").with("DATABASE_URL", "");
    for arguments in [
        &["run"][..],
        &["balance", "u"],
        &["migrate", "up"],
        &["config", "check"],
    ] {
        let said = home.scrip(arguments);
        assert_eq!(said.code, Some(1), "{said:#?}");
        for variable in ["AMQP_URL", "DATABASE_URL"] {
            assert!(
                said.err.contains(&format!("(set by {variable}) is empty")),
                "{said:#?}"
            );
        }
    }
    let left = std::fs::read_dir(home.folder())
        .expect("the folder")
        .count();
    assert_eq!(left, 0, "nothing is created");
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
             database:  postgres://scrip:***@db/scrip\n           at db:5432\n\
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
        shown.contains("\"other\"") && shown.contains("--namespace") && !shown.contains("hunter2"),
        "{shown}"
    );
}

#[test]
fn config_show_names_the_source_of_each_value() {
    let home = Home::new()
        .with("SCRIP__WORKER__GROUP_MAX", "7")
        .with("CREDIT_LITE_PRICE_ID", "price_1");
    home.write(
        "scrip.toml",
        "namespace = \"file\"\n[ledger]\nmax_user_balance = 5\n\
         [prices]\n\"llm:tokens\" = { credits = 1, per = 1000 }\n",
    );
    let shown = home.scrip(&["--json", "config", "show", "--namespace", "other"]);
    let shown = shown.ok().json();
    let items = shown.as_array().expect("a list");
    let of = |key: &str| items.iter().find(|item| item["key"] == key);
    for (key, value, from) in [
        ("namespace", json!("other"), "--namespace"),
        ("ledger.max_user_balance", json!(5), "scrip.toml"),
        (
            "prices.llm:tokens",
            json!({ "credits": 1, "per": 1000 }),
            "scrip.toml",
        ),
        ("worker.group_max", json!(7), "SCRIP__WORKER__GROUP_MAX"),
        (
            "packages.lite.price_id",
            json!("price_1"),
            "CREDIT_LITE_PRICE_ID",
        ),
        ("worker.shards", json!(1), "built in"),
        ("plans.pro.credits", json!(200), "built in"),
        ("schedule.verify", json!("05:00"), "built in"),
    ] {
        let expected = json!({ "key": key, "value": value, "from": from });
        assert_eq!(of(key), Some(&expected));
    }
    assert_eq!(
        of("prices.google:chat"),
        None,
        "the file replaces the whole list"
    );
}

/// Conformance: Configuration and command line: `AMQP_URL` lists the addresses of a cluster
#[test]
fn config_check_parses_each_address_of_the_broker() {
    let with = |list| {
        Home::new()
            .with("DATABASE_URL", "postgres://localhost/scrip")
            .with("AMQP_URL", list)
    };
    let list = "amqp://scrip:hunter2@mq1/v,amqp://scrip:hunter2@localhost/v,\
                amqp://scrip:hunter2@mq2:5673/v";
    let said = with(list).scrip(&["config", "check"]).ok();
    for line in [
        "broker:    amqp://scrip:***@mq1/v,amqp://scrip:***@localhost/v,\
         amqp://scrip:***@mq2:5673/v\n",
        "warning:   amqp.url is without TLS to the host mq1; use amqps://\n",
        "warning:   amqp.url is without TLS to the host mq2; use amqps://\n",
    ] {
        assert!(said.out.contains(line), "{line}: {}", said.out);
    }
    assert_eq!(said.out.matches("warning").count(), 2, "{}", said.out);
    for (list, why) in [
        (
            "amqp://scrip:hunter2@mq1,mq2:5672",
            "entry 2 of 2 is not a whole URL",
        ),
        (
            "amqp://scrip:hunter2@mq1,amqp://scrip:hunter3@mq2",
            "entry 2 of 2 has another user or password than entry 1",
        ),
        (
            "amqp://scrip:hunter2@mq1,amqp://scrip:hunter2@mq2:70000",
            "entry 2 of 2 cannot be used: invalid port number",
        ),
    ] {
        let refused = with(list).scrip(&["config", "check"]);
        assert_eq!(refused.code, Some(1), "{refused:#?}");
        assert!(
            refused.err.contains("`amqp.url` (set by AMQP_URL)"),
            "{refused:#?}"
        );
        assert!(refused.err.contains(why), "{refused:#?}");
        assert!(!refused.err.contains("hunter"), "{refused:#?}");
    }
}
