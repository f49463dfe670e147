//! The validator and the library's parser agree.

use proptest::prelude::*;

use super::is_parsed;
use super::samples::{framed, header, header_payload, header_with_table, long, short};
use crate::amqp::frame_filter::content_header::check;
use crate::amqp::frame_filter::frame::HEADER;
use crate::amqp::frame_filter::unreadable::MAX_NESTING;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]
    #[test]
    fn the_validator_accepts_what_the_library_parses_and_nothing_else(payload in header_payload()) {
        let found = check(&payload);
        prop_assert_eq!(found.is_ok(), is_parsed(&framed(HEADER, 1, &payload)), "{:?}", found);
    }
}

#[test]
fn every_value_type_is_known_to_both_parsers_or_to_neither() {
    for kind in 0..=u8::MAX {
        let rejected = (0..=8).filter(|length| {
            let value = [vec![kind], vec![0; *length]].concat();
            let payload = header_with_table(&[short(b"k"), value].concat());
            let accepted = check(&payload).is_ok();
            assert_eq!(
                accepted,
                is_parsed(&framed(HEADER, 1, &payload)),
                "{kind} {length}"
            );
            !accepted
        });
        assert!(rejected.count() >= 8, "{kind} has one length at most");
    }
}

#[test]
fn each_rejected_header_is_explained() {
    let id = 1 << 7;
    for (payload, expected) in [
        (
            header(0, id, &short(&[0xff, 0xfe])),
            "the property `message_id` must be UTF-8, got `\\xff\\xfe`",
        ),
        (
            header(0, id, &[9, b'a']),
            "the property `message_id` must end within the properties",
        ),
        (
            header(0, id, b"\x01ab"),
            "the properties must end with the last one, got 1 more bytes",
        ),
        (
            header_with_table(b"\x01kZ"),
            "a value in the headers must be of a known type, got `Z`",
        ),
        (
            header_with_table(b"\x02\xc3\x28V"),
            "a key in the headers must be UTF-8, got `\\xc3(`",
        ),
        (
            header_with_table(b"\x01kI\0"),
            "a value in the headers must end within the properties",
        ),
        (
            header_with_table(&nested(MAX_NESTING)),
            "tables and arrays in the headers must be nested at most 32 deep",
        ),
    ] {
        let found = check(&payload).expect_err(expected);
        assert_eq!(found.to_string(), expected);
    }
}

/// A table with arrays nested to this depth.
fn nested(levels: u32) -> Vec<u8> {
    let mut value = vec![b'V'];
    for _ in 0..levels {
        value = [vec![b'A'], long(&value)].concat();
    }
    [short(b"k"), value].concat()
}

#[test]
fn tables_and_arrays_may_be_nested_as_deep_as_documented() {
    let deepest = header_with_table(&nested(MAX_NESTING - 1));
    assert!(check(&deepest).is_ok());
    assert!(is_parsed(&framed(HEADER, 1, &deepest)));
    // The deepest nesting that fits into a frame. The library's parser would overflow its stack.
    assert!(check(&header_with_table(&nested(26_000))).is_err());
}
