//! The methods that contain texts of other parties: names and routing keys of messages, and the
//! error texts of the broker, which it cuts to 255 bytes even within a character.

use super::frame::{self, Cursor, Head};
use super::unreadable::Unreadable;

/// The maximum frame length of these methods. Their fixed fields and three short strings need less.
pub(super) const LONGEST: u64 = 1024;
/// The maximum length of a short string, in bytes.
const MAX_SHORT_STRING: usize = 255;
/// The length of class and method, two bytes each.
pub(super) const ID: usize = 4;
/// `connection.tune`.
pub(super) const TUNE: (u16, u16) = (10, 30);

/// A field of a method.
pub(super) enum Field {
    /// This number of bytes, which are not inspected.
    Bytes(usize),
    /// A short string, with the name of the field.
    Text(&'static str),
}
use Field::{Bytes, Text};

const TAG: Field = Text("the consumer tag");
const EXCHANGE: Field = Text("the exchange");
const ROUTING_KEY: Field = Text("the routing key");
const REPLY_TEXT: Field = Text("the reply text");

/// The fields of a method. `None` if it contains no texts of other parties.
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

/// The class and method of a payload.
pub(super) fn id(payload: &[u8]) -> Option<(u16, u16)> {
    let mut cursor = Cursor::new(payload);
    Some((cursor.short()?, cursor.short()?))
}

/// The first text that is not UTF-8. Also `None` if the payload does not fit the method, because
/// then the library rejects it.
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

/// The frame of the same method with U+FFFD in place of bytes that are not UTF-8.
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
