//! `scrip publish`: its arguments, and what the published commands do.

use serde_json::json;

use crate::process::{
    Home,
    commands::{give, publish},
    list,
};

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

/// Conformance: Refunds: `scrip publish refund` returns credits through the exchange for support
/// staff, and the history names the consumption
#[test]
fn support_staff_refunds_a_consumption_and_its_history_names_it() {
    let home = Home::new();
    let worker = home.ready_worker();
    give(&home, "ada", "50");
    let consume = ["consume", "--user", "ada", "--service", "s"];
    let consume = [&consume[..], &["--amount", "8", "--reference", "req-1"]].concat();
    publish(&home, &consume).ok();
    let refund = ["refund", "--user", "ada", "--of", "req-1"];
    let part = [&refund[..], &["--amount", "3", "--reference", "b-1"]].concat();
    assert_eq!(publish(&home, &part).ok().json()["balance"], 45);
    let rest = publish(&home, &refund).ok().json();
    assert_eq!((&rest["amount"], &rest["balance"]), (&json!(5), &json!(50)));
    let history = home.scrip(&["history", "ada", "--limit", "2", "--json"]);
    let history = history.ok().json();
    for item in history["items"].as_array().expect("two items") {
        assert_eq!(item["type"], "refund");
        assert_eq!(item["origin"], "funding");
        assert_eq!(item["relatedReferenceId"], "req-1");
    }
    let table = home.scrip(&["history", "ada", "--limit", "1"]).ok().out;
    assert!(table.contains("refund of req-1"), "{table}");
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
