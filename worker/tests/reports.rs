//! What operators read from the ledger: reports, balances and the check of the book.

use serde_json::{Value, json};

use crate::process::{
    Home,
    commands::{give, publish},
    list,
    look::Look,
};

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
        csv[0].starts_with("user_id,status,available,held,balance,debt,"),
        "{csv:?}"
    );
    assert!(
        csv[1].starts_with("'=cyd,ACTIVE,30,0,30,0,30,0,"),
        "{csv:?}"
    );
    assert!(csv[3].starts_with("bob,FROZEN,20,0,20,0,20,0,"), "{csv:?}");
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

    let file = Look::at(&home);
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
