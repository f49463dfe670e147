//! Checks of single values, with the text that each rejection uses. Reading and writing share
//! them.

use chrono::{DateTime, Datelike, Utc};
use serde_json::value::RawValue;

use super::characters::{CONTROLLING, is_in, is_invisible};
use super::json::{found_text, nesting};
use super::limits::{
    MAX_DESCRIPTION_BYTES, MAX_ID_BYTES, MAX_METADATA_BYTES, MAX_METADATA_VALUES, MAX_NESTING,
};
use super::metadata::Contents;
use super::rejection::{Rejection, RejectionCode};

const YEARS: std::ops::RangeInclusive<i32> = 1970..=2999;

pub(crate) const ID: &str = "a string of 1 to 200 bytes of visible characters, without control, \
     format, ignorable, private-use, unassigned, blank or separator characters (spaces are \
     allowed inside)";
pub(crate) const KNOWN_ID: &str =
    "a string of 1 to 200 bytes without control or format characters and without outer white space";

/// Checks a new id: each character must be visible.
pub(crate) fn id(field: &str, text: &str) -> Result<(), Rejection> {
    check_id(field, text, ID, is_invisible)
}

/// Checks an id that may be older than the rule for new ids: an id in a query or in one of the
/// worker's own commands.
pub(crate) fn known_id(field: &str, text: &str) -> Result<(), Rejection> {
    check_id(field, text, KNOWN_ID, |character| {
        is_in(CONTROLLING, character)
    })
}

fn check_id(
    field: &str,
    text: &str,
    allowed: &str,
    forbidden: fn(char) -> bool,
) -> Result<(), Rejection> {
    let invalid = |what: String| Err(Rejection::invalid(field, what, allowed));
    if text.is_empty() {
        return invalid("an empty string".to_owned());
    }
    if text.len() > MAX_ID_BYTES {
        return invalid(format!("{} bytes", text.len()));
    }
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    if let Some(character) = text.chars().find(|character| forbidden(*character)) {
        return invalid(format!(
            "{} with U+{:04X}",
            found_text(text),
            u32::from(character)
        ));
    }
    if text.trim() != text {
        return invalid(format!("{} with outer white space", found_text(text)));
    }
    Ok(())
}

/// The maximum length of a reference of the worker's own commands, in bytes. These references
/// contain ids.
const MAX_INTERNAL_BYTES: usize = 255;
/// The maximum length of `free:` followed by a user id, in bytes.
const MAX_FREE_BYTES: usize = MAX_ID_BYTES + 5;

pub(crate) fn internal_reference(text: &str) -> Result<(), Rejection> {
    wrapping("referenceId", text, MAX_INTERNAL_BYTES)
}

pub(crate) fn internal_subscription(text: &str) -> Result<(), Rejection> {
    wrapping("subscriptionId", text, MAX_FREE_BYTES)
}

/// Checks an id that may be longer because it contains another id.
fn wrapping(field: &str, text: &str, max: usize) -> Result<(), Rejection> {
    if text.len() <= MAX_ID_BYTES || text.len() > max {
        return known_id(field, text);
    }
    let cut = (0..=MAX_ID_BYTES)
        .rev()
        .find(|at| text.is_char_boundary(*at));
    let (head, tail) = text.split_at(cut.unwrap_or(0));
    known_id(field, head.trim_end()).and_then(|()| known_id(field, tail.trim_start()))
}

pub(crate) fn whole_number(min: i64, max: i64) -> String {
    format!("a whole number from {min} to {max}")
}

pub(crate) fn range(field: &str, value: i64, max: i64) -> Result<(), Rejection> {
    if (1..=max).contains(&value) {
        return Ok(());
    }
    Err(Rejection::invalid(field, value, whole_number(1, max)))
}

pub(crate) const DESCRIPTION: &str = "a string of at most 1024 bytes without U+0000";

pub(crate) fn description(text: &str) -> Result<(), Rejection> {
    if text.len() > MAX_DESCRIPTION_BYTES {
        return Err(Rejection::invalid(
            "description",
            format!("{} bytes", text.len()),
            DESCRIPTION,
        ));
    }
    if text.contains('\0') {
        let found = format!("{} with U+0000", found_text(text));
        return Err(Rejection::invalid("description", found, DESCRIPTION));
    }
    Ok(())
}

pub(crate) const CURRENCY: &str = "three upper-case ASCII letters, such as \"USD\"";

pub(crate) fn currency(text: &str) -> Result<(), Rejection> {
    if text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Ok(());
    }
    Err(Rejection::invalid("currency", found_text(text), CURRENCY))
}

pub(crate) const INSTANT: &str = "an RFC 3339 date and time with offset, of the years 1970 to \
     2999, such as \"2026-11-22T10:00:00Z\"";

pub(crate) fn instant(field: &str, at: DateTime<Utc>) -> Result<(), Rejection> {
    if YEARS.contains(&at.year()) {
        return Ok(());
    }
    Err(Rejection::invalid(
        field,
        format!("the year {}", at.year()),
        INSTANT,
    ))
}

pub(crate) fn traceparent(text: &str) -> Result<(), Rejection> {
    if !text.is_empty() && text.len() <= 255 && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    let allowed = "1 to 255 printable ASCII characters without spaces";
    Err(Rejection::invalid("traceparent", found_text(text), allowed))
}

const METADATA: &str = "a JSON object of at most 4096 bytes and 256 values, nested at most 31 \
     deep, without U+0000 in any key or string, and with each key once in its object";

pub(crate) fn metadata(raw: &RawValue) -> Result<(), Rejection> {
    let text = raw.get();
    let invalid = |what: String| Err(Rejection::invalid("metadata", what, METADATA));
    if !text.starts_with('{') {
        return invalid(super::json::found(text));
    }
    if text.len() > MAX_METADATA_BYTES {
        return invalid(format!("{} bytes", text.len()));
    }
    if nesting(text, MAX_NESTING - 1).is_err() {
        let message = format!("`metadata` is nested too deep; it must be {METADATA}");
        return Err(Rejection::of_field(
            RejectionCode::TooDeep,
            "metadata",
            message,
        ));
    }
    let contents = match Contents::from_json(text) {
        Ok(contents) => contents,
        Err(error) => return invalid(format!("a value that cannot be stored ({error})")),
    };
    if let Some(key) = contents.duplicate {
        let message = format!(
            "`metadata` has the key {} twice; it must be {METADATA}",
            found_text(&key)
        );
        return Err(Rejection::of_field(
            RejectionCode::DuplicateField,
            "metadata",
            message,
        ));
    }
    if contents.values > MAX_METADATA_VALUES {
        let message = format!(
            "`metadata` must be {METADATA}, got {} values",
            contents.values
        );
        return Err(Rejection::of_field(
            RejectionCode::TooMany,
            "metadata",
            message,
        ));
    }
    if contents.holds_nul {
        return invalid("an object with U+0000".to_owned());
    }
    Ok(())
}
