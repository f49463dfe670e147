//! The quantity of a package or a plan.

use crate::contract::{Command, MAX_UNITS, SubscriptionStatus};

/// Conformance: Commands: The `quantity` of a `purchase` of a package and of a `subscription` is a
/// whole number from 1 to 1,000,000
#[test]
fn a_package_and_a_plan_have_a_quantity() {
    let purchase = Command::purchase_package("pi_1", "u", "lite", "pi_1").quantity(3);
    let active = SubscriptionStatus::Active;
    let seats = Command::subscription("e", "u", "sub_1", "pro", active).quantity(MAX_UNITS);
    for (command, body) in [
        (
            purchase,
            r#"{"type":"purchase","referenceId":"pi_1","userId":"u","quantity":3,"packageId":"lite","purchaseId":"pi_1"}"#,
        ),
        (
            seats,
            r#"{"type":"subscription","referenceId":"e","userId":"u","quantity":1000000,"subscriptionId":"sub_1","plan":"pro","status":"active"}"#,
        ),
    ] {
        assert_eq!(String::from_utf8(command.to_json()).expect("text"), body);
        assert_eq!(Command::from_json(body.as_bytes()), Ok(command));
    }
}

#[test]
fn a_quantity_that_is_not_allowed_is_rejected_by_name() {
    let purchase = r#""type":"purchase","referenceId":"r","userId":"u","purchaseId":"p""#;
    let subscription = r#""type":"subscription","referenceId":"r","userId":"u","plan":"pro","status":"active","subscriptionId":"s""#;
    for (fields, found) in [
        (r#","packageId":"a","quantity":0"#, "got 0"),
        (r#","packageId":"a","quantity":1000001"#, "got 1000001"),
        (r#","priceId":"a","quantity":1.5"#, "got 1.5"),
        (
            r#","priceId":"a","quantity":"2""#,
            "a whole number from 1 to 1000000",
        ),
        (
            r#","credits":5,"quantity":2"#,
            "cannot be used with `credits`",
        ),
    ] {
        let body = format!("{{{purchase}{fields}}}");
        let rejection = Command::from_json(body.as_bytes()).expect_err(&body);
        assert_eq!(rejection.field.as_deref(), Some("quantity"), "{rejection}");
        assert!(rejection.message.contains(found), "{rejection}");
    }
    let body = format!("{{{subscription},\"quantity\":-1}}");
    let rejection = Command::from_json(body.as_bytes()).expect_err(&body);
    assert_eq!(rejection.field.as_deref(), Some("quantity"), "{rejection}");
    // The builder is checked by the same rule.
    let credits = Command::purchase_credits("r", "u", 5, "p").quantity(2);
    let rejection = credits.check().expect_err("not a package");
    assert_eq!(rejection.field.as_deref(), Some("quantity"));
}
