//! The sender of a message stays known if its content header is unreadable.

use amq_protocol::frame::AMQPFrame;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::chunks::cut;
use super::samples::{deliver, framed, header, long, short};
use super::{filtered, frames, reason};
use crate::amqp::frame_filter::filter::Filter;
use crate::amqp::frame_filter::frame::{HEADER, METHOD};

/// `frame_max` of the connection.
const LIMIT: u32 = 4096;
const HEADERS: usize = 2;
const USER_ID: usize = 11;

/// The content of each property, valid or not.
#[derive(Clone, Debug)]
struct Properties {
    flags: u16,
    texts: Vec<Vec<u8>>,
    table: Vec<u8>,
    /// Bytes after the last property.
    trailing: Vec<u8>,
}

impl Properties {
    fn has(&self, number: usize) -> bool {
        self.flags & (0x8000 >> number) != 0
    }

    /// The payload of the content header, and its length up to the end of `user_id`.
    fn payload(&self) -> (Vec<u8>, usize) {
        let mut bytes = Vec::new();
        let mut through_user_id = 0;
        for number in (0..14).filter(|number| self.has(*number)) {
            match number {
                HEADERS => bytes.extend(long(&self.table)),
                3 | 4 => bytes.push(0xff),
                9 => bytes.extend([0xff; 8]),
                _ => bytes.extend(short(&self.texts[number])),
            }
            if number == USER_ID {
                through_user_id = bytes.len();
            }
        }
        bytes.extend(&self.trailing);
        let payload = header(7, self.flags, &bytes);
        let before = payload.len() - bytes.len();
        (payload, before + through_user_id)
    }

    /// The sender as the broker reads it.
    fn sender(&self) -> Option<&str> {
        let text = std::str::from_utf8(&self.texts[USER_ID]).ok();
        text.filter(|text| self.has(USER_ID) && !text.is_empty())
    }
}

fn properties() -> impl Strategy<Value = Properties> {
    let text = prop_oneof![
        vec(any::<char>(), 0..60).prop_map(|text| String::from_iter(text).into_bytes()),
        vec(any::<u8>(), 0..=255),
        Just(b"shop".to_vec()),
    ];
    let table = prop_oneof![
        Just(Vec::new()),
        vec(any::<u8>(), 1..40),
        // Larger than the maximum frame size.
        vec(any::<u8>(), 4_000..6_000),
    ];
    let trailing = prop_oneof![3 => Just(Vec::new()), 1 => vec(any::<u8>(), 1..20)];
    (any::<u16>(), vec(text, 14), table, trailing).prop_map(|(flags, texts, table, trailing)| {
        Properties {
            // The lowest two bits belong to no property.
            flags: flags & !0b11,
            texts,
            table,
            trailing,
        }
    })
}

/// The `user_id` of a content header.
fn user_id(frame: &AMQPFrame) -> Option<String> {
    let AMQPFrame::Header(_, header) = frame else {
        panic!("{frame:?}");
    };
    header
        .properties
        .user_id()
        .as_ref()
        .map(ToString::to_string)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    /// Conformance: Broker permissions and senders: The sender of a message with unreadable
    /// properties is known if the message has `user_id`
    #[test]
    fn a_replaced_header_keeps_the_user_id_if_any_other_property_is_unreadable(
        properties in properties(),
        has_bad_routing_key in any::<bool>(),
        sizes in vec(1..300_usize, 1..10),
    ) {
        let key: &[u8] = if has_bad_routing_key { &[0xff] } else { b"7" };
        let bytes = [
            framed(METHOD, 1, &deliver(b"ns.usage", key)),
            framed(HEADER, 1, &properties.payload().0),
        ]
        .concat();
        let passed = frames(&filtered(&mut Filter::new(LIMIT), cut(&bytes, &sizes)));
        prop_assert_eq!(passed.len(), 2);
        let is_replaced = reason(&passed[1]).is_some();
        prop_assert!(is_replaced || !has_bad_routing_key);
        // A header that passes unchanged may contain an empty `user_id`.
        let found = user_id(&passed[1]).filter(|found| is_replaced || !found.is_empty());
        prop_assert_eq!(found.as_deref(), properties.sender());
    }

    /// Conformance: Broker permissions and senders: The sender of a message with unreadable
    /// properties is known if the message has `user_id`
    #[test]
    fn a_header_that_ends_before_the_end_of_its_user_id_has_no_sender(
        mut properties in properties(),
        end in any::<Index>(),
        sizes in vec(1..300_usize, 1..10),
    ) {
        properties.flags |= 0x8000 >> USER_ID;
        let (mut payload, through_user_id) = properties.payload();
        // Class, weight, body size and flags are always complete.
        payload.truncate(14 + end.index(through_user_id - 14));
        let bytes = framed(HEADER, 1, &payload);
        let passed = frames(&filtered(&mut Filter::new(LIMIT), cut(&bytes, &sizes)));
        prop_assert!(reason(&passed[0]).is_some());
        prop_assert_eq!(user_id(&passed[0]), None);
    }
}
