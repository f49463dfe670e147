//! One payment that is published under two references.

use super::Home;

/// Publishes the payment to a worker that serves. It must be credited once and never
/// dead-lettered.
pub fn is_credited_once(home: &Home) {
    let publish = |reference: &str, more: &[&str]| {
        let purchase = [
            "--json",
            "publish",
            "purchase",
            "--user",
            "u",
            "--package",
            "lite",
        ];
        let payment = ["--purchase-id", "pi_9", "--reference", reference, "--wait"];
        home.scrip(&[&purchase[..], &payment[..], more].concat())
    };
    let first = publish("evt_1", &[]).ok().json();
    assert_eq!(first["balance"], 110);
    for replayed in [false, true] {
        let second = publish("evt_2", &[]);
        assert_eq!(second.code, Some(1), "{second:#?}");
        let outcome = second.json();
        assert_eq!(outcome["replayed"], replayed);
        assert_eq!(outcome["balance"], 110);
        let error = &outcome["error"];
        assert_eq!(error["code"], "duplicate_payment");
        assert_eq!(error["firstReferenceId"], "evt_1");
        assert_eq!(error["firstTransactionId"], first["transactions"][0]["id"]);
    }
    let line = publish("evt_3", &["--purchase-line", "2"]).ok().json();
    assert_eq!(line["balance"], 220, "another line of the payment");
    let history = home.scrip(&["--json", "history", "u"]).ok().json();
    let item = |reference: &str| {
        let items = history["items"].as_array().expect("items");
        let item = items.iter().find(|item| item["referenceId"] == reference);
        item.expect("a transaction").clone()
    };
    assert_eq!(item("evt_2")["errorCode"], "duplicate_payment");
    assert_eq!(item("evt_2")["detail"]["firstReferenceId"], "evt_1");
    assert_eq!(item("evt_3")["purchaseLine"], "2");
    assert_eq!(home.scrip(&["--json", "dead", "list"]).ok().out, "");
    home.scrip(&["verify"]).ok();
}
