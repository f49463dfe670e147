//! The output, the effects and the exit code of each command.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod process;

use std::process::Child;

use process::{Database, Home, Namespace, Said, amqp_url, eventually};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement, prelude::Uuid};
use serde_json::{Value, json};

/// Publishes a command and waits for its outcome, like a program.
fn publish(home: &Home, arguments: &[&str]) -> Said {
    home.scrip(&[&["--json", "publish"][..], arguments, &["--wait"][..]].concat())
}

/// Grants a user credits that never expire.
fn give(home: &Home, user: &str, amount: &str) -> Said {
    let grant = [
        "grant",
        "--user",
        user,
        "--reason",
        "promotion",
        "--amount",
        amount,
    ];
    publish(home, &grant).ok()
}

/// A connection to the embedded file that bypasses the program.
struct DirectAccess {
    runtime: tokio::runtime::Runtime,
    connection: DatabaseConnection,
}

impl DirectAccess {
    fn new(home: &Home) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let url = format!("sqlite://{}", home.database().display());
        let connection = runtime
            .block_on(sea_orm::Database::connect(url))
            .expect("a file");
        Self {
            runtime,
            connection,
        }
    }

    fn execute(&self, sql: &str) {
        let done = self
            .runtime
            .block_on(self.connection.execute_unprepared(sql));
        done.expect("the statement succeeds");
    }

    fn id(&self, sql: &str) -> String {
        let statement = Statement::from_string(DbBackend::Sqlite, sql);
        let row = self
            .runtime
            .block_on(self.connection.query_one_raw(statement));
        let row = row.expect("it answers").expect("a row");
        row.try_get_by_index::<Uuid>(0).expect("an id").to_string()
    }
}

/// A process that is killed at the end of the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().expect("a list")
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

/// Conformance: Configuration and command line: `scrip price`, `packages` and `can-purchase` show a
/// cost, the packages for sale and whether a user may buy
#[test]
fn a_price_is_printed_as_text_and_as_json_without_a_ledger() {
    let home = Home::new().with("SCRIP__LEDGER__DEFAULT_CONSUMPTION", "1");
    home.write(
        "scrip.toml",
        "[prices]\n\"google:image\" = 5\n\"llm:tokens\" = { credits = 1, per = 1000 }\n",
    );
    for (arguments, expected) in [
        (
            &["google:image"][..],
            "1 × google:image: 5 credits (5 for 1)\n",
        ),
        (
            &["llm:tokens", "--quantity", "2417"][..],
            "2417 × llm:tokens: 3 credits (1 for 1000)\n",
        ),
        (
            &["other", "--quantity", "3"][..],
            "3 × other: 3 credits (1 for 1, the default price)\n",
        ),
    ] {
        let said = home.scrip(&[&["price"][..], arguments].concat()).ok();
        assert_eq!(said.out, expected);
    }
    let tokens = home.scrip(&["--json", "price", "llm:tokens", "--quantity", "2417"]);
    let expected = json!({
        "service": "llm:tokens", "quantity": 2417, "credits": 3,
        "pricing": { "credits": 1, "per": 1000 },
    });
    assert_eq!(tokens.ok().json(), expected);
    let other = home.scrip(&["--json", "price", "other"]).ok().json();
    let expected = json!({
        "service": "other", "quantity": 1, "credits": 1,
        "pricing": { "credits": 1, "per": 1 }, "isDefault": true,
    });
    assert_eq!(other, expected);
    assert!(!home.database().exists());
}

/// A command for a service without a price.
const MISSPELT: [&str; 11] = [
    "publish",
    "consume",
    "--user",
    "u",
    "--service",
    "googel:chat",
    "--quantity",
    "5",
    "--reference",
    "c-1",
    "--wait",
];

/// Conformance: Commands: A charge at the default price is marked in the outcome, in replayed
/// outcomes and in the history
#[test]
fn a_misspelt_service_is_refused_by_default() {
    let home = Home::new();
    let worker = home.ready_worker();
    give(&home, "u", "50");
    let said = home.scrip(&MISSPELT);
    assert_eq!(said.code, Some(1), "{said:#?}");
    assert_eq!(
        said.out,
        "refused: unknown_service: this service has no price, balance 50, available 50\n"
    );
    drop(worker);
}

/// Conformance: Commands: A charge at the default price is marked in the outcome, in replayed
/// outcomes and in the history
#[test]
fn a_charge_at_the_default_price_is_marked_in_every_output() {
    let home = Home::new().with("SCRIP__LEDGER__DEFAULT_CONSUMPTION", "1");
    let worker = home.ready_worker();
    give(&home, "u", "50");
    let said = home.scrip(&MISSPELT).ok();
    assert_eq!(
        said.out,
        "completed: -5 credits, balance 45, available 45, \
         default price (the service has no price)\n"
    );
    let again = home
        .scrip(&[&["--json"][..], &MISSPELT].concat())
        .ok()
        .json();
    assert_eq!(
        (&again["replayed"], &again["defaultPrice"]),
        (&json!(true), &json!(true))
    );
    let history = home.scrip(&["history", "u", "--limit", "1"]).ok().out;
    assert!(
        history.contains("  consumption (default price)  "),
        "{history}"
    );
    let history = home
        .scrip(&["--json", "history", "u", "--limit", "1"])
        .ok()
        .json();
    assert_eq!(history["items"][0]["detail"]["defaultPrice"], true);
    drop(worker);
}

/// Conformance: Configuration and command line: Every command accepts ids that begin with a hyphen
#[test]
fn every_command_accepts_ids_that_begin_with_a_hyphen() {
    let home = Home::new();
    let worker = home.ready_worker();
    let user = "-1001234567890";
    assert_eq!(give(&home, user, "50").json()["balance"], 50);
    let consume = [
        "consume",
        "--user",
        user,
        "--service",
        "-s",
        "--amount",
        "5",
        "--reference",
        "-r",
    ];
    assert_eq!(publish(&home, &consume).ok().json()["balance"], 45);
    let balance = home.scrip(&["balance", user, "--json"]).ok().json();
    assert_eq!(balance["userId"], user);
    let history = home
        .scrip(&["history", user, "--limit", "1", "--json"])
        .ok()
        .json();
    assert_eq!(history["items"][0]["referenceId"], "-r");
    home.scrip(&["batches", user]).ok();
    home.scrip(&["can-purchase", user, "--package", "lite"])
        .ok();
    let letters = home.scrip(&[
        "--json",
        "dead",
        "list",
        "--user",
        user,
        "--reference",
        "-r",
    ]);
    assert_eq!(letters.ok().out, "");
    drop(worker);
}

/// Conformance: Refusals and rejections: `metadata` with a duplicate key in an object is rejected,
/// at any depth
#[test]
fn metadata_with_a_key_twice_is_refused_before_it_is_published() {
    let home = Home::new();
    let consume = ["publish", "consume", "--user", "u", "--service", "s"];
    let said = home.scrip(&[&consume[..], &["--metadata", r#"{"a":{"b":1,"b":2}}"#]].concat());
    assert_eq!(said.code, Some(2), "{said:#?}");
    assert!(
        said.err.contains("`metadata` has the key \"b\" twice"),
        "{said:#?}"
    );
}

#[test]
fn a_price_that_cannot_be_computed_is_a_failure() {
    let home = Home::new();
    let said = home.scrip(&["price", "other"]);
    assert_eq!(
        (said.code, said.err.as_str()),
        (Some(1), "error: other: this service has no price\n")
    );
    let said = home.scrip(&["price", "google:image", "--quantity", "1000000000000000"]);
    assert_eq!(
        (said.code, said.err.as_str()),
        (
            Some(1),
            "error: google:image: the resulting amount is out of range\n"
        )
    );
    let none = home.scrip(&["price", "google:image", "--quantity", "0"]);
    assert_eq!(none.code, Some(2), "{none:#?}");
}

/// Conformance: Configuration and command line: `scrip price`, `packages` and `can-purchase` show a
/// cost, the packages for sale and whether a user may buy
#[test]
fn packages_for_sale_are_listed_in_ascending_order_of_size() {
    let home = Home::new()
        .with("SCRIP__PACKAGES__TINY__CREDITS", "5")
        .with("SCRIP__PACKAGES__TINY__VALIDITY", "never")
        .with("SCRIP__PACKAGES__STANDARD__ENABLED", "false")
        .with("CREDIT_LITE_PRICE_ID", "price_1");
    let table = home.scrip(&["packages"]).ok().out;
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = table.lines().map(words).collect();
    assert_eq!(
        lines,
        [
            "package credits bonus price expires after price id",
            "tiny 5 0 never",
            "lite 100 10 9.99 USD 90 days price_1",
            "pro 1,500 200 79.99 USD 90 days popular",
            "max 5,000 1,000 199.99 USD 365 days",
        ]
    );
    let items = home.scrip(&["--json", "packages"]).ok().json();
    let items = list(&items, "items");
    assert_eq!(items.len(), 4);
    assert_eq!(items[0], json!({ "id": "tiny", "credits": 5, "bonus": 0 }));
    let lite = json!({
        "id": "lite", "credits": 100, "bonus": 10, "validityDays": 90, "price": "9.99",
        "currency": "USD", "priceId": "price_1",
    });
    assert_eq!(items[1], lite);
    assert_eq!(items[2]["popular"], true);
    assert!(!home.database().exists());

    let home = Home::new();
    home.write("scrip.toml", "[packages]\n");
    let none = home.scrip(&["--json", "packages"]).ok().json();
    assert_eq!(none, json!({ "items": [] }));
}

/// Conformance: Configuration and command line: `scrip price`, `packages` and `can-purchase` show a
/// cost, the packages for sale and whether a user may buy
#[test]
fn can_purchase_prints_the_decision_and_exits_with_it() {
    let home = Home::new().with("SCRIP__PACKAGES__MAX__ENABLED", "false");
    home.scrip(&["migrate", "up"]).ok();
    let may_buy = |home: &Home, arguments: &[&str]| {
        let said = home.scrip(&[&["can-purchase", "u"][..], arguments].concat());
        (said.code, said.out)
    };
    assert_eq!(may_buy(&home, &[]), (Some(0), "u may buy\n".to_owned()));
    for (arguments, code, expected) in [
        (&["--package", "lite"][..], 0, "u may buy\n"),
        (
            &["--package", "nothing"][..],
            1,
            "u may not buy: unknown_package\n",
        ),
        (
            &["--package", "max"][..],
            1,
            "u may not buy: package_disabled\n",
        ),
    ] {
        assert_eq!(may_buy(&home, arguments), (Some(code), expected.to_owned()));
    }
    let allowed = home.scrip(&["--json", "can-purchase", "u", "--package", "lite"]);
    let allowed = allowed.ok().json();
    assert_eq!(
        (&allowed["userId"], &allowed["allowed"]),
        (&json!("u"), &json!(true))
    );
    assert_eq!(allowed["package"]["id"], "lite");
    let refused = home.scrip(&["--json", "can-purchase", "u", "--package", "nothing"]);
    assert_eq!(refused.code, Some(1));
    let expected = json!({ "userId": "u", "allowed": false, "reason": "unknown_package" });
    assert_eq!(refused.json(), expected);

    let home = home.with("SCRIP__LEDGER__MAX_USER_BALANCE", "109");
    assert_eq!(
        may_buy(&home, &["--package", "lite"]),
        (Some(0), "u may buy, above the balance cap\n".to_owned())
    );
    let home = home.with("SCRIP__LEDGER__ENABLED", "false");
    assert_eq!(
        may_buy(&home, &["--package", "lite"]),
        (Some(1), "u may not buy: credits_disabled\n".to_owned())
    );
}

/// Conformance: Configuration and command line: `scrip publish` publishes `subscription`, `freeze`
/// and `unfreeze`
#[test]
fn an_active_subscription_grants_its_month_and_allows_purchases() {
    let home = Home::new().with("SCRIP__LEDGER__ALLOW_FREE_USER_PURCHASE_PACKAGES", "false");
    let worker = home.ready_worker();
    let may_buy = || {
        let said = home.scrip(&["can-purchase", "u", "--package", "lite"]);
        (said.code, said.out)
    };
    let refused = (Some(1), "u may not buy: paid_plan_required\n".to_owned());
    assert_eq!(may_buy(), refused);
    let subscription = |status: &str| {
        home.scrip(&[
            "publish",
            "subscription",
            "--user",
            "u",
            "--subscription",
            "sub_1",
            "--plan",
            "pro",
            "--status",
            status,
            "--wait",
        ])
        .ok()
        .out
    };
    assert_eq!(
        subscription("active"),
        "completed: +200 credits, balance 200, available 200\n"
    );
    assert_eq!(may_buy(), (Some(0), "u may buy\n".to_owned()));
    let balance = home.scrip(&["--json", "balance", "u"]).ok().json();
    assert_eq!(balance["availableCredits"], 200);
    assert_eq!(
        (
            &balance["nextGrantInfo"]["amount"],
            &balance["nextGrantInfo"]["planName"]
        ),
        (&json!(200), &json!("pro"))
    );
    assert_eq!(
        subscription("canceled"),
        "completed: 0 credits, balance 200, available 200\n"
    );
    assert_eq!(may_buy(), refused);

    let unknown = publish(
        &home,
        &[
            "subscription",
            "--user",
            "u",
            "--subscription",
            "sub_2",
            "--plan",
            "gold",
            "--status",
            "active",
        ],
    );
    assert_eq!(unknown.code, Some(1), "{unknown:#?}");
    assert_eq!(unknown.json()["error"]["code"], "unknown_plan");
    home.scrip(&["verify"]).ok();
    assert!(worker.terminate().success());
}

/// Conformance: Configuration and command line: `scrip publish` publishes `subscription`, `freeze`
/// and `unfreeze`
#[test]
fn a_frozen_wallet_refuses_spending_and_its_history_names_actor_and_reason() {
    let home = Home::new();
    let worker = home.ready_worker();
    give(&home, "u", "50");
    let frozen = home.scrip(&[
        "publish",
        "freeze",
        "--user",
        "u",
        "--reason",
        "chargeback pi_1",
        "--actor",
        "ops:maria",
        "--reference",
        "f-1",
        "--wait",
    ]);
    assert_eq!(
        frozen.ok().out,
        "completed: 0 credits, balance 50, available 50\n"
    );
    let balance = home.scrip(&["balance", "u"]).ok().out;
    assert!(balance.starts_with("u  frozen\n"), "{balance}");
    let balance = home.scrip(&["--json", "balance", "u"]).ok().json();
    assert_eq!(
        (&balance["status"], &balance["balance"]),
        (&json!("FROZEN"), &json!(50))
    );

    let spend = |reference: &str| {
        publish(
            &home,
            &[
                "consume",
                "--user",
                "u",
                "--service",
                "google:chat",
                "--reference",
                reference,
            ],
        )
    };
    let refused = spend("c-1");
    assert_eq!(refused.code, Some(1), "{refused:#?}");
    assert_eq!(refused.json()["error"]["code"], "wallet_frozen");
    let printed = home.scrip(&[
        "publish",
        "consume",
        "--user",
        "u",
        "--service",
        "google:chat",
        "--wait",
    ]);
    assert_eq!(
        (printed.code, printed.out.as_str()),
        (
            Some(1),
            "refused: wallet_frozen: this wallet is frozen, balance 50, available 50\n"
        )
    );
    assert_eq!(
        give(&home, "u", "5").json()["balance"],
        55,
        "grants are accepted"
    );

    let unfreeze = [
        "unfreeze",
        "--user",
        "u",
        "--reason",
        "dispute won",
        "--actor",
        "ops:igor",
        "--reference",
        "f-2",
    ];
    publish(&home, &unfreeze).ok();
    let balance = home.scrip(&["--json", "balance", "u"]).ok().json();
    assert_eq!(balance["status"], "ACTIVE");
    let again = spend("c-1");
    assert_eq!(again.code, Some(1), "the refusal stands for its reference");
    assert_eq!(again.json()["replayed"], true);
    assert_eq!(spend("c-2").ok().json()["balance"], 53);

    let history = home.scrip(&["--json", "history", "u"]).ok().json();
    let items = list(&history, "items");
    let of = |reference: &str| {
        let item = items.iter().find(|item| item["referenceId"] == reference);
        item.expect("an entry")
    };
    assert_eq!(
        of("f-1")["detail"]["request"],
        json!({ "type": "freeze", "reason": "chargeback pi_1", "actor": "ops:maria" })
    );
    assert_eq!(
        of("f-2")["detail"]["request"],
        json!({ "type": "unfreeze", "reason": "dispute won", "actor": "ops:igor" })
    );
    assert_eq!(
        (&of("c-1")["status"], &of("c-1")["errorCode"]),
        (&json!("FAILED"), &json!("wallet_frozen"))
    );
    home.scrip(&["verify"]).ok();
    assert!(worker.terminate().success());
}

#[test]
fn a_missing_wallet_cannot_be_frozen() {
    let home = Home::new();
    let worker = home.ready_worker();
    let freeze = [
        "freeze", "--user", "nobody", "--reason", "r", "--actor", "a",
    ];
    let refused = publish(&home, &freeze);
    assert_eq!(refused.code, Some(1), "{refused:#?}");
    assert_eq!(refused.json()["error"]["code"], "wallet_not_found");
    drop(worker);
}

/// Conformance: Configuration and command line: `scrip verify` exits with code 1 if the book does
/// not balance
#[test]
fn verify_fails_and_names_the_row_that_was_changed_in_the_file() {
    let home = Home::new();
    let worker = home.ready_worker();
    give(&home, "u", "50");
    give(&home, "v", "7");
    assert!(worker.terminate().success());
    let sound = home.scrip(&["verify"]).ok().out;
    assert!(sound.ends_with("the book balances\n"), "{sound}");

    let file = DirectAccess::new(&home);
    let id = file.id("SELECT id FROM credits_balance WHERE user_id = 'u'");
    file.execute("UPDATE credits_balance SET balance = balance + 1 WHERE user_id = 'u'");
    let failed = home.scrip(&["--json", "verify"]);
    assert_eq!(failed.code, Some(1), "{failed:#?}");
    let report = failed.json();
    let violations = list(&report, "violations");
    let named = violations.iter().any(|violation| {
        violation["rule"] == "wallet.balance_is_sum_of_active_batches"
            && violation["table"] == "credits_balance"
            && violation["id"] == id.as_str()
            && violation["userId"] == "u"
    });
    assert!(named, "{id}: {report:#}");
    assert!(
        violations
            .iter()
            .all(|violation| violation["userId"] != "v"),
        "{report:#}"
    );
    let printed = home.scrip(&["verify"]);
    assert_eq!(printed.code, Some(1));
    assert!(
        printed.out.contains(&id) && printed.out.contains("the book does not balance: "),
        "{printed:#?}"
    );
    let by_job = home.scrip(&["--json", "job", "run", "verify", "--date", "2020-01-01"]);
    assert_eq!(by_job.code, Some(1), "{by_job:#?}");
    assert_eq!(by_job.json()["result"]["holds"], false);
    let runs = home
        .scrip(&["--json", "job", "list", "--limit", "1000"])
        .ok()
        .json();
    let failed = list(&runs, "runs").iter().any(|run| {
        (&run["date"], &run["status"], &run["startedBy"])
            == (
                &json!("2020-01-01"),
                &json!("FAILED"),
                &json!("command line"),
            )
    });
    assert!(failed, "{runs:#}");

    file.execute("UPDATE credits_balance SET balance = balance - 1 WHERE user_id = 'u'");
    home.scrip(&["verify"]).ok();
}

/// Conformance: Configuration and command line: `scrip run --migrate` migrates the schema at start
#[test]
fn run_with_migrate_creates_the_schema_on_a_server() {
    let server = Database::create();
    let namespace = Namespace::new();
    let home = Home::new()
        .with("AMQP_URL", &amqp_url())
        .with("DATABASE_URL", &server.url)
        .with("SCRIP_NAMESPACE", &namespace.0);
    let status = || home.scrip(&["migrate", "status"]).code;
    assert_eq!(status(), Some(1), "the database is empty");
    let migrating = Running(home.start(&["run", "--migrate"]));
    eventually("the schema exists", || (status() == Some(0)).then_some(()));
    drop(migrating);

    let worker = home.ready_worker();
    let bonus = ["grant", "--user", "u", "--reason", "registration_bonus"];
    assert_eq!(publish(&home, &bonus).ok().json()["balance"], 20);
    home.scrip(&["verify"]).ok();
    assert!(worker.terminate().success());
}

/// The completed runs of a job.
fn completed<'a>(list_of_runs: &'a Value, job: &'a str) -> impl Iterator<Item = &'a Value> {
    list(list_of_runs, "runs")
        .iter()
        .filter(move |run| run["job"] == job && run["status"] == "COMPLETED")
}

/// Lists runs until each of these jobs has a completed run.
fn when_completed(home: &Home, jobs: &[&str]) -> Value {
    eventually("the jobs are done", || {
        let runs = home.scrip(&["--json", "job", "list"]).ok().json();
        let done = jobs
            .iter()
            .all(|job| completed(&runs, job).next().is_some());
        done.then_some(runs)
    })
}

/// Conformance: Scheduler and jobs: A job run records its duration and the actor or scheduler that
/// started it
/// Conformance: Embedded deployment: The embedded worker runs jobs automatically
#[test]
fn a_starting_worker_runs_the_due_jobs_and_job_list_shows_them() {
    let home = Home::new();
    let worker = home.ready_worker();
    let jobs = ["grant", "expire", "verify"];
    let runs = when_completed(&home, &jobs);
    for run in jobs.iter().flat_map(|job| completed(&runs, job)) {
        let by = run["worker"].as_str().expect("a worker");
        assert_eq!(run["startedBy"], format!("scheduler of {by}"));
        assert!(
            run["startedAt"].is_string() && run["finishedAt"].is_string(),
            "{run}"
        );
        assert!(run["result"]["durationMs"].is_u64(), "{run}");
    }
    let verified = completed(&runs, "verify").next().expect("a run");
    assert_eq!(verified["result"]["holds"], true);
    let next = list(&runs, "next");
    for (next, job) in next.iter().zip(jobs) {
        assert!(next["job"] == job && next["at"].is_string(), "{next}");
    }
    let table = home.scrip(&["job", "list"]).ok().out;
    for text in [
        "completed",
        "scheduler of ",
        "next grant",
        "the book balances",
    ] {
        assert!(table.contains(text), "{text}: {table}");
    }
    assert!(worker.terminate().success());
}

#[test]
fn a_job_that_is_off_runs_only_from_the_command_line() {
    let home = Home::new().with("SCRIP__SCHEDULE__GRANT", "off");
    let worker = home.ready_worker();
    // Jobs run in order: the first would have finished before the last.
    let runs = when_completed(&home, &["expire", "verify"]);
    assert!(
        list(&runs, "runs").iter().all(|run| run["job"] != "grant"),
        "{runs:#}"
    );
    assert_eq!(runs["next"][0], json!({ "job": "grant", "at": null }));
    assert!(
        home.scrip(&["job", "list"])
            .ok()
            .out
            .contains("next grant   off\n")
    );
    home.scrip(&["job", "run", "grant"]).ok();
    let runs = when_completed(&home, &["grant"]);
    let granted = completed(&runs, "grant").next().expect("a run");
    assert_eq!(granted["startedBy"], "command line");
    assert!(worker.terminate().success());
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

/// Conformance: Configuration and command line: `scrip balances` lists each wallet once, with
/// filters, as table, JSON Lines or CSV, in bounded memory
#[test]
fn all_balances_are_listed_as_a_table_json_lines_and_csv() {
    let home = Home::new();
    let worker = home.ready_worker();
    for (user, amount) in [("ann", "10"), ("bob", "20"), ("=cyd", "30")] {
        give(&home, user, amount);
    }
    let freeze = ["freeze", "--user", "bob", "--reason", "r", "--actor", "a"];
    publish(&home, &freeze).ok();
    drop(worker);
    let table = home.scrip(&["balances"]).ok().out;
    let users: Vec<_> = table
        .lines()
        .map(|line| line.split(' ').next().expect("a cell"))
        .collect();
    assert_eq!(users, ["user", "=cyd", "ann", "bob"]);
    let lines = home.scrip(&["--json", "balances"]).ok().out;
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let one = home.scrip(&["--json", "balance", "bob"]).ok().json();
    assert_eq!((lines.len(), &lines[2]), (3, &one));
    let csv = home.scrip(&["balances", "--csv"]).ok().out;
    let csv: Vec<_> = csv.lines().collect();
    assert!(
        csv[0].starts_with("user_id,status,available,held,balance,"),
        "{csv:?}"
    );
    assert!(csv[1].starts_with("'=cyd,ACTIVE,30,0,30,30,0,"), "{csv:?}");
    assert!(csv[3].starts_with("bob,FROZEN,20,0,20,20,0,"), "{csv:?}");
    let first = home.scrip(&["balances", "--limit", "2"]).ok().out;
    assert!(first.ends_with("\nmore: --cursor ann\n"), "{first}");
    let rest = home.scrip(&["--json", "balances", "--cursor", "ann"]).ok();
    assert_eq!(rest.json(), one);
    let frozen = home.scrip(&[
        "--json",
        "balances",
        "--status",
        "frozen",
        "--min-available",
        "20",
    ]);
    assert_eq!(frozen.ok().json(), one);
    assert_eq!(
        home.scrip(&["balances", "--min-balance", "1000"])
            .ok()
            .out
            .lines()
            .count(),
        1
    );
    assert_eq!(home.scrip(&["--json", "balances", "--csv"]).code, Some(2));
}
