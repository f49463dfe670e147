//! Frames that an app can make a broker send.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::amqp::frame_filter::frame::{self, BODY, HEADER, HEARTBEAT, METHOD};

/// A frame of a stream.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) channel: u16,
    pub(super) kind: u8,
    pub(super) payload: Vec<u8>,
}

impl Sample {
    pub(super) fn bytes(&self) -> Vec<u8> {
        framed(self.kind, self.channel, &self.payload)
    }
}

pub(super) fn framed(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    frame::write(kind, channel, payload).expect("not that long")
}

pub(super) fn short(text: &[u8]) -> Vec<u8> {
    [&[u8::try_from(text.len()).expect("short")], text].concat()
}

pub(super) fn long(text: &[u8]) -> Vec<u8> {
    let length = u32::try_from(text.len()).expect("not that long");
    [&length.to_be_bytes(), text].concat()
}

/// The payload of a content header with these flags and properties.
pub(super) fn header(body_size: u64, flags: u16, properties: &[u8]) -> Vec<u8> {
    let fixed = [&60_u16.to_be_bytes()[..], &[0, 0], &body_size.to_be_bytes()].concat();
    [&fixed, &flags.to_be_bytes()[..], properties].concat()
}

/// The payload of a content header with nothing but a table of headers.
pub(super) fn header_with_table(table: &[u8]) -> Vec<u8> {
    header(1, 1 << 13, &long(table))
}

/// `basic.deliver`.
pub(super) fn deliver(exchange: &[u8], routing_key: &[u8]) -> Vec<u8> {
    let id = [0, 60, 0, 60];
    let tag = [short(b"worker"), vec![0; 9]].concat();
    [&id[..], &tag, &short(exchange), &short(routing_key)].concat()
}

/// Bytes that are mostly UTF-8.
fn text(longest: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => vec(any::<char>(), 0..longest / 4)
            .prop_map(|text| String::from_iter(text).into_bytes()),
        1 => vec(any::<u8>(), 0..longest),
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let typed = |kind: u8, bytes: Vec<u8>| [vec![kind], bytes].concat();
    let fixed = prop_oneof![
        Just((b'V', 0)),
        Just((b't', 1)),
        Just((b'b', 1)),
        Just((b'B', 1)),
        Just((b's', 2)),
        Just((b'U', 2)),
        Just((b'u', 2)),
        Just((b'I', 4)),
        Just((b'i', 4)),
        Just((b'f', 4)),
        Just((b'D', 5)),
        Just((b'L', 8)),
        Just((b'l', 8)),
        Just((b'd', 8)),
        Just((b'T', 8)),
    ];
    let leaf = prop_oneof![
        8 => fixed.prop_flat_map(move |(kind, size)| {
            vec(any::<u8>(), size).prop_map(move |bytes| typed(kind, bytes))
        }),
        4 => (prop_oneof![Just(b'S'), Just(b'x')], vec(any::<u8>(), 0..40))
            .prop_map(move |(kind, text)| typed(kind, long(&text))),
        1 => (any::<u8>(), vec(any::<u8>(), 0..10))
            .prop_map(move |(kind, bytes)| typed(kind, bytes)),
    ];
    leaf.prop_recursive(5, 24, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(move |array| typed(b'A', long(&array.concat()))),
            vec((text(30), inner), 0..4).prop_map(move |table| typed(b'F', long(&entries(table)))),
        ]
    })
}

fn entries(table: Vec<(Vec<u8>, Vec<u8>)>) -> Vec<u8> {
    let entry = |(key, value): (Vec<u8>, Vec<u8>)| [short(&key), value].concat();
    table.into_iter().flat_map(entry).collect()
}

/// Payloads of content headers: valid ones, almost valid ones and random bytes.
pub(super) fn header_payload() -> impl Strategy<Value = Vec<u8>> {
    let properties = (
        any::<u16>(),
        vec(text(255), 14),
        vec((text(30), value()), 0..5),
        any::<u64>(),
    );
    let written = properties.prop_map(|(flags, texts, table, number)| {
        let mut bytes = Vec::new();
        for property in (0..14_usize).filter(|n| flags & (0x8000 >> n) != 0) {
            match property {
                2 => bytes.extend(long(&entries(table.clone()))),
                3 | 4 => bytes.push(number.to_be_bytes()[0]),
                9 => bytes.extend(number.to_be_bytes()),
                _ => bytes.extend(short(&texts[property])),
            }
        }
        header(number, flags, &bytes)
    });
    let changed = (written, any::<prop::sample::Index>(), any::<u8>(), 0..8_u8).prop_map(
        |(mut payload, at, byte, how)| {
            let at = at.index(payload.len());
            match how {
                0 => payload[at] = byte,
                1 => payload.truncate(at.max(14)),
                2 => payload.push(byte),
                _ => {}
            }
            payload
        },
    );
    prop_oneof![20 => changed, 1 => vec(any::<u8>(), 14..200)]
}

fn method_payload() -> impl Strategy<Value = Vec<u8>> {
    let texts = (text(255), text(255), text(255), vec(any::<u8>(), 9));
    texts.prop_flat_map(|(one, two, three, fixed)| {
        let (one, two, three) = (short(&one), short(&two), short(&three));
        prop_oneof![
            Just([&[0, 60, 0, 60], &*one, &fixed, &two, &three].concat()),
            Just([&[0, 60, 0, 71], &*fixed, &one, &two, &fixed[..4]].concat()),
            Just([&[0, 60, 0, 50], &fixed[..2], &one, &two, &three].concat()),
            Just([&[0, 20, 0, 40], &fixed[..2], &one, &fixed[..4]].concat()),
            // basic.ack.
            Just([&[0, 60, 0, 80], &*fixed].concat()),
        ]
    })
}

/// Frames as a broker sends them, of any channel.
pub(super) fn sample() -> impl Strategy<Value = Sample> {
    let payload = prop_oneof![
        4 => header_payload().prop_map(|payload| (HEADER, payload)),
        4 => method_payload().prop_map(|payload| (METHOD, payload)),
        2 => vec(any::<u8>(), 0..300).prop_map(|payload| (BODY, payload)),
        1 => Just((HEARTBEAT, Vec::new())),
    ];
    (0..3_u16, payload).prop_map(|(channel, (kind, payload))| Sample {
        channel: if kind == HEARTBEAT { 0 } else { channel },
        kind,
        payload,
    })
}
