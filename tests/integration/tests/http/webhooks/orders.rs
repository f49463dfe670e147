//! The events of a subscription in every order.

use chrono::TimeDelta;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::{
    events::{ACACIA, DAHLIA, Life},
    sender::{Shop, event},
};
use crate::fixture::On;

/// Lives at the same time.
const CONCURRENT: usize = 8;

/// Conformance: Payment webhooks: The events of a subscription lead to the same ledger in every
/// order, and when all of them are sent ten times
#[tokio::test]
async fn every_order_of_the_events_leads_to_the_same_ledger() {
    every_order(On::File, "new", newest_events).await;
}

/// The same with the shapes of an older version, a payment that failed, and the end.
#[tokio::test]
async fn every_order_of_older_events_leads_to_the_same_ledger() {
    every_order(On::Servers, "old", older_events).await;
}

async fn every_order(on: On, name: &str, events: fn(&Life) -> [Value; 5]) {
    let shop = &Shop::open(on).await;
    let orders = permutations(5);
    assert_eq!(orders.len(), 120);
    let lives = orders.iter().enumerate().map(|(number, order)| async move {
        let life = Life::new(&format!("{name}-{number}"));
        let events = events(&life);
        // Sent again in the same order and then, for some of them, until it is ten times.
        let rounds = if number % 12 == 0 { 10 } else { 2 };
        for _ in 0..rounds {
            for index in order {
                let _ = shop.deliver(&events[*index]).await;
            }
        }
        // One period of 200, and a quarter of it was refunded.
        assert_eq!(shop.balance(&life.user).await, (150, 0), "{order:?}");
    });
    let lives = stream::iter(lives).buffer_unordered(CONCURRENT);
    lives.collect::<Vec<()>>().await;
    let open = ["payments", "list", "--status", "UNMAPPED", "--json"];
    let listed = shop.fixture.deployment.succeed(&open).await;
    assert_eq!(listed.trim(), "[]");
}

/// Only the checkout names the user, and only the pair says which payment paid the invoice.
pub fn newest_events(life: &Life) -> [Value; 5] {
    let id = |part: &str| format!("evt_{}_{part}", life.name);
    let refund = life.refund(&format!("re_{}", life.name), 500, "succeeded");
    let created = life.subscription("active", true);
    let invoice = life.invoice("subscription_create", true);
    [
        event(
            &id("1"),
            "checkout.session.completed",
            DAHLIA,
            life.checkout(),
        ),
        event(&id("2"), "customer.subscription.created", DAHLIA, created),
        event(&id("3"), "invoice.paid", DAHLIA, invoice),
        event(&id("4"), "invoice_payment.paid", DAHLIA, life.pair()),
        event(&id("5"), "refund.created", DAHLIA, refund),
    ]
}

/// Created, paid and changed in one second; then late, refunded and deleted.
fn older_events(life: &Life) -> [Value; 5] {
    let named = |status: &str| {
        let mut object = life.subscription(status, false);
        object["metadata"] = json!({"userId": life.user});
        object
    };
    let mut invoice = life.invoice("subscription_create", false);
    invoice["subscription_details"]["metadata"] = json!({"user_id": life.user});
    invoice["status_transitions"]["paid_at"] = life.start.timestamp().into();
    let charge = json!({
        "id": format!("ch_{}", life.name), "amount": 2000, "amount_refunded": 500,
        "payment_intent": format!("pi_{}", life.name),
    });
    let at = |part: &str, kind: &str, object: Value, seconds: i64| {
        let mut event = event(&format!("evt_{}_{part}", life.name), kind, ACACIA, object);
        let created = life.start + TimeDelta::seconds(seconds);
        event["created"] = created.timestamp().into();
        event
    };
    [
        at("1", "customer.subscription.created", named("active"), 0),
        at("2", "invoice.paid", invoice, 0),
        at("3", "customer.subscription.updated", named("past_due"), 5),
        at("4", "charge.refunded", charge, 6),
        at("5", "customer.subscription.deleted", named("canceled"), 9),
    ]
}

/// All orders of the numbers below `count`.
pub fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let inserted = |order: &Vec<usize>, at: usize| {
        let mut order = order.clone();
        order.insert(at, count - 1);
        order
    };
    let shorter = permutations(count - 1);
    let longer = shorter
        .iter()
        .flat_map(|order| (0..count).map(move |at| inserted(order, at)));
    longer.collect()
}
