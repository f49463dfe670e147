//! `scrip publish hold`, `capture` and `release`, `scrip holds` and `scrip quote`.

use serde_json::json;

use crate::process::{
    Home,
    commands::{give, publish},
};

fn hold<'a>(reference: &'a str, amount: &'a str) -> [&'a str; 9] {
    let ada = ["hold", "--user", "ada", "--service", "s"];
    let [kind, user, id, service, name] = ada;
    [
        kind,
        user,
        id,
        service,
        name,
        "--amount",
        amount,
        "--reference",
        reference,
    ]
}

/// Conformance: Configuration and command line: `scrip publish` publishes `hold`, `capture` and
/// `release`, and `scrip holds` shows them
#[test]
fn credits_are_held_captured_and_released_on_the_command_line() {
    let home = Home::new();
    let worker = home.ready_worker();
    give(&home, "ada", "50");
    let held = publish(&home, &hold("call-1", "30")).ok().json();
    assert_eq!(
        (&held["balance"], &held["available"], &held["held"]),
        (&json!(50), &json!(20), &json!(30))
    );
    let refused = publish(&home, &hold("call-2", "21"));
    assert_eq!(refused.code, Some(1));
    assert_eq!(refused.json()["error"]["code"], "insufficient_credits");

    let quote = |amount: &str| home.scrip(&["--json", "quote", "ada", "s", "--amount", amount]);
    assert_eq!(quote("20").ok().json()["batches"][0]["amount"], 20);
    let too_much = quote("21");
    assert_eq!(too_much.code, Some(1));
    assert_eq!(too_much.json()["error"]["code"], "insufficient_credits");

    let step = [
        "capture",
        "--user",
        "ada",
        "--hold",
        "call-1",
        "--amount",
        "12",
        "--keep-rest",
        "--reference",
        "call-1:1",
    ];
    let captured = publish(&home, &step).ok().json();
    assert_eq!(
        (&captured["amount"], &captured["held"]),
        (&json!(-12), &json!(18))
    );
    let open = home.scrip(&["--json", "holds", "ada"]).ok().json();
    assert_eq!(
        (
            &open[0]["referenceId"],
            &open[0]["held"],
            &open[0]["status"]
        ),
        (&json!("call-1"), &json!(18), &json!("OPEN"))
    );
    let release = [
        "release", "--user", "ada", "--hold", "call-1", "--origin", "funding",
    ];
    let released = publish(&home, &release).ok().json();
    assert_eq!(
        (&released["available"], &released["held"]),
        (&json!(38), &json!(0))
    );
    assert_eq!(
        home.scrip(&["--json", "holds", "ada"]).ok().json(),
        json!([])
    );
    let all = home.scrip(&["holds", "ada", "--all"]).ok().out;
    assert!(all.contains("call-1") && all.contains("released"), "{all}");
    let history = home.scrip(&["history", "ada"]).ok().out;
    assert!(history.contains("capture of call-1"), "{history}");
    assert!(history.contains("release of call-1"), "{history}");
    assert_eq!(home.scrip(&["holds", "bob"]).code, Some(1));
    drop(worker);
}

#[test]
fn wrong_arguments_of_holds_are_refused_before_anything_is_published() {
    let home = Home::new();
    let wrong: [&[&str]; 5] = [
        &[
            "hold",
            "--user",
            "u",
            "--service",
            "s",
            "--amount",
            "1",
            "--quantity",
            "1",
        ],
        &[
            "hold",
            "--user",
            "u",
            "--service",
            "s",
            "--expires-in-seconds",
            "0",
        ],
        &["capture", "--user", "u", "--hold", "h", "--overrun", "ask"],
        &["capture", "--user", "u"],
        &[
            "release", "--user", "u", "--hold", "h", "--origin", "internal",
        ],
    ];
    for arguments in wrong {
        let said = home.scrip(&[&["publish"][..], arguments].concat());
        assert_eq!(said.code, Some(2), "{said:#?}");
    }
}
