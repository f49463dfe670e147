//! The methods that carry texts of others: names and routing keys of messages, and the broker's
//! error texts, which it cuts to 255 bytes wherever a character may be.

use super::frame::{self, Cursor, Head};
use super::unreadable::Unreadable;

/// Longest frame of any of these methods: its fixed fields and three short strings take less.
pub(super) const LONGEST: u64 = 1024;
/// Longest short string, in bytes.
const MAX_SHORT_STRING: usize = 255;
/// Class and method, two bytes each.
pub(super) const ID: usize = 4;
/// `connection.tune`.
pub(super) const TUNE: (u16, u16) = (10, 30);

/// A field of a method.
pub(super) enum Field {
    /// So many bytes of no interest.
    Bytes(usize),
    /// A short string, with its name.
    Text(&'static str),
}
use Field::{Bytes, Text};

const TAG: Field = Text("the consumer tag");
const EXCHANGE: Field = Text("the exchange");
const ROUTING_KEY: Field = Text("the routing key");
const REPLY_TEXT: Field = Text("the reply text");

/// The fields of a method, if it is one of these.
pub(super) fn fields(id: (u16, u16)) -> Option<&'static [Field]> {
    Some(match id {
        // connection.close and channel.close: code, text, class and method.
        (10, 50) | (20, 40) => &[Bytes(2), REPLY_TEXT, Bytes(4)],
        // basic.return: code, text, exchange, routing key.
        (60, 50) => &[Bytes(2), REPLY_TEXT, EXCHANGE, ROUTING_KEY],
        // basic.deliver: consumer tag, delivery tag and redelivered, exchange, routing key.
        (60, 60) => &[TAG, Bytes(9), EXCHANGE, ROUTING_KEY],
        // basic.get-ok: delivery tag and redelivered, exchange, routing key, message count.
        (60, 71) => &[Bytes(9), EXCHANGE, ROUTING_KEY, Bytes(4)],
        _ => return None,
    })
}

/// Class and method of a payload.
pub(super) fn id(payload: &[u8]) -> Option<(u16, u16)> {
    let mut cursor = Cursor::new(payload);
    Some((cursor.short()?, cursor.short()?))
}

/// The first text that is not UTF-8. `None` also for a payload that is no such method: that is for
/// the library to reject.
pub(super) fn check(payload: &[u8], fields: &[Field]) -> Option<Unreadable> {
    let mut cursor = Cursor::new(payload.get(ID..)?);
    let mut found = None;
    for field in fields {
        match field {
            Bytes(count) => drop(cursor.take(*count)?),
            Text(what) => {
                let text = cursor.short_string()?;
                if found.is_none() && std::str::from_utf8(text).is_err() {
                    found = Some(Unreadable::not_utf8(what, text));
                }
            }
        }
    }
    found.filter(|_| cursor.is_at_end())
}

/// The frame of the same method with U+FFFD in place of what is not UTF-8.
pub(super) fn replacement(head: Head, payload: &[u8], fields: &[Field]) -> Option<Vec<u8>> {
    let mut replaced = payload.get(..ID)?.to_vec();
    let mut cursor = Cursor::new(payload.get(ID..)?);
    for field in fields {
        match field {
            Bytes(count) => replaced.extend(cursor.take(*count)?),
            Text(_) => {
                let text = String::from_utf8_lossy(cursor.short_string()?);
                let cut = text.floor_char_boundary(MAX_SHORT_STRING);
                replaced.push(u8::try_from(cut).ok()?);
                replaced.extend(&text.as_bytes()[..cut]);
            }
        }
    }
    frame::write(head.kind, head.channel, &replaced)
}
