//! `scrip publish revoke`, `reinstate` and `forgive`.

use serde_json::json;

use crate::process::{Home, commands::publish};

const BUY: [&str; 10] = [
    "purchase",
    "--user",
    "ada",
    "--package",
    "lite",
    "--purchase-id",
    "pi_1",
    "--amount-paid",
    "10",
    "--currency",
];

/// Conformance: Revocations and debt: `scrip publish` publishes `revoke`, `reinstate` and `forgive`
#[test]
fn an_operator_revokes_reinstates_and_forgives() {
    let home = Home::new();
    let worker = home.ready_worker();
    publish(&home, &[&BUY[..], &["USD"]].concat()).ok();
    let spend = ["consume", "--user", "ada", "--service", "s"];
    publish(&home, &[&spend[..], &["--amount", "80"]].concat()).ok();

    let of = [
        "publish",
        "revoke",
        "--user",
        "ada",
        "--purchase-id",
        "pi_1",
    ];
    let part = ["--amount-refunded", "2.50", "--reference", "re_1", "--wait"];
    assert_eq!(
        home.scrip(&[&of[..], &part].concat()).ok().out,
        "completed: -25 credits, balance 5, available 5, revoked 27, taken 25, owed 2, debt 2\n"
    );
    let of = ["revoke", "--user", "ada", "--of", "pi_1"];
    let rest = publish(&home, &[&of[..], &["--reference", "dp_1"]].concat());
    let rest = rest.ok().json();
    assert_eq!((&rest["revoked"], &rest["debt"]), (&json!(83), &json!(80)));
    let again = publish(&home, &[&of[..], &["--share", "0.5"]].concat());
    assert_eq!(again.code, Some(1), "{again:#?}");
    assert_eq!(again.json()["error"]["code"], "revoke_exceeds_credits");

    let won = publish(&home, &["reinstate", "--user", "ada", "--of", "dp_1"]);
    let won = won.ok().json();
    assert_eq!(
        (&won["restored"], &won["cancelled"]),
        (&json!(5), &json!(78))
    );
    assert_eq!(won["repaid"], 2, "what came back repaid the first debt");
    let amount = publish(&home, &[&of[..], &["--amount", "70"]].concat());
    assert_eq!(amount.ok().json()["indebted"], json!(74));
    let forgive = ["forgive", "--user", "ada", "--reason", "ticket 4711"];
    let actor = ["--actor", "ops:maria", "--amount", "70"];
    let part = publish(&home, &[&forgive[..], &actor[..]].concat());
    assert_eq!(part.ok().json()["debt"], 4);
    let all = publish(&home, &[&forgive[..], &actor[..2]].concat())
        .ok()
        .json();
    assert_eq!((&all["forgiven"], &all["debt"]), (&json!(4), &json!(0)));
    home.scrip(&["verify"]).ok();
    assert!(worker.terminate().success());
}

#[test]
fn a_revocation_names_one_deposit_and_one_extent() {
    let home = Home::new();
    let of = ["publish", "revoke", "--user", "ada"];
    for (rest, found) in [
        (&[][..], "--of <ID>"),
        (&["--of", "a", "--purchase-id", "b"], "cannot be used with"),
        (&["--of", "a", "--purchase-line", "b"], "`purchaseLine`"),
        (
            &["--of", "a", "--amount", "1", "--share", "1"],
            "cannot be used with",
        ),
        (&["--of", "a", "--share", "1.5"], "`share` must be"),
        (
            &["--of", "a", "--amount-refunded", "1,5"],
            "`amountRefunded` must be",
        ),
    ] {
        let said = home.scrip(&[&of[..], rest].concat());
        assert_eq!(said.code, Some(2), "{said:#?}");
        assert!(said.err.contains(found), "{said:#?}");
    }
}
