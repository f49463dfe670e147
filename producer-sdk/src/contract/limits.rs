//! The limits of single values, with the sentence that each rejection uses. One place for reading
//! and for writing.

use chrono::{DateTime, Datelike, Utc};
use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup},
};
use serde_json::value::RawValue;

use super::json::{found_text, nesting};
use super::metadata::Contents;
use super::rejection::{Rejection, RejectionCode};

/// Largest body, in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
/// Most fields in a body. No message has as many; it spares the worker from looking at thousands.
pub const MAX_FIELDS: usize = 64;
/// Most values in `metadata`: those of all its objects and arrays together.
pub const MAX_METADATA_VALUES: usize = 256;
/// Largest `metadata`, in bytes of JSON as sent.
pub const MAX_METADATA_BYTES: usize = 4 * 1024;
/// Deepest nesting of objects and arrays; the body itself is level 1.
pub const MAX_NESTING: usize = 32;
/// Longest id, in bytes of UTF-8.
pub const MAX_ID_BYTES: usize = 200;
/// Longest `description`, in bytes of UTF-8.
pub const MAX_DESCRIPTION_BYTES: usize = 1024;
/// Largest amount of credits, and largest quantity, in one command.
pub const MAX_AMOUNT: i64 = 1_000_000_000_000_000;
/// Longest validity of a batch, in days.
pub const MAX_VALIDITY_DAYS: i64 = 36_500;

const YEARS: std::ops::RangeInclusive<i32> = 1970..=2999;

/// Control and format characters.
const CONTROLLING: GeneralCategoryGroup = GeneralCategoryGroup::Control.union(GeneralCategoryGroup::Format);
/// General categories of what has no shape of its own: control and format characters, surrogates, private use, and what
/// is not assigned, which noncharacters never are.
const UNSEEN: GeneralCategoryGroup = GeneralCategoryGroup::Other;
/// Symbols without a shape: the blank pattern of Braille, and the place of an object that is not there.
const BLANK: [char; 2] = ['\u{2800}', '\u{fffc}'];
/// Spaces and separators of lines and paragraphs.
const SEPARATOR: GeneralCategoryGroup = GeneralCategoryGroup::Separator;

fn is_in(group: GeneralCategoryGroup, character: char) -> bool {
    group.contains(CodePointMapData::<GeneralCategory>::new().get(character))
}

/// Whether a character cannot be seen, or not be told from a space: control and format characters,
/// those that are to be ignored where they are not understood, those without a shape that all readers
/// know (private use, not assigned), two blank symbols, and every separator but the space itself.
pub fn is_invisible(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    is_in(UNSEEN.union(SEPARATOR), character)
        || BLANK.contains(&character)
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
}

pub(crate) const ID: &str = "a string of 1 to 200 bytes of characters that can be seen, without control, format, ignorable, \
     private-use, unassigned, blank and separator characters (spaces may be inside)";
pub(crate) const KNOWN_ID: &str =
    "a string of 1 to 200 bytes without control or format characters and without outer white space";

/// An id of something new: each character can be seen.
pub(crate) fn id(field: &str, text: &str) -> Result<(), Rejection> {
    check_id(field, text, ID, is_invisible)
}

/// An id of something that may be older than the rule for new ones: what a query asks about, and
/// what the worker's own commands are about.
pub(crate) fn known_id(field: &str, text: &str) -> Result<(), Rejection> {
    check_id(field, text, KNOWN_ID, |character| is_in(CONTROLLING, character))
}

fn check_id(field: &str, text: &str, allowed: &str, forbidden: fn(char) -> bool) -> Result<(), Rejection> {
    let invalid = |what: String| Err(Rejection::invalid(field, what, allowed));
    if text.is_empty() {
        return invalid("empty".to_owned());
    }
    if text.len() > MAX_ID_BYTES {
        return invalid(format!("{} bytes long", text.len()));
    }
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    if let Some(character) = text.chars().find(|character| forbidden(*character)) {
        return invalid(format!(
            "{} with U+{:04X} in it",
            found_text(text),
            u32::from(character)
        ));
    }
    if text.trim() != text {
        return invalid(format!("{} with outer white space", found_text(text)));
    }
    Ok(())
}

/// Longest reference of the worker's own commands, in bytes: they wrap ids.
const MAX_INTERNAL_BYTES: usize = 255;
/// `free:` and a user.
const MAX_FREE_BYTES: usize = MAX_ID_BYTES + 5;

pub(crate) fn internal_reference(text: &str) -> Result<(), Rejection> {
    wrapping("referenceId", text, MAX_INTERNAL_BYTES)
}

pub(crate) fn internal_subscription(text: &str) -> Result<(), Rejection> {
    wrapping("subscriptionId", text, MAX_FREE_BYTES)
}

/// An id that may be longer because it wraps another one.
fn wrapping(field: &str, text: &str, max: usize) -> Result<(), Rejection> {
    if text.len() <= MAX_ID_BYTES || text.len() > max {
        return known_id(field, text);
    }
    let cut = (0..=MAX_ID_BYTES).rev().find(|at| text.is_char_boundary(*at));
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
            format!("{} bytes long", text.len()),
            DESCRIPTION,
        ));
    }
    if text.contains('\0') {
        let found = format!("{} with U+0000 in it", found_text(text));
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

pub(crate) const INSTANT: &str =
    "an RFC 3339 date and time with offset, of the years 1970 to 2999, such as \"2026-11-22T10:00:00Z\"";

pub(crate) fn instant(field: &str, at: DateTime<Utc>) -> Result<(), Rejection> {
    if YEARS.contains(&at.year()) {
        return Ok(());
    }
    Err(Rejection::invalid(
        field,
        format!("in the year {}", at.year()),
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

const METADATA: &str = "a JSON object of at most 4096 bytes and 256 values, nested at most 31 deep, without U+0000 in any key or string, and with each key once in its object";

pub(crate) fn metadata(raw: &RawValue) -> Result<(), Rejection> {
    let text = raw.get();
    let invalid = |what: String| Err(Rejection::invalid("metadata", what, METADATA));
    if !text.starts_with('{') {
        return invalid(super::json::found(text));
    }
    if text.len() > MAX_METADATA_BYTES {
        return invalid(format!("{} bytes long", text.len()));
    }
    if nesting(text, MAX_NESTING - 1).is_err() {
        let message = format!("`metadata` is nested too deep; allowed is {METADATA}");
        return Err(Rejection::of_field(RejectionCode::TooDeep, "metadata", message));
    }
    let contents = match Contents::from_json(text) {
        Ok(contents) => contents,
        Err(error) => return invalid(format!("not storable ({error})")),
    };
    if let Some(key) = contents.duplicate {
        let message = format!(
            "`metadata` has the key {} twice; allowed is {METADATA}",
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
            "`metadata` is an object that holds {} values; allowed is {METADATA}",
            contents.values
        );
        return Err(Rejection::of_field(RejectionCode::TooMany, "metadata", message));
    }
    if contents.holds_nul {
        return invalid("an object with U+0000 in it".to_owned());
    }
    Ok(())
}
