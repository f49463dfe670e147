//! Messages that the client library cannot read.

use super::{
    properties::RawProperties,
    wire::{long, short},
};

/// A message that the client library cannot read, and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Hostile {
    /// What is wrong, as a dead letter words it, in part.
    pub why: &'static str,
    /// Its properties.
    pub properties: RawProperties,
}

/// Long enough to be taken for no character.
const NOT_UTF8: &[u8] = &[0xff, 0xfe];

/// Every kind that an app can publish without the broker changing it.
pub fn hostile_properties(frame_max: usize) -> Vec<Hostile> {
    let text = |why, flag| Hostile {
        why,
        properties: RawProperties::default().text(flag, NOT_UTF8),
    };
    let table = |why, table: &[u8]| Hostile {
        why,
        properties: RawProperties::default().headers(table),
    };
    let key_not_utf8 = [&short(NOT_UTF8)[..], b"V"].concat();
    vec![
        text("`message_id` must be UTF-8", RawProperties::MESSAGE_ID),
        text("`correlation_id` must be UTF-8", RawProperties::CORRELATION_ID),
        text("`type` must be UTF-8", RawProperties::TYPE),
        text("`content_type` must be UTF-8", RawProperties::CONTENT_TYPE),
        text("`reply_to` must be UTF-8", RawProperties::REPLY_TO),
        table("a key in the headers must be UTF-8", &key_not_utf8),
        table("nested at most 32 deep", &nested(20_000)),
        Hostile {
            // A broker takes frames of 8 bytes more than it says.
            why: "bytes long",
            properties: frame_filled(frame_max + 8, |headers| RawProperties::default().headers(headers)),
        },
    ]
}

/// Properties that fit into a frame of `frame_max` bytes until the broker has replaced `amq.rabbitmq.reply-to` by the
/// name of the queue that it stands for.
pub fn direct_reply_overflow(frame_max: usize) -> RawProperties {
    frame_filled(frame_max, |headers| {
        RawProperties::default()
            .headers(headers)
            .text(RawProperties::REPLY_TO, b"amq.rabbitmq.reply-to")
    })
}

/// Properties with headers that fill the frame of exactly `length` bytes.
pub fn frame_filled(length: usize, with: impl Fn(&[u8]) -> RawProperties) -> RawProperties {
    with(&padded(length - with(&padded(0)).frame_length()))
}

fn padded(length: usize) -> Vec<u8> {
    [&short(b"padding")[..], b"S", &long(&vec![b'x'; length])].concat()
}

/// A table with arrays nested to this depth.
pub fn nested(levels: usize) -> Vec<u8> {
    let mut table = short(b"k");
    for level in (0..levels).rev() {
        table.push(b'A');
        table.extend(u32::try_from(level * 5 + 1).expect("small").to_be_bytes());
    }
    table.push(b'V');
    table
}
