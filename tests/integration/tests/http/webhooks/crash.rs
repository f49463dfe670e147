//! A process that ended between the payment and the refund that waited for it.

use super::{
    events::{DAHLIA, Life},
    sender::{Shop, event},
};
use crate::fixture::On;

/// Conformance: Payment webhooks: A refund that waited is applied when its payment is sent again,
/// also if the process ended after the payment was applied
#[tokio::test]
async fn a_payment_that_is_sent_again_applies_the_refund_that_waits() {
    let shop = Shop::open(On::Servers).await;
    let life = Life::new("crash");
    let kind = "checkout.session.completed";
    let paid = event("evt_1", kind, DAHLIA, life.purchase());
    let refund = life.refund("re_1", 500, "succeeded");
    let refund = event("evt_2", "refund.created", DAHLIA, refund);
    shop.stripe(&refund, "unmapped").await;
    shop.stripe(&paid, "applied").await;
    assert_eq!(shop.balance(&life.user).await, (55, 0));
    // The state in which the process ends before it looks for the events that wait.
    let database = shop.fixture.database.as_ref().expect("a database");
    database
        .execute(
            "INSERT INTO payment_wait (event, provider, kind, external_id)
             SELECT id, provider, 'payment', 'pi_crash' FROM payment_event
              WHERE event_id = 'evt_2'",
        )
        .await;
    database
        .execute(
            "UPDATE payment_event SET status = 'UNMAPPED', reason = 'unknown_payment'
              WHERE event_id = 'evt_2'",
        )
        .await;
    shop.stripe(&paid, "applied").await;
    let open = ["payments", "list", "--status", "UNMAPPED", "--json"];
    let listed = shop.fixture.deployment.succeed(&open).await;
    assert_eq!(listed.trim(), "[]");
    assert_eq!(shop.balance(&life.user).await, (55, 0));
    shop.fixture.finish().await;
}
