//! Reads one JSON object field by field, so that an error can name its field.
//!
//! The values stay raw text until the code that knows the field reads them. So a number that fits
//! no integer type, such as `1e400`, is an error of its field and not of "line 1 column 73".

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::characters::is_invisible;
use super::limits::{MAX_BODY_BYTES, MAX_FIELDS, MAX_NESTING};
use super::rejection::{Rejection, RejectionCode};

/// The maximum length of text from a message that an error repeats, in characters.
const MAX_PRINTED: usize = 60;

/// RFC 8259 forbids a byte order mark in JSON that is sent.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The fields of the body, in the order in which they were sent. No name occurs twice.
pub(crate) type RawFields<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// Reads the top-level object of a body. The checks that need no parser come first.
pub(crate) fn read_object(body: &[u8]) -> Result<RawFields<'_>, Rejection> {
    if body.len() > MAX_BODY_BYTES {
        let message = format!(
            "the body must be at most {MAX_BODY_BYTES} bytes long, got {}",
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
                    "the body must be one JSON object, got {}",
                    found(text.trim_ascii())
                ),
            ),
            Err(error) => not_json(&error.to_string()),
        });
    }
    let Object { fields, count } =
        serde_json::from_str(text).map_err(|error| not_json(&error.to_string()))?;
    if count > MAX_FIELDS {
        let message = format!("the body must have at most {MAX_FIELDS} fields, got {count}");
        return Err(Rejection::of_body(RejectionCode::TooMany, message));
    }
    let mut names = HashSet::with_capacity(fields.len());
    for (name, _) in &fields {
        if !names.insert(name.as_ref()) {
            let message = format!(
                "`{}` occurs twice; each field must occur at most once",
                printable(name)
            );
            return Err(Rejection::of_field(
                RejectionCode::DuplicateField,
                &printable(name),
                message,
            ));
        }
    }
    Ok(fields)
}

fn not_json(reason: &str) -> Rejection {
    Rejection::of_body(
        RejectionCode::NotJson,
        format!("the body must be one JSON object, but it is not JSON ({reason})"),
    )
}

fn too_deep(field: Option<&str>) -> Rejection {
    let subject = field.map_or_else(|| "the body".to_owned(), |field| format!("`{field}`"));
    let message =
        format!("{subject} must be nested at most {MAX_NESTING} levels deep, including the body");
    Rejection {
        code: RejectionCode::TooDeep,
        message,
        field: field.map(str::to_owned),
    }
}

/// Checks the nesting of brackets outside of strings. If it is too deep, the error is the top-level
/// field in which this happened, if there is one.
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
                        .map(|s: String| printable(&s)));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// A raw value as an error may repeat it: shortened, and without invisible characters.
pub(crate) fn found(raw: &str) -> String {
    match raw.as_bytes().first() {
        Some(b'{') => "an object".to_owned(),
        Some(b'[') => "an array".to_owned(),
        _ => printable(raw),
    }
}

/// A text in quotes, as an error may repeat it.
pub(crate) fn found_text(text: &str) -> String {
    format!("\"{}\"", printable(text))
}

/// Text from a message, shortened, with invisible characters escaped.
pub(crate) fn printable(text: &str) -> String {
    let mut printable = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == MAX_PRINTED {
            printable.push('…');
            break;
        }
        if is_invisible(character) {
            printable.extend(character.escape_unicode());
        } else {
            printable.push(character);
        }
    }
    printable
}

struct Object<'a> {
    /// At most [`MAX_FIELDS`].
    fields: RawFields<'a>,
    /// The number of fields in the body.
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

/// A field name. It is borrowed from the body unless it contains escapes.
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
