//! Messages that the AMQP library cannot decode.

use super::{
    properties::RawProperties,
    wire::{long, short},
};

/// A message that the AMQP library cannot decode.
#[derive(Clone, Debug)]
pub struct Hostile {
    /// A part of the error that the dead letter shows.
    pub why: &'static str,
    pub properties: RawProperties,
}

/// Two bytes that no character in UTF-8 contains.
const NOT_UTF8: &[u8] = &[0xff, 0xfe];

/// Every kind of such a message that an app can publish and the broker does not change.
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
        text(
            "`correlation_id` must be UTF-8",
            RawProperties::CORRELATION_ID,
        ),
        text("`type` must be UTF-8", RawProperties::TYPE),
        text("`content_type` must be UTF-8", RawProperties::CONTENT_TYPE),
        text("`reply_to` must be UTF-8", RawProperties::REPLY_TO),
        table("a key in the headers must be UTF-8", &key_not_utf8),
        table("nested at most 32 deep", &nested(20_000)),
        Hostile {
            // A broker accepts frames that are 8 bytes larger than the limit that it announces.
            why: "bytes long",
            properties: frame_filled(frame_max + 8, |headers| {
                RawProperties::default().headers(headers)
            }),
        },
    ]
}

/// Properties that fill a frame of `frame_max` bytes. They exceed it when the broker replaces
/// `amq.rabbitmq.reply-to` with the name of the reply queue.
pub fn direct_reply_overflow(frame_max: usize) -> RawProperties {
    frame_filled(frame_max, |headers| {
        RawProperties::default()
            .headers(headers)
            .text(RawProperties::REPLY_TO, b"amq.rabbitmq.reply-to")
    })
}

/// Properties whose headers fill a frame of exactly `length` bytes.
pub fn frame_filled(length: usize, with: impl Fn(&[u8]) -> RawProperties) -> RawProperties {
    with(&padded(length - with(&padded(0)).frame_length()))
}

fn padded(length: usize) -> Vec<u8> {
    [&short(b"padding")[..], b"S", &long(&vec![b'x'; length])].concat()
}

/// A table with arrays that are nested `levels` deep.
pub fn nested(levels: usize) -> Vec<u8> {
    let mut table = short(b"k");
    for level in (0..levels).rev() {
        table.push(b'A');
        table.extend(u32::try_from(level * 5 + 1).expect("small").to_be_bytes());
    }
    table.push(b'V');
    table
}
