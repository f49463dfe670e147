//! Prices and packages, and charges at the default price.

use serde_json::json;

use crate::process::{Home, commands::give, list};

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
