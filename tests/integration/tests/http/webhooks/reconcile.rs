//! An export of the provider's payments, compared with purchases and with grants of subscriptions.

use chrono::{DateTime, Months, TimeDelta, Utc};
use scrip::payments::{
    Provider,
    export::{self, ExportedPayment},
    reconcile::{self, Differences, Scope},
};
use serde_json::{Value, json};
use testkit::db::TestDatabase;

use super::{
    events::{DAHLIA, Life},
    sender::{Shop, event},
    simulation::Simulation,
    story::{Span, Story},
    tales::begin,
};
use crate::fixture::{BOTH, On};

/// Conformance: Payment webhooks: An export of the provider's payments is compared with the ledger
#[tokio::test]
async fn an_export_is_compared_with_the_ledger() {
    for on in BOTH {
        compare_an_export(on).await;
    }
}

async fn compare_an_export(on: On) {
    let shop = Shop::open(on).await;
    let (one, other) = (Life::new("one"), Life::new("other"));
    for life in [&one, &other] {
        let id = format!("evt_{}", life.name);
        let paid = event(&id, "checkout.session.completed", DAHLIA, life.purchase());
        shop.stripe(&paid, "applied").await;
        assert_eq!(shop.balance(&life.user).await, (110, 0));
    }
    // A period: only the pair names its payment. A free session is in no export.
    let renewed = Life::new("renewed");
    for (kind, object) in [
        ("checkout.session.completed", renewed.checkout()),
        ("invoice.paid", renewed.invoice("subscription_create", true)),
        ("invoice_payment.paid", renewed.pair()),
    ] {
        let id = format!("evt_renewed_{kind}");
        shop.stripe(&event(&id, kind, DAHLIA, object), "applied")
            .await;
    }
    assert_eq!(shop.balance(&renewed.user).await, (200, 0));
    let mut free = Life::new("free").purchase();
    free["payment_intent"] = json!(null);
    let free = event("evt_free", "checkout.session.completed", DAHLIA, free);
    shop.stripe(&free, "applied").await;
    assert_eq!(shop.balance("user-free").await, (110, 0));
    grants_without_a_payment(&shop).await;
    let file = shop.fixture.deployment.folder().join("payments.csv");
    let path = file.display().to_string();
    let compare = [
        "payments",
        "reconcile",
        &path,
        "--provider",
        "stripe",
        "--json",
    ];
    let head = "id,Amount,Status,PaymentIntent ID";
    let both = format!(
        "{head}\nch_1,10.00,Paid,pi_one\nch_2,10.00,Refunded,pi_other\n\
                        ch_4,20.00,Paid,pi_renewed\n"
    );
    std::fs::write(&file, both).expect("writable");
    let printed = shop.fixture.deployment.succeed(&compare).await;
    let found: Value = serde_json::from_str(&printed).expect("JSON");
    let facts = ["agreeing", "trials", "notCompared"].map(|name| found[name].as_i64());
    assert_eq!(facts, [3, 1, 1].map(Some));
    let text = shop.fixture.deployment.succeed(&compare[..5]).await;
    assert!(
        text.starts_with("3 payments agree; 1 grants of trials have no payment; 1 grants of"),
        "{text}"
    );
    let differ = format!("{head}\nch_1,10.00,Paid,pi_one\nch_3,10.00,Paid,pi_lost\n");
    std::fs::write(&file, differ).expect("writable");
    let output = shop.fixture.deployment.run(&compare).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let expected = json!({
        "agreeing": 1, "paidNotCredited": ["pi_lost"],
        "creditedNotPaid": ["stripe:pi_other", grant("renewed", &renewed)],
        "trials": 1, "notCompared": 1,
    });
    assert_eq!(found, expected);
    shop.fixture.finish().await;
}

/// The reference of the first grant of a life.
fn grant(name: &str, life: &Life) -> String {
    format!("grant:sub_{name}:{}", life.start.format("%Y-%m-%d"))
}

/// A trial, a period that cost nothing, and a subscription that a payment bridge reported.
async fn grants_without_a_payment(shop: &Shop) {
    let [trial, coupon] = ["trial", "coupon"].map(Life::new);
    let mut object = trial.subscription("trialing", true);
    object["trial_start"] = trial.start.timestamp().into();
    object["trial_end"] = (trial.start + TimeDelta::days(7)).timestamp().into();
    let mut free = coupon.invoice("subscription_create", true);
    free["amount_paid"] = 0.into();
    for (id, kind, object) in [
        (
            "evt_trial_c",
            "checkout.session.completed",
            trial.checkout(),
        ),
        ("evt_trial_s", "customer.subscription.created", object),
        (
            "evt_coupon_c",
            "checkout.session.completed",
            coupon.checkout(),
        ),
        ("evt_coupon_i", "invoice.paid", free),
    ] {
        shop.stripe(&event(id, kind, DAHLIA, object), "applied")
            .await;
    }
    let bridged = "publish subscription --user bridged --subscription sub_bridge --plan pro \
                   --status active --actor ops:maria --wait";
    let bridged: Vec<&str> = bridged.split_whitespace().collect();
    shop.fixture.deployment.succeed(&bridged).await;
    for user in ["user-trial", "user-coupon", "bridged"] {
        assert_eq!(shop.balance(user).await, (200, 0), "{user}");
    }
}

/// The rows of an export.
fn rows(payments: &[&str]) -> Vec<ExportedPayment> {
    let rows = payments.iter().map(|id| format!("{id},Paid\n"));
    let text = format!("PaymentIntent ID,Status\n{}", rows.collect::<String>());
    export::read(text.as_bytes()).expect("an export")
}

async fn compare(
    simulation: &Simulation,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
    payments: &[&str],
) -> Differences {
    let scope = Scope {
        provider: Provider::Stripe,
        from,
        until,
        trial_grants: true,
    };
    let found = reconcile::compare(&simulation.ledger.store, scope, &rows(payments)).await;
    found.expect("compared")
}

/// Conformance: Payment webhooks: Of a payment for a year the first grant is compared with the
/// export, because the later ones have their payment in an earlier export
#[tokio::test]
async fn the_first_grant_of_a_year_is_compared_with_the_export() {
    for database in TestDatabase::each().await {
        let mut simulation = Simulation::new(database, begin(), "grant").await;
        let story = Story::new("yearly".to_owned(), begin(), DAHLIA);
        let year = Span {
            start: begin(),
            end: begin() + Months::new(12),
        };
        let mut events = vec![story.checkout()];
        events.extend(story.paid(0, "subscription_create", year, begin()));
        for event in &events {
            let _ = simulation.deliver(Provider::Stripe, event).await;
        }
        for month in 1..3 {
            simulation.ledger.now = story.month(month);
            assert_eq!(
                simulation.balance("yearly").await,
                200 * i64::from(month + 1)
            );
        }
        let (first, second) = (story.month(0) - TimeDelta::hours(1), story.month(1));
        let end = story.month(3);
        // The month of the payment, with and without it, and the time after it.
        let paid = compare(&simulation, (first, second), &["pi0_yearly"]).await;
        assert_eq!((paid.agreeing, paid.credited_not_paid.len()), (1, 0));
        let lost = compare(&simulation, (first, end), &[]).await;
        assert_eq!(lost.credited_not_paid, ["grant:sub_yearly:2026-10-05"]);
        let later = compare(&simulation, (second, end), &[]).await;
        assert_eq!(later, Differences::default());
    }
}

/// Conformance: Payment webhooks: A payment that was booked after midnight is found in an export
/// that ends a day later, and a payment of the added day is no difference
#[tokio::test]
async fn an_export_with_a_day_more_at_both_ends_has_no_false_differences() {
    for database in TestDatabase::each().await {
        let mut simulation = Simulation::new(database, begin(), "grant").await;
        let midnight: DateTime<Utc> = "2026-11-01T00:00:00Z".parse().expect("an instant");
        let month = (midnight - Months::new(1), midnight);
        // Paid before midnight and booked after it; and the other way round a month earlier.
        for (number, paid, booked) in [
            (
                1,
                month.0 - TimeDelta::minutes(1),
                month.0 + TimeDelta::minutes(1),
            ),
            (
                2,
                month.0 + TimeDelta::days(9),
                month.0 + TimeDelta::days(9),
            ),
            (
                3,
                month.1 - TimeDelta::minutes(1),
                month.1 + TimeDelta::minutes(1),
            ),
        ] {
            let story = Story::new(format!("m{number}"), paid, DAHLIA);
            let session = json!({
                "id": format!("cs_{number}"), "mode": "payment", "payment_status": "paid",
                "payment_intent": format!("pi_{number}"), "client_reference_id": "ada",
                "amount_total": 1000, "currency": "usd",
                "metadata": {"priceId": "price_lite", "quantity": "1"},
            });
            simulation.ledger.now = booked;
            let kind = "checkout.session.completed";
            let bought = story.event("c", kind, paid, session);
            let _ = simulation.deliver(Provider::Stripe, &bought).await;
        }
        let with_margin = compare(&simulation, month, &["pi_1", "pi_2", "pi_3"]).await;
        assert_eq!(
            with_margin,
            Differences {
                agreeing: 3,
                ..Differences::default()
            }
        );
        // Without the margin, the first payment is not in the export.
        let without = compare(&simulation, month, &["pi_2", "pi_3"]).await;
        assert_eq!(without.credited_not_paid, ["stripe:pi_1"]);
    }
}
