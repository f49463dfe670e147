//! What operators do with events that cannot be mapped, and with exports.

use serde_json::{Value, json};

use super::{
    events::{DAHLIA, Life},
    sender::{Shop, event},
};
use crate::fixture::On;

/// Conformance: Payment webhooks: Events without a known user or price are kept with their reason,
/// and are applied after a link or a change of the configuration
#[tokio::test]
async fn unmapped_events_are_kept_and_replayed() {
    let mut shop = Shop::open(On::Servers).await;
    let (life, other) = (Life::new("linked"), Life::new("priced"));
    let mut no_user = life.purchase();
    no_user["client_reference_id"] = json!(null);
    no_user["customer"] = "cus_linked".into();
    let mut no_price = other.purchase();
    no_price["metadata"]["priceId"] = "price_later".into();
    let kind = "checkout.session.completed";
    shop.stripe(&event("evt_1", kind, DAHLIA, no_user), "unmapped")
        .await;
    shop.stripe(&event("evt_2", kind, DAHLIA, no_price), "unmapped")
        .await;
    let listed = list(&shop, &["--status", "UNMAPPED"]).await;
    let reasons: Vec<_> = listed.iter().map(|one| &one["reason"]).collect();
    assert_eq!(reasons, ["unknown_package", "no_user"], "{listed:?}");
    assert_eq!(listed[1]["waitsFor"], "customer:cus_linked");

    let deployment = &shop.fixture.deployment;
    let link = "payments link stripe customer cus_linked --user user-linked --actor ops:maria";
    let link: Vec<&str> = link.split(' ').collect();
    let printed = deployment.succeed(&link).await;
    assert_eq!(printed.trim(), "1 events mapped, 1 not, 0 failed");
    assert_eq!(shop.balance(&life.user).await, (110, 0));
    let replay = ["payments", "replay", "--actor", "ops:maria"];
    let failed = shop.fixture.deployment.run(&replay).await;
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    let key = "SCRIP__PACKAGES__LITE__PRICE_IDS";
    shop.fixture.deployment.set(key, "[\"price_later\"]");
    let printed = shop.fixture.deployment.succeed(&replay).await;
    assert_eq!(printed.trim(), "1 events mapped, 0 not, 0 failed");
    assert_eq!(shop.balance(&other.user).await, (110, 0));

    let shown = ["payments", "show", "stripe", "evt_2", "--json"];
    let shown = shop.fixture.deployment.succeed(&shown).await;
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["references"], json!(["stripe:pi_priced"]));
    assert_eq!(shown["body"]["id"], "evt_2");
    let log = shop.fixture.deployment.succeed(&["audit", "--json"]).await;
    assert!(
        log.contains("payment_link") && log.contains("payment_replay"),
        "{log}"
    );
    shop.fixture.finish().await;
}

/// Conformance: Payment webhooks: An operator may dismiss an event, which is then never mapped
#[tokio::test]
async fn a_dismissed_event_is_closed_with_its_reason() {
    let shop = Shop::open(On::File).await;
    let refund = Life::new("never").refund("re_1", 500, "succeeded");
    let refund = event("evt_1", "refund.created", DAHLIA, refund);
    shop.stripe(&refund, "unmapped").await;
    let dismiss = [
        "payments",
        "dismiss",
        "stripe",
        "evt_1",
        "--reason",
        "settled by hand",
        "--actor",
        "ops:maria",
    ];
    let deployment = &shop.fixture.deployment;
    assert_eq!(deployment.succeed(&dismiss).await.trim(), "dismissed");
    let again = deployment.run(&dismiss).await;
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    let listed = list(&shop, &["--reason", "dismissed"]).await;
    let facts = [&listed[0]["status"], &listed[0]["detail"]];
    assert_eq!(facts, ["IGNORED", "settled by hand"]);
    shop.stripe(&refund, "ignored").await;
    let log = deployment.succeed(&["audit", "--json"]).await;
    assert!(log.contains("payment_dismiss"), "{log}");
    shop.fixture.finish().await;
}

async fn list(shop: &Shop, filters: &[&str]) -> Vec<Value> {
    let arguments = [&["payments", "list", "--json"], filters].concat();
    let listed = shop.fixture.deployment.succeed(&arguments).await;
    serde_json::from_str(&listed).expect("a list")
}
