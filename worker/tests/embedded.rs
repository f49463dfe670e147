//! The embedded default, with every part in a separate process.

use std::fmt::Write;

use serde_json::json;

use crate::process::{
    Home,
    bodies::{consume, promotion},
    eventually,
    look::Look,
    payment, said,
};

/// Conformance: Configuration and command line: `scrip publish` publishes `consume`, `grant` and
/// `purchase`
/// Conformance: Configuration and command line: `scrip balance`, `history` and `batches` show the
/// wallet, transactions and batches of a user
/// Conformance: Configuration and command line: Commands whose output a program may read support
/// `--json`
#[test]
fn another_process_publishes_and_gets_its_outcome() {
    let home = Home::new();
    let worker = home.ready_worker();
    let publish = |arguments: &[&str]| home.scrip(&[&["--json", "publish"], arguments].concat());
    let bonus = publish(&[
        "grant",
        "--user",
        "u",
        "--reason",
        "registration_bonus",
        "--wait",
    ])
    .ok();
    assert_eq!(bonus.json()["available"], 20);
    let spent = publish(&[
        "consume",
        "--user",
        "u",
        "--service",
        "google:chat",
        "--quantity",
        "3",
        "--reference",
        "r-1",
        "--metadata",
        r#"{"model":"m"}"#,
        "--wait",
    ])
    .ok();
    assert_eq!(
        (&spent.json()["amount"], &spent.json()["balance"]),
        (&json!(-6), &json!(14))
    );
    let refused = publish(&[
        "consume",
        "--user",
        "u",
        "--service",
        "x",
        "--amount",
        "15",
        "--wait",
    ]);
    assert_eq!(refused.code, Some(1));
    assert_eq!(refused.json()["error"]["code"], "insufficient_credits");

    let balance = home.scrip(&["--json", "balance", "u"]).ok().json();
    assert_eq!(balance["availableCredits"], 14);
    let history = home
        .scrip(&["--json", "history", "u", "--limit", "2"])
        .ok()
        .json();
    assert_eq!(history["items"][1]["referenceId"], "r-1");
    let cursor = history["nextCursor"]
        .as_str()
        .expect("there is more")
        .to_owned();
    let older = home
        .scrip(&["--json", "history", "u", "--cursor", &cursor])
        .ok()
        .json();
    assert_eq!(older["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        home.scrip(&["--json", "batches", "u"]).ok().json()[0]["remaining"],
        14
    );
    home.scrip(&["verify"]).ok();
    assert!(worker.terminate().success());
}

/// Conformance: Commands: `duplicate_payment` is stored, returned in the reply and not
/// dead-lettered, on both queue types
#[test]
fn a_payment_that_is_published_twice_is_credited_once_through_the_embedded_queue() {
    let home = Home::new();
    let worker = home.ready_worker();
    payment::is_credited_once(&home);
    drop(worker);
}

/// Conformance: Embedded deployment: The embedded queue is durable: published messages wait for a
/// worker
#[test]
fn a_command_published_without_a_worker_waits_for_one() {
    let home = Home::new();
    let confirmed = home.scrip(&[
        "publish",
        "grant",
        "--user",
        "u",
        "--reason",
        "registration_bonus",
        "--reference",
        "g",
    ]);
    assert_eq!(confirmed.ok().out, "confirmed: grant g for u\n");
    assert_eq!(
        home.scrip(&["balance", "u"]).code,
        Some(1),
        "no worker has served it yet"
    );
    let worker = home.ready_worker();
    let look = Look::at(&home);
    eventually("the queue is empty", || {
        (look.number("SELECT count(*) FROM queue_message") == 0).then_some(())
    });
    assert_eq!(
        home.scrip(&["--json", "balance", "u"]).ok().json()["balance"],
        20
    );
    drop(worker);
}

/// Conformance: Embedded deployment: Without either URL, Scrip uses one file, prints its path and
/// gives access to its owner only
#[test]
fn the_first_start_prints_the_path_of_the_ledger_in_a_private_folder() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let mut worker = home.start(&["run"]);
    let mut line = String::new();
    let stdout = worker.stdout.take().expect("piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).expect("a line");
    worker.kill().expect("it runs");
    worker.wait().expect("it ends");
    assert_eq!(
        line,
        format!("ledger and queue: {}\n", home.database().display())
    );
    let folder = home
        .database()
        .parent()
        .expect("a folder")
        .metadata()
        .expect("it exists");
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
}

/// Conformance: Embedded deployment: The embedded queue has one lane, held by a lease
#[test]
fn a_second_worker_stands_by_and_serves_when_the_first_is_terminated() {
    let home = Home::new();
    let first = home.ready_worker();
    let mut second = home.worker();
    second.wait_for("standing by");
    let send = |reference: &str| {
        home.scrip_reading(
            &["--json", "replay", "-", "--wait"],
            &promotion(reference, "u", 5),
        )
        .ok()
        .json()["completed"]
            .clone()
    };
    assert_eq!(send("p-1"), 1);
    assert!(first.terminate().success());
    second.wait_for("ready");
    assert_eq!(send("p-2"), 1);
    assert_eq!(
        home.scrip(&["--json", "balance", "u"]).ok().json()["balance"],
        10
    );
}

/// Conformance: Embedded deployment: Dequeue and ledger write are one transaction, so a killed
/// embedded worker loses and duplicates nothing
#[test]
fn a_worker_that_is_killed_repeatedly_neither_loses_nor_doubles_commands() {
    const USERS: i64 = 20;
    const EACH: i64 = 150;
    let home = Home::new().with("SCRIP__WORKER__GROUP_MAX", "3");
    let mut file = String::new();
    for user in 0..USERS {
        writeln!(
            file,
            "{}",
            promotion(&format!("g-{user}"), &format!("u-{user}"), EACH - 10)
        )
        .expect("memory");
    }
    for number in 0..EACH {
        for user in 0..USERS {
            writeln!(
                file,
                "{}",
                consume(&format!("c-{user}-{number}"), &format!("u-{user}"))
            )
            .expect("memory");
        }
    }
    let path = home.write("commands.jsonl", &file);
    let path = path.to_str().expect("UTF-8");
    home.scrip(&["replay", path]).ok();
    let look = Look::at(&home);
    let recorded = || look.number("SELECT count(*) FROM credits_transaction");
    let total = USERS * (EACH + 1);

    for share in [4, 3, 2] {
        let until = total / share;
        let worker = home.worker();
        eventually("some are recorded", || (recorded() >= until).then_some(()));
        worker.kill();
        assert!(recorded() < total, "it was killed in the middle");
    }
    let worker = home.ready_worker();
    eventually("all are recorded", || (recorded() == total).then_some(()));
    let again = home
        .scrip(&["--json", "replay", path, "--wait"])
        .ok()
        .json();
    assert_eq!(again["replayed"], total);
    assert_eq!(
        again["refused"],
        json!({ "insufficient_credits": USERS * 10 })
    );
    assert_eq!(recorded(), total);
    assert_eq!(look.number("SELECT sum(balance) FROM credits_balance"), 0);
    home.scrip(&["verify"]).ok();
    assert!(worker.terminate().success());
}

#[test]
fn a_worker_that_is_killed_while_others_publish_loses_nothing() {
    let home = Home::new();
    let mut file = promotion("g", "u", 10_000);
    for number in 0..3000 {
        write!(file, "\n{}", consume(&format!("c-{number}"), "u")).expect("memory");
    }
    let path = home.write("commands.jsonl", &file);
    let worker = home.ready_worker();
    let look = Look::at(&home);
    let sender = home.start(&[
        "--json",
        "replay",
        path.to_str().expect("UTF-8"),
        "--wait",
        "--window",
        "50",
    ]);
    eventually("the replay has started", || {
        (look.number("SELECT count(*) FROM credits_transaction") > 200).then_some(())
    });
    worker.kill();
    let worker = home.ready_worker();
    let said = said(&sender.wait_with_output().expect("it ends")).ok();
    assert_eq!(said.json()["completed"], 3001);
    assert_eq!(
        home.scrip(&["--json", "balance", "u"]).ok().json()["balance"],
        7_000
    );
    home.scrip(&["verify"]).ok();
    drop(worker);
}

/// Conformance: Embedded deployment: The embedded queue has the same contract for dead letters and
/// delays as RabbitMQ
#[test]
fn invalid_messages_become_dead_letters_and_the_others_are_recorded() {
    let home = Home::new();
    home.scrip_reading(&["replay", "-"], &promotion("g", "u", 5))
        .ok();
    let look = Look::at(&home);
    let invalid = [
        ("usage", "nonsense", "not_json", None, None),
        (
            "usage",
            r#"{"type":"consume","referenceId":"b-1","userId":"u","service":"s","ammount":1}"#,
            "unknown_field",
            Some("ammount"),
            Some("62"),
        ),
        (
            "usage",
            &promotion("b-2", "u", 1_000_000),
            "forbidden_exchange",
            Some("type"),
            Some("62"),
        ),
    ];
    for (origin, body, ..) in &invalid {
        look.execute(&format!(
            "INSERT INTO queue_message (queue, origin, body, headers, enqueued_at)
             VALUES ('commands', '{origin}', CAST('{body}' AS BLOB), '{{\"traceparent\":\"t\"}}',
                     '2026-11-22T10:00:00.000000+00:00')"
        ));
    }
    let worker = home.ready_worker();
    let good = home
        .scrip_reading(&["--json", "replay", "-", "--wait"], &consume("c", "u"))
        .ok();
    assert_eq!(good.json()["completed"], 1);
    for (origin, body, reason, field, routing_key) in &invalid {
        let found = format!(
            "SELECT count(*) FROM queue_message
              WHERE queue = 'dead' AND CAST(body AS TEXT) = '{body}'
                AND headers ->> 'x-scrip-reason' = '{reason}' AND headers ->> 'x-scrip-error' <> ''
                AND headers ->> 'traceparent' = 't' AND headers ->> 'x-scrip-attempt' = 0
                AND headers ->> 'x-scrip-exchange' = '{origin}'
                AND headers ->> 'x-scrip-origin' = '{origin}'
                AND headers ->> 'x-scrip-first-seen' > enqueued_at
                AND headers ->> 'x-scrip-last-seen' >= headers ->> 'x-scrip-first-seen'
                AND headers ->> 'x-scrip-field' IS {field}
                AND headers ->> 'x-scrip-routing-key' IS {routing_key}",
            field = text(*field),
            routing_key = text(*routing_key),
        );
        assert_eq!(look.number(&found), 1, "{reason}");
    }
    assert_eq!(
        look.number("SELECT count(*) FROM queue_message WHERE queue <> 'dead'"),
        0
    );
    drop(worker);
}

/// A text or NULL as an SQL literal.
fn text(value: Option<&str>) -> String {
    value.map_or("NULL".to_owned(), |text| format!("'{text}'"))
}

#[test]
fn several_processes_may_create_the_file_at_the_same_time() {
    let home = Home::new();
    let users: Vec<String> = (0..6).map(|number| format!("u-{number}")).collect();
    let start = |user: &String| {
        home.start(&[
            "publish",
            "grant",
            "--user",
            user,
            "--reason",
            "registration_bonus",
        ])
    };
    let started: Vec<_> = users.iter().map(start).collect();
    for child in started {
        said(&child.wait_with_output().expect("it ends")).ok();
    }
    assert_eq!(
        Look::at(&home).number("SELECT count(*) FROM queue_message"),
        6
    );
}

/// Conformance: Embedded deployment: The data folder can be relative, and its name can have spaces
/// and characters special in URLs
#[test]
fn a_relative_data_folder_works_with_any_character_in_its_name() {
    for name in ["data", "my data, 100% ours? #1/%20", "ä&=+:@;"] {
        let home = Home::new().with("SCRIP_DATA_DIR", name);
        let worker = home.ready_worker();
        let granted = home.scrip_reading(
            &["--json", "replay", "-", "--wait"],
            &promotion("g", "u", 5),
        );
        assert_eq!(granted.ok().json()["completed"], 1, "{name}");
        assert!(worker.terminate().success());
        let balance = home.scrip(&["--json", "balance", "u"]).ok().json();
        assert_eq!(balance["balance"], 5, "{name}");
        assert!(
            home.folder().join(name).join("scrip.db").is_file(),
            "{name}"
        );
        assert!(!home.folder().join("scrip").exists(), "{name}");
    }
}
