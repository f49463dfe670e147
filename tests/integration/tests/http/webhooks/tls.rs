//! Events that are received over TLS.

use testkit::certificates::Certificates;

use super::{
    events::{DAHLIA, Life},
    sender::{OLD, Shop, event, stripe},
};
use crate::{
    fixture::On,
    tls_client::{TlsClient, borrowed, settings},
};

/// Conformance: Payment webhooks: Events are received over TLS
#[tokio::test]
async fn an_event_is_received_over_tls_and_applied_once() {
    let certificates = Certificates::make();
    let shop = Shop::with(On::File, &borrowed(&settings(&certificates))).await;
    let life = Life::new("secured");
    let kind = "checkout.session.completed";
    let paid = event("evt_1", kind, DAHLIA, life.purchase()).to_string();
    let client = TlsClient::trusting(&certificates.ca());
    for _ in 0..2 {
        let sent = stripe(paid.clone(), OLD);
        let response = client.send(&sent, shop.address()).await;
        assert_eq!(response.expect(200)["status"], "applied");
    }
    let deployment = &shop.fixture.deployment;
    // The response follows the confirm of the queue, before the worker has decided.
    let grant = "publish grant --reason promotion --amount 1 --wait --user";
    let grant: Vec<&str> = grant.split(' ').chain([life.user.as_str()]).collect();
    deployment.succeed(&grant).await;
    let balance = deployment.succeed(&["balance", &life.user, "--json"]).await;
    let balance: serde_json::Value = serde_json::from_str(&balance).expect("JSON");
    assert_eq!(balance["availableCredits"], 110 + 1, "{balance}");
    shop.fixture.finish().await;
}
