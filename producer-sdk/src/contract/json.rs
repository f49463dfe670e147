//! Reading one JSON object field by field, so that whatever is wrong can be said about the field it is wrong in.
//!
//! The values stay raw text until somebody who knows the field's name looks at them: a number that no integer type
//! holds, `1e400` say, is then an error of its field and not of "line 1 column 73".

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::limits::{MAX_BODY_BYTES, MAX_FIELDS, MAX_NESTING, is_invisible};
use super::rejection::{Rejection, RejectionCode};

/// Longest piece of foreign text that a message repeats, in characters.
const SHOWN: usize = 60;

/// RFC 8259 allows no byte order mark in JSON that is sent.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The fields of the body, in the order they were sent, no name twice.
pub(crate) type RawFields<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// Read the top-level object of a body, after the checks that need no parser.
pub(crate) fn read_object(body: &[u8]) -> Result<RawFields<'_>, Rejection> {
    if body.len() > MAX_BODY_BYTES {
        let message = format!(
            "the body is {} bytes long; allowed is at most {MAX_BODY_BYTES}",
            body.len()
        );
        return Err(Rejection::of_body(RejectionCode::TooLarge, message));
    }
    let text = std::str::from_utf8(body).map_err(|error| not_json(&format!("{error}")))?;
    if text.starts_with(BYTE_ORDER_MARK) {
        return Err(not_json("it begins with a byte order mark, U+FEFF"));
    }
    nesting(text, MAX_NESTING).map_err(|field| too_deep(field.as_deref()))?;
    if !text.trim_ascii_start().starts_with('{') {
        return Err(match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) => Rejection::of_body(
                RejectionCode::NotAnObject,
                format!(
                    "the body is {}; allowed is one JSON object",
                    found(text.trim_ascii())
                ),
            ),
            Err(error) => not_json(&error.to_string()),
        });
    }
    let Object { fields, count } =
        serde_json::from_str(text).map_err(|error| not_json(&error.to_string()))?;
    if count > MAX_FIELDS {
        let message = format!("the body has {count} fields; allowed are at most {MAX_FIELDS}");
        return Err(Rejection::of_body(RejectionCode::TooMany, message));
    }
    let mut names = HashSet::with_capacity(fields.len());
    for (name, _) in &fields {
        if !names.insert(name.as_ref()) {
            let message = format!("`{}` is given twice; allowed is each field once", shown(name));
            return Err(Rejection::of_field(
                RejectionCode::DuplicateField,
                &shown(name),
                message,
            ));
        }
    }
    Ok(fields)
}

fn not_json(why: &str) -> Rejection {
    Rejection::of_body(
        RejectionCode::NotJson,
        format!("the body is not JSON ({why}); allowed is one JSON object"),
    )
}

fn too_deep(field: Option<&str>) -> Rejection {
    let subject = field.map_or_else(|| "the body".to_owned(), |field| format!("`{field}`"));
    let message =
        format!("{subject} is nested too deep; allowed are at most {MAX_NESTING} levels, the body included");
    Rejection {
        code: RejectionCode::TooDeep,
        message,
        field: field.map(str::to_owned),
    }
}

/// Walk over brackets outside of strings. Too deep: the top-level field it happened in, where there is one.
pub(crate) fn nesting(text: &str, allowed: usize) -> Result<(), Option<String>> {
    let mut depth = 0_usize;
    let mut in_object = false;
    let mut string_start = None;
    let mut last_key = None;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        if let Some(start) = string_start {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    if depth == 1 {
                        last_key = text.get(start..=at);
                    }
                    string_start = None;
                }
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => string_start = Some(at),
            b'{' | b'[' => {
                if depth == 0 {
                    in_object = byte == b'{';
                }
                depth += 1;
                if depth > allowed {
                    let name = last_key.filter(|_| in_object);
                    return Err(name
                        .and_then(|raw| serde_json::from_str(raw).ok())
                        .map(|s: String| shown(&s)));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// A raw value as a message may repeat it: short, and with nothing invisible in it.
pub(crate) fn found(raw: &str) -> String {
    match raw.as_bytes().first() {
        Some(b'{') => "an object".to_owned(),
        Some(b'[') => "an array".to_owned(),
        _ => shown(raw),
    }
}

/// A text in quotes as a message may repeat it.
pub(crate) fn found_text(text: &str) -> String {
    format!("\"{}\"", shown(text))
}

/// Foreign text, shortened, control and format characters escaped.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == SHOWN {
            shown.push('…');
            break;
        }
        if is_invisible(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

struct Object<'a> {
    /// At most [`MAX_FIELDS`].
    fields: RawFields<'a>,
    /// How many there were.
    count: usize,
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::with_capacity(8);
        let mut count = 0;
        while let Some(Key(key)) = map.next_key()? {
            let value = map.next_value()?;
            count += 1;
            if count <= MAX_FIELDS {
                fields.push((key, value));
            }
        }
        Ok(Object { fields, count })
    }
}

/// A field name, borrowed from the body unless it has escapes in it.
pub(crate) struct Key<'a>(pub(crate) Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Key(Cow::Borrowed(name)))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Key(Cow::Owned(name.to_owned())))
    }
}
