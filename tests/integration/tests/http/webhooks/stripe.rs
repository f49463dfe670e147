//! Events of Stripe, of every kind and version.

use serde_json::json;

use super::{
    events::{ACACIA, BASIL, DAHLIA, Life},
    sender::{Shop, event},
};
use crate::fixture::On;

/// Conformance: Payment webhooks: A package that was paid is credited once, however often and under
/// however many ids its events arrive
#[tokio::test]
async fn a_paid_package_is_credited_once() {
    for on in [On::File, On::Servers] {
        let shop = Shop::open(on).await;
        let life = Life::new("once");
        let paid = event(
            "evt_1",
            "checkout.session.completed",
            BASIL,
            life.purchase(),
        );
        for _ in 0..10 {
            shop.stripe(&paid, "applied").await;
        }
        for (number, kind) in [
            "checkout.session.completed",
            "checkout.session.async_payment_succeeded",
            "payment_intent.succeeded",
            "charge.succeeded",
        ]
        .into_iter()
        .enumerate()
        {
            let again = event(&format!("evt_a{number}"), kind, ACACIA, life.purchase());
            let status = if number < 2 { "applied" } else { "ignored" };
            shop.stripe(&again, status).await;
        }
        assert_eq!(shop.balance(&life.user).await, (110, 0));
        let all = shop.transactions(&life.user).await;
        let bought: Vec<_> = all.iter().filter(|one| one["type"] == "purchase").collect();
        assert_eq!(bought.len(), 1, "{bought:?}");
        assert_eq!(bought[0]["referenceId"], "stripe:pi_once");
        shop.fixture.finish().await;
    }
}

/// Conformance: Payment webhooks: A checkout that is paid later brings credits when it is paid
#[tokio::test]
async fn a_delayed_payment_is_credited_when_it_succeeds() {
    let shop = Shop::open(On::File).await;
    let life = Life::new("delayed");
    let mut unpaid = life.purchase();
    unpaid["payment_status"] = "unpaid".into();
    let completed = event(
        "evt_1",
        "checkout.session.completed",
        DAHLIA,
        unpaid.clone(),
    );
    shop.stripe(&completed, "ignored").await;
    assert_eq!(shop.balance(&life.user).await, (0, 0));
    let kind = "checkout.session.async_payment_succeeded";
    shop.stripe(&event("evt_2", kind, DAHLIA, unpaid), "applied")
        .await;
    assert_eq!(shop.balance(&life.user).await, (110, 0));
    // A free checkout has no payment: its session is one.
    let free = Life::new("free");
    let mut session = free.purchase();
    session["payment_intent"] = json!(null);
    session["payment_status"] = "no_payment_required".into();
    session["amount_total"] = 0.into();
    let completed = event("evt_3", "checkout.session.completed", DAHLIA, session);
    shop.stripe(&completed, "applied").await;
    assert_eq!(shop.balance(&free.user).await, (110, 0));
    shop.fixture.finish().await;
}

/// Conformance: Payment webhooks: Refunds in parts revoke the credits of a package once for each
/// refund, and a refund that failed gives them back
#[tokio::test]
async fn refunds_revoke_and_failed_refunds_give_back() {
    let shop = Shop::open(On::File).await;
    let life = Life::new("refunded");
    let paid = event(
        "evt_1",
        "checkout.session.completed",
        DAHLIA,
        life.purchase(),
    );
    shop.stripe(&paid, "applied").await;
    let fifth = event(
        "evt_2",
        "refund.created",
        DAHLIA,
        life.refund("re_1", 200, "pending"),
    );
    let same = event(
        "evt_3",
        "refund.updated",
        DAHLIA,
        life.refund("re_1", 200, "succeeded"),
    );
    for _ in 0..10 {
        shop.stripe(&fifth, "applied").await;
        shop.stripe(&same, "applied").await;
    }
    let charge = json!({
        "id": "ch_refunded", "amount": 1000, "amount_refunded": 200, "payment_intent": "pi_refunded",
    });
    shop.stripe(
        &event("evt_4", "charge.refunded", DAHLIA, charge),
        "ignored",
    )
    .await;
    // A fifth of 100 and of the bonus of 10.
    assert_eq!(shop.balance(&life.user).await, (88, 0));
    // The failure arrives before the refund that it is about.
    let failed = event(
        "evt_5",
        "refund.failed",
        DAHLIA,
        life.refund("re_2", 800, "failed"),
    );
    let made = event(
        "evt_6",
        "refund.created",
        DAHLIA,
        life.refund("re_2", 800, "pending"),
    );
    shop.stripe(&failed, "applied").await;
    shop.stripe(&made, "applied").await;
    assert_eq!(shop.balance(&life.user).await, (88, 0));
    let rest = event(
        "evt_7",
        "refund.created",
        DAHLIA,
        life.refund("re_3", 800, "succeeded"),
    );
    shop.stripe(&rest, "applied").await;
    assert_eq!(shop.balance(&life.user).await, (0, 0));
    shop.fixture.finish().await;
}

/// Conformance: Payment webhooks: Before 2024-10-28 each growth of the refunded sum of a charge is a
/// refund
#[tokio::test]
async fn the_sum_of_a_charge_revokes_by_its_growth() {
    let shop = Shop::open(On::File).await;
    let life = Life::new("charged");
    let paid = event(
        "evt_1",
        "checkout.session.completed",
        ACACIA,
        life.purchase(),
    );
    shop.stripe(&paid, "applied").await;
    let charge = |id: &str, total: i64, before: i64| {
        let object = json!({
            "id": "ch_charged", "object": "charge", "amount": 1000, "amount_refunded": total,
            "payment_intent": "pi_charged",
        });
        let mut charge = event(id, "charge.refunded", ACACIA, object);
        // Both events about one change have its time.
        charge["created"] = total.into();
        charge["data"]["previous_attributes"] = json!({"amount_refunded": before});
        charge
    };
    // The second growth arrives first, and each of them twice with other ids.
    for (id, total, before) in [
        ("a", 500, 250),
        ("b", 500, 250),
        ("c", 250, 0),
        ("d", 250, 0),
    ] {
        shop.stripe(&charge(id, total, before), "applied").await;
    }
    let refund = event(
        "evt_5",
        "refund.created",
        ACACIA,
        life.refund("re_1", 250, "succeeded"),
    );
    shop.stripe(&refund, "ignored").await;
    assert_eq!(shop.balance(&life.user).await, (55, 0));
    shop.fixture.finish().await;
}

/// Conformance: Payment webhooks: A dispute revokes when funds are withdrawn and is undone when it
/// is won, in any order; an inquiry does nothing
#[tokio::test]
async fn a_dispute_revokes_and_a_won_one_is_undone() {
    let freeze = [("SCRIP__PAYMENTS__STRIPE__FREEZE_ON_DISPUTE", "true")];
    let shop = Shop::with(On::File, &freeze).await;
    let withdrawn = ("charge.dispute.funds_withdrawn", "needs_response");
    let won = ("charge.dispute.closed", "won");
    let back = ("charge.dispute.funds_reinstated", "won");
    let lost = ("charge.dispute.closed", "lost");
    let asked = ("charge.dispute.created", "needs_response");
    let cases = [
        (vec![asked, withdrawn, won, back], 110),
        (vec![back, won, withdrawn], 110),
        (vec![withdrawn, lost], 0),
        (vec![lost], 0),
        (
            vec![("charge.dispute.created", "warning_needs_response")],
            110,
        ),
        (vec![("charge.dispute.closed", "warning_closed")], 110),
    ];
    for (number, (kinds, expected)) in cases.into_iter().enumerate() {
        let life = Life::new(&format!("disputed-{number}"));
        let id = |part: &str| format!("evt_{number}_{part}");
        let paid = event(
            &id("p"),
            "checkout.session.completed",
            DAHLIA,
            life.purchase(),
        );
        shop.stripe(&paid, "applied").await;
        let dispute = format!("dp_{number}");
        for (kind, status) in &kinds {
            let event = event(&id(kind), kind, DAHLIA, life.dispute(&dispute, status));
            for _ in 0..2 {
                let _ = shop.send_stripe(&event).await.expect(200);
            }
        }
        let found = shop.balance(&life.user).await;
        assert_eq!(found, (expected, 0), "{kinds:?}");
        let all = shop.transactions(&life.user).await;
        let is_frozen = all.iter().any(|one| one["type"] == "freeze");
        assert_eq!(is_frozen, number < 4, "{kinds:?}");
    }
    shop.fixture.finish().await;
}

/// Conformance: Payment webhooks: A period of a subscription is granted by its invoice, in every
/// version of the API, and neither by the checkout nor by prorations
#[tokio::test]
async fn only_the_invoice_of_a_period_grants() {
    let shop = Shop::open(On::File).await;
    for (number, (version, is_new)) in [(ACACIA, false), (BASIL, true), (DAHLIA, true)]
        .into_iter()
        .enumerate()
    {
        let life = Life::new(&format!("invoiced-{number}"));
        let id = |part: &str| format!("evt_{number}_{part}");
        let send = async |part: &str, kind: &str, object, status: &str| {
            shop.stripe(&event(&id(part), kind, version, object), status)
                .await;
        };
        send(
            "c",
            "checkout.session.completed",
            life.checkout(),
            "applied",
        )
        .await;
        let incomplete = life.subscription("incomplete", is_new);
        send("i", "customer.subscription.created", incomplete, "ignored").await;
        let active = life.subscription("active", is_new);
        send("u", "customer.subscription.updated", active, "applied").await;
        assert_eq!(shop.balance(&life.user).await, (0, 0), "{version}");
        let update = life.invoice("subscription_update", is_new);
        send("p", "invoice.paid", update, "unmapped").await;
        let mut trial = life.invoice("subscription_create", is_new);
        trial["subtotal"] = 0.into();
        send("t", "invoice.paid", trial, "ignored").await;
        assert_eq!(shop.balance(&life.user).await, (0, 0), "{version}");
        let created = life.invoice("subscription_create", is_new);
        send("n", "invoice.paid", created.clone(), "applied").await;
        send("m", "invoice.paid", created, "applied").await;
        assert_eq!(shop.balance(&life.user).await, (200, 0), "{version}");
        if is_new {
            send("y", "invoice_payment.paid", life.pair(), "applied").await;
            let refund = life.refund(&format!("re_{number}"), 500, "succeeded");
            send("r", "refund.created", refund, "applied").await;
        } else {
            let charge = json!({
                "id": format!("ch_{}", life.name), "amount": 2000, "amount_refunded": 500,
            });
            send("r", "charge.refunded", charge, "applied").await;
        }
        assert_eq!(shop.balance(&life.user).await, (150, 0), "{version}");
        let deleted = life.subscription("canceled", is_new);
        send("d", "customer.subscription.deleted", deleted, "applied").await;
        assert_eq!(shop.balance(&life.user).await, (150, 0), "{version}");
    }
    shop.fixture.finish().await;
}
