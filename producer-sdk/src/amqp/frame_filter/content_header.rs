//! Content headers: checks whether the library can parse one, and creates the replacement.
//!
//! The validator accepts exactly what amq-protocol 10.6.3 accepts, up to [`MAX_NESTING`] levels of
//! tables and arrays. The library parses them recursively, so a frame full of nested tables
//! overflows its stack.

use super::frame::{self, Cursor};
use super::unreadable::{MAX_NESTING, Unreadable};
use crate::contract::headers::UNREADABLE;

/// Length of the fixed part: class (2 bytes), weight (2) and body size (8).
pub(super) const FIXED: usize = 12;
/// The shortest payload: the fixed part and the property flags.
pub(super) const SHORTEST: u32 = 14;

const HAS_HEADERS: u16 = 1 << 13;
const HAS_USER_ID: u16 = 1 << 4;
const LONG_STRING: u8 = b'S';

/// The encoding of a property.
pub(super) enum Kind {
    ShortString,
    Table,
    Bytes(usize),
}
use Kind::{Bytes, ShortString, Table};

/// All properties, in the order of the flags from the highest bit.
pub(super) const PROPERTIES: [(&str, Kind); 14] = [
    ("the property `content_type`", ShortString),
    ("the property `content_encoding`", ShortString),
    ("the property `headers`", Table),
    ("the property `delivery_mode`", Bytes(1)),
    ("the property `priority`", Bytes(1)),
    ("the property `correlation_id`", ShortString),
    ("the property `reply_to`", ShortString),
    ("the property `expiration`", ShortString),
    ("the property `message_id`", ShortString),
    ("the property `timestamp`", Bytes(8)),
    ("the property `type`", ShortString),
    ("the property `user_id`", ShortString),
    ("the property `app_id`", ShortString),
    ("the property `cluster_id`", ShortString),
];
const VALUE: &str = "a value in the headers";
const KEY: &str = "a key in the headers";

/// Checks whether the library can parse the payload of a content header frame.
pub(super) fn check(payload: &[u8]) -> Result<(), Unreadable> {
    let mut cursor = Cursor::new(payload);
    let cut_off = |what| Unreadable::CutOff { what };
    let flags = cursor
        .take(FIXED)
        .and_then(|_| cursor.short())
        .ok_or(cut_off("the fixed part"))?;
    for (number, (what, kind)) in PROPERTIES.iter().enumerate() {
        if flags & (0x8000 >> number) == 0 {
            continue;
        }
        match kind {
            ShortString => short_string(&mut cursor, what)?,
            Table => table(cursor.long_string().ok_or(cut_off(what))?, 1)?,
            Bytes(count) => drop(cursor.take(*count).ok_or(cut_off(what))?),
        }
    }
    match cursor.rest().len() {
        0 => Ok(()),
        count => Err(Unreadable::TrailingBytes(count)),
    }
}

fn short_string(cursor: &mut Cursor<'_>, what: &'static str) -> Result<(), Unreadable> {
    let text = cursor.short_string().ok_or(Unreadable::CutOff { what })?;
    match std::str::from_utf8(text) {
        Ok(_) => Ok(()),
        Err(_) => Err(Unreadable::not_utf8(what, text)),
    }
}

fn table(bytes: &[u8], level: u32) -> Result<(), Unreadable> {
    let mut cursor = Cursor::new(bytes);
    while !cursor.is_at_end() {
        short_string(&mut cursor, KEY)?;
        value(&mut cursor, level)?;
    }
    Ok(())
}

fn array(bytes: &[u8], level: u32) -> Result<(), Unreadable> {
    let mut cursor = Cursor::new(bytes);
    while !cursor.is_at_end() {
        value(&mut cursor, level)?;
    }
    Ok(())
}

/// Checks one typed value in a table or array of this level.
fn value(cursor: &mut Cursor<'_>, level: u32) -> Result<(), Unreadable> {
    let cut_off = Unreadable::CutOff { what: VALUE };
    let Some(kind) = cursor.byte() else {
        return Err(cut_off);
    };
    let length = match kind {
        b'V' => 0,
        b't' | b'b' | b'B' => 1,
        b's' | b'U' | b'u' => 2,
        b'I' | b'i' | b'f' => 4,
        b'D' => 5,
        b'L' | b'l' | b'd' | b'T' => 8,
        b'S' | b'x' => return cursor.long_string().map(drop).ok_or(cut_off),
        b'A' | b'F' => {
            let within = cursor.long_string().ok_or(cut_off)?;
            return match (level < MAX_NESTING, kind) {
                (false, _) => Err(Unreadable::TooDeep),
                (true, b'A') => array(within, level + 1),
                (true, _) => table(within, level + 1),
            };
        }
        unknown => return Err(Unreadable::FieldType(unknown)),
    };
    cursor.take(length).map(drop).ok_or(cut_off)
}

/// A replacement frame for a content header with the same body. Its properties are a header with
/// the reason, and the sender if it is known.
///
/// `payload` is the payload of the original, or at least its fixed part.
pub(super) fn replacement(
    channel: u16,
    payload: &[u8],
    length: u64,
    reason: &Unreadable,
    user_id: Option<&str>,
) -> Option<Vec<u8>> {
    let fixed = payload.get(..FIXED)?;
    let text = format!("{reason} (the frame of the properties had {length} bytes)");
    let table = [
        &[u8::try_from(UNREADABLE.len()).ok()?][..],
        UNREADABLE.as_bytes(),
        &[LONG_STRING],
        &u32::try_from(text.len()).ok()?.to_be_bytes(),
        text.as_bytes(),
    ]
    .concat();
    let size = u32::try_from(table.len()).ok()?.to_be_bytes();
    let mut flags = HAS_HEADERS;
    let mut properties = [&size[..], &table].concat();
    if let Some(user_id) = user_id {
        flags |= HAS_USER_ID;
        properties.push(u8::try_from(user_id.len()).ok()?);
        properties.extend(user_id.as_bytes());
    }
    let payload = [fixed, &flags.to_be_bytes(), &properties].concat();
    frame::write(frame::HEADER, channel, &payload)
}
