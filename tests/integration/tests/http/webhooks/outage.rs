//! A broker that is away.

use testkit::{
    broker::{TIMEOUT, broker_url},
    proxy::Proxy,
};
use tokio::time::timeout;

use super::{
    events::{DAHLIA, Life},
    sender::{OLD, Shop, event, stripe},
};
use crate::fixture::{On, address};

/// Conformance: Payment webhooks: Without the confirm of the broker an event is answered with 503,
/// and the same event is applied once when it is sent again
#[tokio::test(flavor = "multi_thread")]
async fn an_event_during_an_outage_of_the_broker_is_applied_once_later() {
    let mut shop = Shop::open(On::Servers).await;
    let relay = Proxy::before(Proxy::target(&broker_url())).await;
    let deployment = &mut shop.fixture.deployment;
    deployment.set("AMQP_URL", &relay.instead_of(&broker_url()));
    deployment.set("SCRIP__HTTP__CONFIRM_TIMEOUT", "1s");
    let server = deployment.start(&["http", "--listen", "127.0.0.1:0"]);
    deployment.set("AMQP_URL", &broker_url());
    let address = address(&server).await;
    server.wait_for("HTTP server connected").await;
    let life = Life::new("outage");
    let paid = event(
        "evt_1",
        "checkout.session.completed",
        DAHLIA,
        life.purchase(),
    );
    let refund = life.refund("re_1", 500, "succeeded");
    let refund = event("evt_2", "refund.created", DAHLIA, refund);
    // The broker gets the command, and its confirm does not arrive.
    relay.deafen();
    let response = stripe(paid.to_string(), OLD).send(address).await;
    response.problem(503, "unconfirmed");
    relay.close();
    let response = stripe(paid.to_string(), OLD).send(address).await;
    response.problem(503, "unconfirmed");
    // Meanwhile the refund has no payment.
    let response = stripe(refund.to_string(), OLD).send(address).await;
    assert_eq!(response.expect(200)["status"], "unmapped");
    relay.open();
    // The server connects again, and the provider repeats the event until it is accepted.
    let repeated = async {
        loop {
            let response = stripe(paid.to_string(), OLD).send(address).await;
            if response.status == 200 {
                return response;
            }
            response.problem(503, "unconfirmed");
        }
    };
    let response = timeout(TIMEOUT, repeated).await.expect("accepted in time");
    assert_eq!(response.expect(200)["status"], "applied");
    assert_eq!(shop.balance(&life.user).await, (55, 0));
    assert!(server.terminate().await.success());
    shop.fixture.finish().await;
}
