//! What each event is mapped to, by table.

use serde_json::{Value, json};

use super::{Links, Mapped, brought, keys, map};
use crate::{
    config::{Environment, Settings},
    payments::{
        Event, LinkKey, LinkKind, PaymentRules, Provider,
        mapped::{Link, Unmapped},
    },
};

#[path = "invoice_tests.rs"]
mod invoices;
#[path = "quantity_tests.rs"]
mod quantities;

const START: i64 = 1_767_225_600;
const MONTH: i64 = 31 * 86_400;

fn rules(trial: &str) -> PaymentRules {
    let variables = [
        ("SCRIP__PLANS__PRO__PRICE_IDS", "[\"price_pro\"]"),
        ("SCRIP__PACKAGES__LITE__PRICE_IDS", "[\"prod_lite\"]"),
        ("SCRIP__SUBSCRIPTIONS__TRIAL", trial),
    ];
    let variables = variables.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let environment: Environment = variables.into_iter().collect();
    let settings = Settings::load(None, &environment).expect("valid");
    PaymentRules::new(&settings)
}

fn stripe(kind: &str, object: &Value) -> Event {
    let body = json!({
        "id": "evt_1", "type": kind, "created": START + 7, "api_version": "2026-03-25.dahlia",
        "data": {"object": object},
    });
    Event::read(Provider::Stripe, &body.to_string()).expect("an event")
}

fn mapped(event: &Event, links: &Links) -> Mapped {
    map(event, &rules("grant"), links)
}

/// The bodies of the commands.
fn commands(mapped: &Mapped) -> Vec<Value> {
    match mapped {
        Mapped::Commands { commands, .. } => commands
            .iter()
            .map(|command| serde_json::from_slice(&command.to_json()).expect("JSON"))
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn subscription(status: &str) -> Value {
    json!({
        "id": "sub_1", "status": status, "customer": {"id": "cus_1", "name": "expanded"},
        "metadata": {"userId": "ada"}, "start_date": START, "trial_end": START + 9,
        "billing_cycle_anchor": START + 9,
        "items": {"data": [{"price": {"id": "price_add_on"}}, {"price": {"id": "price_pro"}}]},
    })
}

#[test]
fn each_status_of_stripe_has_its_own_here() {
    for (status, pause, expected) in [
        ("active", json!(null), "active"),
        ("trialing", json!(null), "trialing"),
        ("past_due", json!(null), "past_due"),
        ("unpaid", json!(null), "paused"),
        ("paused", json!(null), "paused"),
        ("canceled", json!(null), "canceled"),
        ("active", json!({"behavior": "void"}), "paused"),
        (
            "active",
            json!({"behavior": "mark_uncollectible"}),
            "paused",
        ),
        ("active", json!({"behavior": "keep_as_draft"}), "active"),
        ("past_due", json!({"behavior": "void"}), "past_due"),
    ] {
        let mut object = subscription(status);
        object["pause_collection"] = pause;
        let event = stripe("customer.subscription.updated", &object);
        let commands = commands(&mapped(&event, &Links::new()));
        assert_eq!(commands[0]["status"], expected, "{status}");
        assert_eq!(commands[0]["plan"], "pro");
        // Only a trial and an invoice say what is paid.
        let paid = if status == "trialing" {
            START + 9
        } else {
            START
        };
        let paid = chrono::DateTime::from_timestamp(paid, 0).expect("in range");
        let found = commands[0]["paidThrough"].as_str().expect("a text");
        assert_eq!(
            found.parse::<chrono::DateTime<chrono::Utc>>(),
            Ok(paid),
            "{status}"
        );
    }
    for status in ["incomplete", "incomplete_expired"] {
        let event = stripe("customer.subscription.updated", &subscription(status));
        assert_eq!(mapped(&event, &Links::new()), Mapped::Ignored("incomplete"));
    }
    let later = stripe(
        "customer.subscription.updated",
        &subscription("hibernating"),
    );
    assert!(matches!(
        mapped(&later, &Links::new()),
        Mapped::Unmapped(Unmapped {
            reason: "unknown_status",
            ..
        })
    ));
    let deleted = stripe("customer.subscription.deleted", &subscription("active"));
    let commands = commands(&mapped(&deleted, &Links::new()));
    assert_eq!(commands[0]["status"], "canceled");
}

#[test]
fn months_count_from_the_first_payment_unless_a_trial_is_granted() {
    let event = stripe("customer.subscription.created", &subscription("trialing"));
    for (trial, seconds) in [("grant", START), ("wait", START + 9)] {
        let commands = commands(&map(&event, &rules(trial), &Links::new()));
        let anchor = commands[0]["anchor"].as_str().expect("a text");
        let anchor: chrono::DateTime<chrono::Utc> = anchor.parse().expect("an instant");
        assert_eq!(anchor.timestamp(), seconds, "{trial}");
    }
}

#[test]
fn two_events_about_one_change_have_one_reference_and_two_changes_have_two() {
    let reference = |status: &str, seconds: i64| {
        let mut event = stripe("customer.subscription.updated", &subscription(status));
        event.id = format!("evt_{status}_{seconds}");
        event.created = event
            .created
            .map(|at| at + chrono::TimeDelta::seconds(seconds));
        commands(&mapped(&event, &Links::new()))[0]["referenceId"].clone()
    };
    assert_eq!(reference("active", 0), reference("active", 0));
    assert_ne!(reference("active", 0), reference("past_due", 0));
    assert_ne!(reference("active", 0), reference("active", 1));
}

#[test]
fn a_user_comes_from_the_event_or_from_a_link() {
    let mut object = subscription("active");
    object["metadata"] = json!({});
    let event = stripe("customer.subscription.updated", &object);
    let customer = LinkKey::new(LinkKind::Customer, "cus_1");
    match mapped(&event, &Links::new()) {
        Mapped::Unmapped(Unmapped {
            reason, waits_for, ..
        }) => {
            assert_eq!(reason, "no_user");
            let subscription = LinkKey::new(LinkKind::Subscription, "sub_1");
            assert_eq!(waits_for, [subscription, customer.clone()]);
        }
        other => panic!("{other:?}"),
    }
    assert!(keys(&event, &rules("grant")).contains(&customer));
    let link = Link {
        user: Some("bob".to_owned()),
        ..Link::default()
    };
    let links = Links::from([(customer, link)]);
    assert_eq!(commands(&mapped(&event, &links))[0]["userId"], "bob");
}

#[test]
fn a_user_that_the_contract_refuses_is_kept_in_every_event() {
    for user in ["\u{200b}".to_owned(), "x".repeat(300)] {
        let mut object = subscription("active");
        object["metadata"] = json!({"userId": user});
        let session = json!({
            "id": "cs_1", "mode": "subscription", "client_reference_id": user, "customer": "cus_1",
        });
        for (kind, object) in [
            ("customer.subscription.updated", object),
            ("checkout.session.completed", session),
        ] {
            let found = mapped(&stripe(kind, &object), &Links::new());
            assert_eq!(reason(&found), "invalid_user", "{kind}");
        }
    }
}

/// Why an event is not mapped, or `mapped`.
fn reason(mapped: &Mapped) -> &'static str {
    match mapped {
        Mapped::Unmapped(unmapped) => unmapped.reason,
        Mapped::Ignored(reason) => reason,
        Mapped::Commands { .. } => "mapped",
    }
}

#[test]
fn an_event_without_what_it_must_have_is_kept() {
    for (kind, object) in [
        ("checkout.session.completed", json!({})),
        ("invoice_payment.paid", json!({"invoice": "in_1"})),
        ("customer.subscription.updated", json!({"id": "sub_1"})),
        ("refund.created", json!({"id": "re_1", "amount": "12"})),
        ("charge.dispute.funds_withdrawn", json!(null)),
    ] {
        let found = mapped(&stripe(kind, &object), &Links::new());
        let is_kept = matches!(
            &found,
            Mapped::Unmapped(Unmapped {
                reason: "missing_field",
                ..
            })
        );
        assert!(is_kept, "{kind}: {found:?}");
    }
    for kind in ["payment_intent.succeeded", "price.created", "x"] {
        let found = mapped(&stripe(kind, &json!({})), &Links::new());
        assert_eq!(found, Mapped::Ignored("other_kind"));
    }
}
