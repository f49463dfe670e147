//! The fields of `refund`.

use super::rejection;
use crate::contract::RejectionCode::{InvalidField, MissingField, UnknownField};

fn refund(rest: &str) -> String {
    format!(r#"{{"type":"refund","referenceId":"r","userId":"u"{rest}}}"#)
}

#[test]
fn every_invalid_field_of_a_refund_is_rejected_with_what_was_found() {
    let cases = [
        (refund(""), MissingField, "of", "missing"),
        (refund(r#","of":7"#), InvalidField, "of", "got 7"),
        (
            refund(r#","of":"r1","service":"s""#),
            UnknownField,
            "service",
            "allowed",
        ),
        (
            refund(r#","of":"r1","amount":0"#),
            InvalidField,
            "amount",
            "got 0",
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
