//! Grants that do not fit under the balance cap: each output that shows a grant shows the clipped
//! credits.

use serde_json::{Value, json};

use crate::process::{Home, bodies::promotion};

/// The balance cap of the test.
const CAP: &str = "100";

const PERIOD: [&str; 10] = [
    "publish",
    "subscription",
    "--user",
    "u",
    "--subscription",
    "sub_1",
    "--plan",
    "pro",
    "--status",
    "active",
];

#[test]
fn every_output_with_a_grant_shows_the_credits_clipped_by_the_cap() {
    let home = Home::new().with("SCRIP__LEDGER__MAX_USER_BALANCE", CAP);
    let worker = home.ready_worker();
    let file = [promotion("g-1", "u", 130), promotion("g-2", "v", 30)].join("\n");
    let replay = ["replay", "-", "--wait"];
    let said = home
        .scrip_reading(&[&["--json"], &replay[..]].concat(), &file)
        .ok();
    assert_eq!(said.json()["clipped"], 1, "{said:#?}");
    let said = home.scrip_reading(&replay, &file).ok();
    let line = "clipped    1, did not fit under the balance cap\n";
    assert!(said.out.contains(line), "{said:#?}");

    // A period of which the cap leaves nothing.
    let period = [&PERIOD[..], &["--reference", "e-1", "--wait"]].concat();
    let said = home.scrip(&period).ok();
    let summary = "completed: 0 credits, balance 100, available 100, \
                   clipped: 200 credits did not fit under the balance cap\n";
    assert_eq!(said.out, summary);
    let again = home.scrip(&[&["--json"], &period[..]].concat()).ok().json();
    let fields = ["replayed", "granted", "clipped"].map(|name| again[name].clone());
    assert_eq!(fields, [json!(true), json!(0), json!(200)]);

    let history = home.scrip(&["history", "u"]).ok().out;
    let refused = "refused: max_balance_reached (200 clipped)";
    for shown in ["+100 (30 clipped)", refused] {
        assert!(history.contains(shown), "{history}");
    }
    let history = home.scrip(&["--json", "history", "u"]).ok().json();
    let items = history["items"].as_array().expect("items");
    let clipped = |kind: &str| {
        let item = items.iter().find(|item| item["type"] == kind);
        item.map_or(Value::Null, |item| item["detail"]["clipped"].clone())
    };
    let kinds = ["promotion", "monthly_grant"].map(clipped);
    assert_eq!(kinds, [json!(30), json!(200)]);

    let table = home.scrip(&["report"]).ok().out;
    let (_, table) = table
        .split_once("Clipped (grants that did not fit under the balance cap)")
        .unwrap_or_else(|| panic!("no clipped grants in {table}"));
    let words = |line: &str| {
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let rows: Vec<_> = table.lines().map(words).collect();
    for row in [["monthly_grant", "1", "200"], ["promotion", "1", "30"]] {
        assert!(rows.iter().any(|found| *found == row), "{table}");
    }
    let csv = home.scrip(&["report", "--csv"]).ok().out;
    let rows: Vec<_> = csv
        .lines()
        .filter(|line| line.starts_with("clipped,"))
        .collect();
    assert_eq!(rows.len(), 2, "{csv}");
    let report = home.scrip(&["--json", "report"]).ok().json();
    let expected = json!([
        { "kind": "monthly_grant", "grants": 1, "credits": 200 },
        { "kind": "promotion", "grants": 1, "credits": 30 },
    ]);
    assert_eq!(report["clipped"], expected);
    assert!(worker.terminate().success());
}
