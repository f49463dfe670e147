//! The rejections of bodies as a whole: no JSON, too large, too deep, an unknown type.

use super::{consume, rejection};
use crate::contract::RejectionCode::{
    DuplicateField, InvalidField, MissingField, NotAnObject, NotJson, TooDeep, TooLarge, TooMany,
    UnknownField, UnknownType,
};
use crate::contract::*;

/// A number of additional fields with different names.
fn many_fields(count: usize) -> String {
    let fields: Vec<String> = (0..count).map(|n| format!(r#","f{n}":0"#)).collect();
    fields.concat()
}

/// Conformance: Refusals and rejections: Limits on size, depth and count reject with `too_large`,
/// `too_deep`, `too_many` or `invalid_field`
/// Conformance: Refusals and rejections: `metadata` with a duplicate key in an object is rejected,
/// at any depth
#[test]
fn invalid_bodies_are_rejected_with_a_code_and_a_field() {
    let deep = format!(
        r#""metadata":{}1{}"#,
        r#"{"a":"#.repeat(3000),
        "}".repeat(3000)
    );
    let cases = [
        (String::new(), NotJson, None),
        ("not json".to_owned(), NotJson, None),
        (r#"{"type":"consume""#.to_owned(), NotJson, None),
        (consume(r#","amount":01"#), NotJson, None),
        (consume(r#","amount":NaN"#), NotJson, None),
        (
            format!("{} trailing", consume(r#","service":"s""#)),
            NotJson,
            None,
        ),
        ("[]".to_owned(), NotAnObject, None),
        ("null".to_owned(), NotAnObject, None),
        (r#""consume""#.to_owned(), NotAnObject, None),
        ("1e400".to_owned(), NotAnObject, None),
        ("[".repeat(3000), TooDeep, None),
        (
            consume(&format!(r#","service":"s",{deep}"#)),
            TooDeep,
            Some("metadata"),
        ),
        (
            consume(&format!(r#","service":"{}""#, "x".repeat(1 << 20))),
            TooLarge,
            None,
        ),
        (consume(&many_fields(MAX_FIELDS - 2)), TooMany, None),
        (
            consume(&many_fields(MAX_FIELDS - 3)),
            UnknownField,
            Some("f0"),
        ),
        (
            consume(r#","service":"s","service":"s""#),
            DuplicateField,
            Some("service"),
        ),
        (
            consume(r#","service":"s","\u0073ervice":"s""#),
            DuplicateField,
            Some("service"),
        ),
        (
            format!("\u{feff}{}", consume(r#","service":"s""#)),
            NotJson,
            None,
        ),
        (
            consume(r#","service":"s","metadata":{"a":"\u0000","a":1}"#),
            DuplicateField,
            Some("metadata"),
        ),
        (
            consume(r#","service":"s","metadata":{"x":[{"y":{"b":1,"\u0062":2}}]}"#),
            DuplicateField,
            Some("metadata"),
        ),
        ("{}".to_owned(), MissingField, Some("type")),
        (r#"{"type":7}"#.to_owned(), InvalidField, Some("type")),
        (r#"{"type":"consum"}"#.to_owned(), UnknownType, Some("type")),
        (
            r#"{"type":"balance","userId":"u"}"#.to_owned(),
            UnknownType,
            Some("type"),
        ),
    ];
    for (body, code, field) in cases {
        let rejection = rejection(&body);
        assert_eq!(
            (rejection.code, rejection.field.as_deref()),
            (code, field),
            "{rejection}"
        );
        assert!(
            rejection.message.contains(" must ") || rejection.message.contains("allowed are"),
            "{rejection}"
        );
    }
    let not_utf8 = Command::from_json(b"{\"type\":\"\xff\"}").expect_err("not UTF-8");
    assert_eq!(not_utf8.code, NotJson);
}

/// Conformance: Refusals and rejections: An `unknown_type` rejection lists the commands that are
/// available to senders
#[test]
fn an_unknown_type_is_rejected_with_the_list_of_commands() {
    for name in ["expir", "mint", "monthly_grant"] {
        let rejection = rejection(&format!(
            r#"{{"type":"{name}","referenceId":"r","userId":"u"}}"#
        ));
        assert_eq!(rejection.code, UnknownType);
        let start = concat!(
            r#"`type` must be one of "consume", "hold", "capture", "release", "refund", "#,
            r#""grant", "purchase", "subscription", "revoke", "reinstate", "forgive", "freeze", "#,
            r#""unfreeze", got"#,
        );
        assert!(rejection.message.starts_with(start), "{rejection}");
        assert!(
            !rejection.message.contains("did you mean `expire`"),
            "{rejection}"
        );
    }
}

#[test]
fn thirty_two_levels_are_allowed_and_brackets_in_strings_do_not_count() {
    let metadata = format!("{}1{}", r#"{"a":"#.repeat(31), "}".repeat(31));
    let body = consume(&format!(r#","service":"s","metadata":{metadata}"#));
    assert!(Command::from_json(body.as_bytes()).is_ok());
    let brackets = format!(r#"{}\"{}"#, "[".repeat(70), "{".repeat(70));
    let body = consume(&format!(r#","service":"{brackets}""#));
    assert!(Command::from_json(body.as_bytes()).is_ok());
}
