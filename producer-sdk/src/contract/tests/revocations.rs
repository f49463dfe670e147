//! The fields of `revoke`, `reinstate` and `forgive`.

use super::rejection;
use crate::contract::RejectionCode::{InvalidField, MissingField, UnknownField};
use crate::contract::*;

fn revoke(rest: &str) -> String {
    format!(r#"{{"type":"revoke","referenceId":"r","userId":"u"{rest}}}"#)
}

fn of_kind(kind: &str, rest: &str) -> String {
    format!(r#"{{"type":"{kind}","referenceId":"r","userId":"u"{rest}}}"#)
}

/// Conformance: Revocations and debt: `revoke` names one deposit, and at most one of `amount`,
/// `share` and `amountRefunded`
#[test]
fn every_invalid_field_of_a_revocation_is_rejected_with_what_was_found() {
    let cases = [
        (revoke(""), MissingField, "of", "exactly one of `of` and"),
        (
            revoke(r#","purchaseLine":"2""#),
            MissingField,
            "of",
            "exactly one",
        ),
        (
            revoke(r#","of":"r1","purchaseId":"pi_1""#),
            InvalidField,
            "purchaseId",
            "cannot be used with `of`",
        ),
        (
            revoke(r#","of":"r1","purchaseLine":"2""#),
            InvalidField,
            "purchaseLine",
            "cannot be used with `of`",
        ),
        (revoke(r#","of":7"#), InvalidField, "of", "got 7"),
        (
            revoke(r#","of":"r1","amount":0"#),
            InvalidField,
            "amount",
            "got 0",
        ),
        (
            revoke(r#","of":"r1","share":0.25"#),
            InvalidField,
            "share",
            "got 0.25",
        ),
        (
            revoke(r#","of":"r1","share":"0""#),
            InvalidField,
            "share",
            "got \"0\"",
        ),
        (
            revoke(r#","of":"r1","share":"1.000001""#),
            InvalidField,
            "share",
            "got \"1.000001\"",
        ),
        (
            revoke(r#","of":"r1","share":"0.1234567""#),
            InvalidField,
            "share",
            "at most 6",
        ),
        (
            revoke(r#","of":"r1","amountRefunded":2.5"#),
            InvalidField,
            "amountRefunded",
            "got 2.5",
        ),
        (
            revoke(r#","of":"r1","amountRefunded":"-1""#),
            InvalidField,
            "amountRefunded",
            "got \"-1\"",
        ),
        (
            revoke(r#","of":"r1","amount":1,"share":"1""#),
            InvalidField,
            "share",
            "cannot be used with `amount`",
        ),
        (
            revoke(r#","of":"r1","amountRefunded":"1","share":"1""#),
            InvalidField,
            "amountRefunded",
            "cannot be used with `share`",
        ),
        (
            revoke(r#","of":"r1","reason":"x""#),
            UnknownField,
            "reason",
            "allowed",
        ),
        (of_kind("reinstate", ""), MissingField, "of", "missing"),
        (
            of_kind("reinstate", r#","of":"r1","amount":1"#),
            UnknownField,
            "amount",
            "allowed",
        ),
        (
            of_kind("forgive", r#","actor":"ops""#),
            MissingField,
            "reason",
            "missing",
        ),
        (
            of_kind("forgive", r#","reason":"lost""#),
            MissingField,
            "actor",
            "missing",
        ),
        (
            of_kind("forgive", r#","reason":"lost","actor":"ops","amount":1.5"#),
            InvalidField,
            "amount",
            "got 1.5",
        ),
    ];
    for (body, code, field, found) in cases {
        let rejection = rejection(&body);
        assert_eq!(
            (rejection.code, rejection.field.as_deref()),
            (code, Some(field)),
            "{rejection}"
        );
        assert!(rejection.message.contains(found), "{rejection}");
    }
}

#[test]
fn only_one_setter_says_how_much_is_revoked() {
    let of = || Command::revoke("r", "u", "r1");
    let twice = of().share("0.25").expect("a share").amount(3);
    let rejection = twice.check().expect_err("two extents");
    assert_eq!(rejection.field.as_deref(), Some("amount"));
    assert!(of().amount(3).amount(4).check().is_ok());
    let line = of().purchase_line("2").check().expect_err("no payment");
    assert_eq!(line.field.as_deref(), Some("purchaseLine"));
    let share = Command::forgive("r", "u", "lost", "ops").share("1");
    let rejection = share.expect("a share").check().expect_err("misplaced");
    assert_eq!(rejection.field.as_deref(), Some("share"));
    assert!(of().share("1.5").is_err());
    assert!(of().amount_refunded("1,5").is_err());
}

#[test]
fn built_extents_are_in_range() {
    let command = |extent| {
        let target = RevokeTarget::Reference("r1".to_owned());
        Command::new("r", "u", Body::Revoke(Revoke { target, extent }))
    };
    for (extent, field) in [
        (RevokeExtent::Amount(0), "amount"),
        (RevokeExtent::Share(0), "share"),
        (RevokeExtent::Share(1_000_001), "share"),
        (RevokeExtent::AmountRefunded(-1), "amountRefunded"),
    ] {
        let rejection = command(extent).check().expect_err(field);
        assert_eq!(rejection.field.as_deref(), Some(field));
    }
}
