//! Events of Creem.

use chrono::{Months, TimeDelta, Utc};
use serde_json::{Value, json};

use super::sender::Shop;
use crate::fixture::On;

fn event(id: &str, kind: &str, object: impl Into<Value>) -> Value {
    let object: Value = object.into();
    json!({"id": id, "eventType": kind, "created_at": Utc::now().timestamp_millis(),
           "object": object, "later_field": null})
}

fn order(mode: &str) -> Value {
    json!({
        "id": "ch_1", "object": "checkout", "status": "completed", "mode": mode,
        "metadata": {"user_id": "ada"}, "product": {"id": "prod_lite"},
        "order": {"id": "ord_1", "type": "onetime", "status": "paid", "amount": 1000,
                  "amount_paid": 1190, "currency": "EUR", "product": "prod_lite",
                  "transaction": "tran_1"},
        "customer": {"id": "cust_1", "email": "ada@example.com"},
    })
}

/// Conformance: Payment webhooks: A paid order of Creem is credited once, a refund takes its share
/// of what was paid with tax, and objects of the test mode bring nothing
#[tokio::test]
async fn an_order_of_creem_is_credited_and_refunded() {
    let shop = Shop::open(On::File).await;
    let refund = json!({
        "id": "ref_1", "object": "refund", "status": "succeeded", "refund_amount": 595, "mode": "prod",
        "transaction": {"id": "tran_1", "amount": 1000, "amount_paid": 1190, "order": "ord_1"},
        "order": {"id": "ord_1"},
    });
    let refunded = event("evt_r", "refund.created", refund);
    // The refund arrives before its order.
    shop.creem(&refunded, "unmapped").await;
    shop.creem(
        &event("evt_t", "checkout.completed", order("test")),
        "unmapped",
    )
    .await;
    for _ in 0..10 {
        shop.creem(
            &event("evt_1", "checkout.completed", order("prod")),
            "applied",
        )
        .await;
        shop.creem(
            &event("evt_2", "checkout.completed", order("prod")),
            "applied",
        )
        .await;
    }
    // A half of 100 and of the bonus of 10.
    assert_eq!(shop.balance("ada").await, (55, 0));
    let dispute = json!({
        "id": "disp_1", "object": "dispute", "amount": 1190, "mode": "prod",
        "transaction": {"id": "tran_1", "order": "ord_1"},
    });
    shop.creem(&event("evt_d", "dispute.created", dispute), "applied")
        .await;
    assert_eq!(shop.balance("ada").await, (0, 0));
    shop.fixture.finish().await;
}

/// Conformance: Payment webhooks: A refund that names several objects is applied when one of them
/// is known
#[tokio::test]
async fn a_refund_waits_for_each_of_its_names() {
    let shop = Shop::open(On::File).await;
    for (number, name) in ["transaction", "order"].into_iter().enumerate() {
        let (tran, ord) = (format!("tran_{number}"), format!("ord_{number}"));
        let refund = json!({
            "id": format!("ref_{number}"), "refund_amount": 595, "mode": "prod",
            "transaction": {"id": tran, "amount_paid": 1190, "order": ord}, "order": {"id": ord},
        });
        let refunded = event(&format!("evt_r{number}"), "refund.created", refund);
        shop.creem(&refunded, "unmapped").await;
        let user = format!("user-{number}");
        let mut checkout = order("prod");
        checkout["metadata"]["user_id"] = user.as_str().into();
        let known = &mut checkout["order"];
        known["id"] = ord.into();
        // Only one of the names is known later.
        known["transaction"] = tran.into();
        if name == "order" {
            known["transaction"] = json!(null);
        } else {
            known["id"] = "ord_other".into();
        }
        let completed = event(&format!("evt_c{number}"), "checkout.completed", checkout);
        shop.creem(&completed, "applied").await;
        assert_eq!(shop.balance(&user).await, (55, 0), "{name}");
    }
    shop.fixture.finish().await;
}

/// Conformance: Payment webhooks: A period of a subscription of Creem is granted when it is paid
#[tokio::test]
async fn a_paid_period_of_creem_is_granted_once() {
    let shop = Shop::open(On::File).await;
    let start = Utc::now() - TimeDelta::seconds(20);
    let end = start.checked_add_months(Months::new(1)).expect("in range");
    let subscription = |status: &str| {
        json!({
            "id": "sub_1", "object": "subscription", "status": status, "mode": "prod",
            "product": {"id": "prod_pro"}, "customer": "cust_1", "metadata": {"userId": "bob"},
            "last_transaction_id": "tran_9", "current_period_start_date": start,
            "current_period_end_date": end, "created_at": start, "canceled_at": null,
        })
    };
    let send = async |id: &str, change: &str, status: &str, expected: &str| {
        let kind = format!("subscription.{change}");
        shop.creem(&event(id, &kind, subscription(status)), expected)
            .await;
    };
    send("evt_1", "active", "active", "applied").await;
    send("evt_2", "past_due", "past_due", "applied").await;
    assert_eq!(shop.balance("bob").await, (0, 0));
    send("evt_3", "paid", "active", "applied").await;
    send("evt_4", "paid", "active", "applied").await;
    send("evt_5", "update", "active", "applied").await;
    assert_eq!(shop.balance("bob").await, (200, 0));
    for (id, change) in [
        ("evt_6", "scheduled_cancel"),
        ("evt_7", "paused"),
        ("evt_8", "unpaid"),
        ("evt_9", "expired"),
        ("evt_10", "trialing"),
        ("evt_11", "canceled"),
    ] {
        send(id, change, change, "applied").await;
    }
    assert_eq!(shop.balance("bob").await, (200, 0));
    let refund = json!({
        "id": "ref_9", "refund_amount": 1000, "mode": "prod",
        "transaction": {"id": "tran_9", "amount_paid": 2000}, "subscription": "sub_1",
    });
    shop.creem(&event("evt_12", "refund.created", refund), "applied")
        .await;
    assert_eq!(shop.balance("bob").await, (100, 0));
    shop.fixture.finish().await;
}
