//! The fields of a message: their values, and the rejection of unknown and missing ones.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use strsim::levenshtein;

use crate::contract::{
    checks::{self, ID, INSTANT, whole_number},
    instant,
    json::{found, found_text, printable},
    limits::{MAX_AMOUNT, MAX_HOLD_SECONDS, MAX_UNITS, MAX_VALIDITY_DAYS},
    query::MAX_PAGE_SIZE,
    rejection::{Rejection, RejectionCode},
};

/// The fields of one message, and the name of its kind.
pub(super) struct Fields<'a> {
    pub(super) kind: &'static str,
    pub(super) object: &'a [(Cow<'a, str>, &'a RawValue)],
}

impl<'a> Fields<'a> {
    pub(super) fn raw(&self, name: &str) -> Option<&'a RawValue> {
        self.object
            .iter()
            .find(|(given, _)| given == name)
            .map(|(_, raw)| *raw)
    }

    pub(super) fn missing(&self, name: &str, allowed: &str) -> Rejection {
        Rejection::missing(name, self.kind, allowed)
    }

    pub(super) fn optional<T>(
        &self,
        name: &str,
        read: impl Fn(&str, &RawValue) -> Result<T, Rejection>,
    ) -> Result<Option<T>, Rejection> {
        self.raw(name).map(|raw| read(name, raw)).transpose()
    }

    pub(super) fn required<T>(
        &self,
        name: &str,
        allowed: &str,
        read: impl Fn(&str, &RawValue) -> Result<T, Rejection>,
    ) -> Result<T, Rejection> {
        self.optional(name, read)?
            .ok_or_else(|| self.missing(name, allowed))
    }

    pub(super) fn id(&self, name: &str) -> Result<String, Rejection> {
        let raw = self.raw(name).ok_or_else(|| self.missing(name, ID))?;
        text(name, raw, ID)
    }

    /// Rejects a field that is in neither list.
    pub(super) fn allow(&self, common: &[&str], own: &[&str]) -> Result<(), Rejection> {
        let known = |name: &str| common.contains(&name) || own.contains(&name);
        let Some((name, _)) = self.object.iter().find(|(name, _)| !known(name)) else {
            return Ok(());
        };
        let allowed = [common, own].concat();
        let message = format!(
            "`{}` is not a field of this `{}`{}; allowed are {}",
            printable(name),
            self.kind,
            hint(name, &allowed),
            list(&allowed, '`')
        );
        Err(Rejection::of_field(
            RejectionCode::UnknownField,
            &printable(name),
            message,
        ))
    }
}

pub(super) fn text(field: &str, raw: &RawValue, allowed: &str) -> Result<String, Rejection> {
    serde_json::from_str(raw.get())
        .map_err(|_| Rejection::invalid(field, found(raw.get()), allowed))
}

fn integer(field: &str, raw: &RawValue, max: i64) -> Result<i64, Rejection> {
    let value: i64 = serde_json::from_str(raw.get())
        .map_err(|_| Rejection::invalid(field, found(raw.get()), whole_number(1, max)))?;
    checks::range(field, value, max)?;
    Ok(value)
}

pub(super) fn page_index(field: &str, raw: &RawValue) -> Result<u32, Rejection> {
    let allowed = "a whole number from 0";
    serde_json::from_str(raw.get())
        .map_err(|_| Rejection::invalid(field, found(raw.get()), allowed))
}

pub(super) fn page_size(field: &str, raw: &RawValue) -> Result<u32, Rejection> {
    let size = integer(field, raw, MAX_PAGE_SIZE.into())?;
    Ok(u32::try_from(size).unwrap_or(MAX_PAGE_SIZE))
}

pub(super) fn boolean(field: &str, raw: &RawValue) -> Result<bool, Rejection> {
    serde_json::from_str(raw.get())
        .map_err(|_| Rejection::invalid(field, found(raw.get()), "true or false"))
}

pub(super) fn credits(field: &str, raw: &RawValue) -> Result<i64, Rejection> {
    integer(field, raw, MAX_AMOUNT)
}

pub(super) fn units(field: &str, raw: &RawValue) -> Result<i64, Rejection> {
    integer(field, raw, MAX_UNITS)
}

pub(super) fn days(field: &str, raw: &RawValue) -> Result<i64, Rejection> {
    integer(field, raw, MAX_VALIDITY_DAYS)
}

pub(super) fn seconds(field: &str, raw: &RawValue) -> Result<i64, Rejection> {
    integer(field, raw, MAX_HOLD_SECONDS)
}

pub(super) fn read_instant(field: &str, raw: &RawValue) -> Result<DateTime<Utc>, Rejection> {
    let text = text(field, raw, INSTANT)?;
    instant::parse(&text).ok_or_else(|| Rejection::invalid(field, found_text(&text), INSTANT))
}

pub(super) fn list(names: &[&str], quote: char) -> String {
    names
        .iter()
        .map(|name| format!("{quote}{name}{quote}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// " (did you mean …?)", if a known name is similar enough to be meant.
pub(super) fn hint(name: &str, known: &[&str]) -> String {
    let plain = |name: &str| name.replace(['_', '-'], "").to_lowercase();
    if name.chars().count() > 40 {
        return String::new();
    }
    let name = plain(name);
    known
        .iter()
        .map(|candidate| (levenshtein(&name, &plain(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len() / 3)
        .min()
        .map_or_else(String::new, |(_, candidate)| {
            format!(" (did you mean `{candidate}`?)")
        })
}
