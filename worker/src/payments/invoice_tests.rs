//! Which period an invoice brings, and what a refund of it revokes.

use chrono::DateTime;
use serde_json::{Value, json};

use super::*;

/// An invoice with these lines: price, amount, months, and whether it is a proration.
fn invoice(why: &str, lines: &[(&str, i64, i64, bool)]) -> Value {
    let lines: Vec<Value> = lines
        .iter()
        .map(|(price, amount, months, is_proration)| {
            json!({
                "price": {"id": price}, "amount": amount, "proration": is_proration, "quantity": 3,
                "period": {"start": START, "end": START + months * MONTH},
            })
        })
        .collect();
    json!({
        "id": "in_1", "billing_reason": why, "amount_paid": 24_000, "subtotal": 24_000,
        "subscription": "sub_1", "payment_intent": "pi_1",
        "subscription_details": {"metadata": {"userId": "ada"}},
        "lines": {"data": lines, "has_more": false},
    })
}

fn paid(object: &Value) -> Mapped {
    mapped(&stripe("invoice.paid", object), &Links::new())
}

#[test]
fn the_period_is_that_of_a_known_plan_that_was_paid() {
    let cycle = "subscription_cycle";
    for (lines, expected) in [
        (vec![("price_pro", 2000, 1, false)], Ok(1)),
        // A line of another product ends at the same time, or later.
        (
            vec![("price_pro", 2000, 1, false), ("price_add_on", 9, 1, false)],
            Ok(1),
        ),
        (
            vec![
                ("price_add_on", 9, 12, false),
                ("price_pro", 2000, 1, false),
            ],
            Ok(1),
        ),
        (
            vec![("price_pro", 2000, 1, false), ("price_pro", 200, 2, true)],
            Ok(1),
        ),
        (vec![("price_add_on", 9, 1, false)], Err("unknown_plan")),
        (vec![("price_pro", 0, 1, false)], Err("nothing_to_pay")),
        (vec![("price_pro", 5, 1, true)], Err("proration")),
        (Vec::new(), Err("proration")),
    ] {
        let found = paid(&invoice(cycle, &lines));
        match expected {
            Ok(months) => {
                let body = &commands(&found)[0];
                assert_eq!(body["plan"], "pro");
                let through = body["paidThrough"].as_str().expect("a text");
                let through: DateTime<chrono::Utc> = through.parse().expect("an instant");
                assert_eq!(through.timestamp(), START + months * MONTH, "{lines:?}");
                let Mapped::Commands { detail, .. } = found else {
                    panic!("not mapped")
                };
                assert_eq!(detail.as_deref(), Some("quantity 3 counts once"));
            }
            Err(expected) => assert_eq!(reason(&found), expected, "{lines:?}"),
        }
    }
}

#[test]
fn a_trial_with_a_set_up_fee_is_not_a_paid_period() {
    let mut object = invoice("subscription_create", &[("price_pro", 0, 1, false)]);
    let fee = json!({
        "type": "invoiceitem", "amount": 5000, "price": {"id": "price_fee"},
        "period": {"start": START, "end": START},
    });
    object["lines"]["data"]
        .as_array_mut()
        .expect("a list")
        .push(fee);
    assert_eq!(reason(&paid(&object)), "nothing_to_pay");
}

#[test]
fn an_invoice_whose_period_may_be_among_the_missing_lines_is_kept() {
    for (why, lines) in [
        ("subscription_cycle", vec![("price_pro", 5, 1, true)]),
        ("subscription_cycle", vec![("price_add_on", 5, 1, false)]),
        ("subscription_update", vec![("price_pro", 5, 1, true)]),
    ] {
        let mut object = invoice(why, &lines);
        object["lines"]["has_more"] = true.into();
        assert_eq!(reason(&paid(&object)), "lines_missing", "{why} {lines:?}");
    }
    let mut object = invoice("subscription_cycle", &[("price_pro", 5, 1, false)]);
    object["lines"]["has_more"] = true.into();
    assert_eq!(reason(&paid(&object)), "mapped");
}

#[test]
fn a_period_that_an_update_paid_is_for_a_person() {
    let update = "subscription_update";
    let period = invoice(update, &[("price_pro", 2000, 1, false)]);
    assert_eq!(reason(&paid(&period)), "period_paid_by_update");
    let prorations = [("price_pro", -900, 1, true), ("price_pro", 2000, 1, true)];
    assert_eq!(reason(&paid(&invoice(update, &prorations))), "not_a_period");
}

#[test]
fn a_known_price_wins_over_the_plan_of_the_metadata() {
    let mut object = invoice("subscription_cycle", &[("price_pro", 2000, 1, false)]);
    object["subscription_details"]["metadata"]["plan"] = "free".into();
    assert_eq!(commands(&paid(&object))[0]["plan"], "pro");
    object["lines"]["data"][0]["price"]["id"] = "price_other".into();
    object["subscription_details"]["metadata"]["plan"] = "pro".into();
    assert_eq!(commands(&paid(&object))[0]["plan"], "pro");
}

#[test]
fn a_refund_revokes_the_only_grant_of_the_period_that_was_paid() {
    let refund = json!({"id": "re_1", "amount": 12_000, "payment_intent": "pi_1"});
    let refund = stripe("refund.created", &refund);
    let payment = LinkKey::new(LinkKind::Payment, "pi_1");
    for (months, grants, expected) in [
        (1, vec!["grant:sub_1:2026-01-09"], "mapped"),
        (1, vec![], "grant_pending"),
        (1, vec!["grant:sub_1:a", "grant:sub_1:b"], "several_grants"),
        (12, vec!["grant:sub_1:a"], "several_grants"),
    ] {
        let object = invoice(
            "subscription_cycle",
            &[("price_pro", 24_000, months, false)],
        );
        let paid = stripe("invoice.paid", &object);
        assert!(brought(&paid, &rules("grant")).contains(&payment));
        let Mapped::Commands { mut links, .. } = mapped(&paid, &Links::new()) else {
            panic!("not mapped")
        };
        let link = links.get_mut(&payment).expect("linked");
        let end = DateTime::from_timestamp(START + months * MONTH, 0).expect("in range");
        let period = link.period.as_ref().expect("a period");
        assert_eq!((period.subscription.as_str(), period.end), ("sub_1", end));
        link.grants = grants.iter().map(|text| (*text).to_owned()).collect();
        let found = mapped(&refund, &links);
        assert_eq!(reason(&found), expected);
        if expected == "mapped" {
            let body = &commands(&found)[0];
            assert_eq!(
                (&body["of"], &body["share"]),
                (&grants[0].into(), &"0.5".into())
            );
        } else if let Mapped::Unmapped(unmapped) = found {
            let is_waiting = unmapped.waits_for.contains(&payment);
            assert_eq!(is_waiting, expected == "grant_pending");
        }
    }
}

#[test]
fn a_share_of_an_unknown_amount_is_for_a_person() {
    let event = |object: Value| {
        let body = json!({"id": "evt_1", "eventType": "refund.created", "object": object});
        Event::read(Provider::Creem, &body.to_string()).expect("an event")
    };
    let link = |amount| {
        let key = LinkKey::new(LinkKind::Payment, "ord_1");
        let link = Link {
            user: Some("ada".to_owned()),
            deposit: Some("creem:ord_1".to_owned()),
            amount,
            ..Link::default()
        };
        Links::from([(key, link)])
    };
    let refund = json!({"id": "ref_1", "refund_amount": 595, "order": {"id": "ord_1"}});
    assert_eq!(
        reason(&mapped(&event(refund.clone()), &link(None))),
        "unknown_amount"
    );
    // What the event says includes tax, as the refund does.
    let mut refund = refund;
    refund["order"]["amount_paid"] = 1190.into();
    let found = mapped(&event(refund), &link(Some(1000)));
    assert_eq!(commands(&found)[0]["share"], "0.5");
}

#[test]
fn a_change_at_the_start_of_a_period_holds_from_the_start() {
    let mut event = stripe("customer.subscription.updated", &subscription("active"));
    let item = &mut event.json["data"]["object"]["items"]["data"][0];
    item["current_period_start"] = (START + 3).into();
    let at = |event: &Event| {
        let body = commands(&mapped(event, &Links::new()))[0].clone();
        let text = body["occurredAt"].as_str().expect("a text").to_owned();
        text.parse::<DateTime<chrono::Utc>>()
            .expect("an instant")
            .timestamp()
    };
    assert_eq!(at(&event), START + 7);
    let item = json!({"data": [{"current_period_start": START + 3}]});
    event.json["data"]["previous_attributes"] = json!({"items": item});
    assert_eq!(at(&event), START + 7);
    let item = json!({"data": [{"current_period_start": START - MONTH}]});
    event.json["data"]["previous_attributes"] = json!({"items": item});
    assert_eq!(at(&event), START + 3);
}

#[test]
fn months_count_from_the_start_date_only_after_a_trial() {
    let anchor = |object: &Value, trial: &str| {
        let event = stripe("customer.subscription.updated", object);
        let body = commands(&map(&event, &rules(trial), &Links::new()))[0].clone();
        let text = body["anchor"].as_str().expect("a text").to_owned();
        text.parse::<DateTime<chrono::Utc>>()
            .expect("an instant")
            .timestamp()
    };
    let mut object = subscription("active");
    assert_eq!(
        [anchor(&object, "grant"), anchor(&object, "wait")],
        [START, START + 9]
    );
    object["trial_end"] = json!(null);
    assert_eq!(anchor(&object, "grant"), START + 9);
}

#[test]
fn a_growth_of_a_sum_that_occurs_twice_has_two_references() {
    let reference = |created: i64, refunds: Value| {
        let object = json!({
            "id": "ch_1", "amount": 1000, "amount_refunded": 500, "payment_intent": "pi_1",
            "refunds": refunds,
        });
        let mut event = stripe("charge.refunded", &object);
        event.json["api_version"] = "2020-08-27".into();
        event.created = DateTime::from_timestamp(created, 0);
        let link = Link {
            user: Some("ada".to_owned()),
            deposit: Some("stripe:pi_1".to_owned()),
            ..Link::default()
        };
        let links = Links::from([(LinkKey::new(LinkKind::Payment, "pi_1"), link)]);
        commands(&mapped(&event, &links))[0]["referenceId"].clone()
    };
    assert_eq!(reference(START, json!(null)), reference(START, json!(null)));
    assert_ne!(
        reference(START, json!(null)),
        reference(START + 9, json!(null))
    );
    let named = json!({"data": [{"id": "re_2"}, {"id": "re_1"}]});
    assert_eq!(reference(START, named), "stripe:ch_1:500:re_2");
}
