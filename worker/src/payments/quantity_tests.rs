//! Packages and plans that are sold per unit.

use super::*;

/// The rules in which `lite` and `pro` are sold per unit.
fn per_unit() -> PaymentRules {
    let variables = [
        ("SCRIP__PLANS__PRO__PRICE_IDS", "[\"price_pro\"]"),
        ("SCRIP__PLANS__PRO__PER_UNIT", "true"),
        ("SCRIP__PACKAGES__LITE__PRICE_IDS", "[\"prod_lite\"]"),
        ("SCRIP__PACKAGES__LITE__PER_UNIT", "true"),
    ];
    let variables = variables.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let environment: Environment = variables.into_iter().collect();
    let settings = Settings::load(None, &environment).expect("valid");
    PaymentRules::new(&settings)
}

fn map_with(rules: &PaymentRules, event: &Event) -> Mapped {
    map(event, rules, &Links::new())
}

/// The quantity of the command, or the reason and the detail.
fn quantity(found: &Mapped) -> Result<Value, (&'static str, String)> {
    match found {
        Mapped::Unmapped(unmapped) => {
            Err((unmapped.reason, unmapped.detail.clone().unwrap_or_default()))
        }
        found => Ok(commands(found)[0]["quantity"].clone()),
    }
}

fn checkout(metadata: &Value) -> Event {
    let session = json!({
        "id": "cs_1", "mode": "payment", "payment_status": "paid", "payment_intent": "pi_1",
        "client_reference_id": "ada", "metadata": metadata, "amount_total": 3000,
        "currency": "usd",
    });
    stripe("checkout.session.completed", &session)
}

fn creem(kind: &str, object: &Value) -> Event {
    let body = json!({"id": "evt_1", "eventType": kind, "created_at": START, "object": object});
    Event::read(Provider::Creem, &body.to_string()).expect("an event")
}

#[test]
fn the_quantity_of_a_checkout_counts_if_the_package_is_sold_per_unit() {
    let rules = per_unit();
    let price = |quantity: Value| json!({"priceId": "prod_lite", "quantity": quantity});
    for (found, expected) in [
        (json!("3"), json!(3)),
        (json!(1_000_000), json!(1_000_000)),
        // One is the same as none, also for the fingerprint.
        (json!("1"), json!(null)),
    ] {
        let mapped = map_with(&rules, &checkout(&price(found.clone())));
        assert_eq!(quantity(&mapped), Ok(expected), "{found}");
    }
    for wrong in ["0", "-3", "1.5", "many", "1000001"] {
        let mapped = map_with(&rules, &checkout(&price(json!(wrong))));
        let (reason, detail) = quantity(&mapped).expect_err(wrong);
        assert_eq!(reason, "unknown_quantity");
        assert!(
            detail.contains("a whole number from 1 to 1000000"),
            "{detail}"
        );
    }
    let (reason, detail) = quantity(&map_with(&rules, &checkout(&json!({"packageId": "lite"}))))
        .expect_err("no quantity");
    assert_eq!(reason, "unknown_quantity");
    assert!(detail.contains("got none"), "{detail}");
    // Without `per_unit` it counts once.
    let once = mapped(&checkout(&price(json!("3"))), &Links::new());
    assert_eq!(quantity(&once), Ok(json!(null)));
}

#[test]
fn the_units_of_an_order_of_creem_count_if_the_package_is_sold_per_unit() {
    let order = json!({
        "id": "ch_1", "metadata": {"userId": "ada"}, "units": 4,
        "order": {"id": "ord_1", "status": "paid", "product": "prod_lite", "amount_paid": 1190,
                  "currency": "EUR"},
    });
    let bought = map_with(&per_unit(), &creem("checkout.completed", &order));
    assert_eq!(quantity(&bought), Ok(json!(4)));
    let subscription = json!({
        "id": "sub_1", "metadata": {"userId": "ada", "plan": "pro"}, "last_transaction_id": "tr_1",
        "items": [{"units": 7}], "current_period_start_date": "2026-01-01T00:00:00Z",
        "current_period_end_date": "2026-02-01T00:00:00Z",
    });
    let paid = map_with(&per_unit(), &creem("subscription.paid", &subscription));
    assert_eq!(quantity(&paid), Ok(json!(7)));
    // The end of a subscription needs no quantity, and a period does.
    let mut object = subscription;
    object["items"] = json!([]);
    let ended = map_with(&per_unit(), &creem("subscription.canceled", &object));
    assert_eq!(quantity(&ended), Ok(json!(null)));
    // Some events of Creem have no items. The app may note the quantity.
    object["metadata"]["quantity"] = "6".into();
    let noted = map_with(&per_unit(), &creem("subscription.paid", &object));
    assert_eq!(quantity(&noted), Ok(json!(6)));
    object["metadata"]["quantity"] = Value::Null;
    let unknown = map_with(&per_unit(), &creem("subscription.paid", &object));
    assert_eq!(quantity(&unknown).expect_err("none").0, "unknown_quantity");
}

#[test]
fn the_seats_of_a_subscription_are_those_of_the_item_of_the_plan() {
    let mut object = subscription("active");
    object["items"]["data"][0]["quantity"] = 9.into();
    object["items"]["data"][1]["quantity"] = 5.into();
    let updated = |object: &Value| stripe("customer.subscription.updated", object);
    let found = map_with(&per_unit(), &updated(&object));
    assert_eq!(quantity(&found), Ok(json!(5)));
    let reference = commands(&found)[0]["referenceId"].clone();
    // Another number of seats in the same second is another change.
    object["items"]["data"][1]["quantity"] = 6.into();
    let other = map_with(&per_unit(), &updated(&object));
    assert_ne!(commands(&other)[0]["referenceId"], reference);
    // The references of plans that are not sold per unit do not depend on it.
    let once = |object: &Value| commands(&mapped(&updated(object), &Links::new()))[0].clone();
    let first = once(&object);
    object["items"]["data"][1]["quantity"] = 7.into();
    assert_eq!(once(&object), first);
}

#[test]
fn the_tiers_of_a_price_are_summed_up() {
    let period = json!({"start": START, "end": START + MONTH});
    let line = |quantity: i64, amount: i64, is_proration: bool| {
        json!({
            "price": {"id": "price_pro"}, "quantity": quantity, "amount": amount,
            "proration": is_proration, "period": period,
        })
    };
    let invoice = json!({
        "id": "in_1", "billing_reason": "subscription_cycle", "subtotal": 500, "amount_paid": 500,
        "subscription": "sub_1", "subscription_details": {"metadata": {"userId": "ada"}},
        // The first five cost nothing, and a proration is no part of the period.
        "lines": {"data": [line(5, 0, false), line(3, 500, false), line(2, 90, true)]},
    });
    let found = map_with(&per_unit(), &stripe("invoice.paid", &invoice));
    assert_eq!(quantity(&found), Ok(json!(8)));
    // A line that the webhook does not have may be another tier.
    let mut object = invoice;
    object["lines"]["has_more"] = true.into();
    let unclear = map_with(&per_unit(), &stripe("invoice.paid", &object));
    assert_eq!(quantity(&unclear).expect_err("unclear").0, "lines_missing");
    // Without `per_unit` the quantity does not matter.
    mapped(&stripe("invoice.paid", &object), &Links::new());
}

#[test]
fn of_several_items_the_first_counts_in_a_subscription_and_its_invoice() {
    let period = json!({"start": START, "end": START + MONTH});
    let line = |price: &str, quantity: i64| {
        json!({
            "price": {"id": price}, "quantity": quantity, "amount": 500, "proration": false,
            "period": period,
        })
    };
    let invoice = json!({
        "id": "in_1", "billing_reason": "subscription_cycle", "subtotal": 1000,
        "amount_paid": 1000, "subscription": "sub_1",
        "subscription_details": {"metadata": {"userId": "ada", "plan": "pro"}},
        "lines": {"data": [line("price_seat", 5), line("price_more", 1)]},
    });
    let paid = map_with(&per_unit(), &stripe("invoice.paid", &invoice));
    assert_eq!(quantity(&paid), Ok(json!(5)));
    let mut object = subscription("active");
    object["metadata"]["plan"] = "pro".into();
    for (index, (price, seats)) in [("price_seat", 5), ("price_more", 1)].iter().enumerate() {
        object["items"]["data"][index]["price"]["id"] = (*price).into();
        object["items"]["data"][index]["quantity"] = (*seats).into();
    }
    let updated = stripe("customer.subscription.updated", &object);
    assert_eq!(quantity(&map_with(&per_unit(), &updated)), Ok(json!(5)));
}
