//! Decodes the commands `hold`, `capture` and `release`.

use scrip_types::{Late, Overrun};
use serde_json::value::RawValue;

use super::COMMON;
use super::fields::{Fields, boolean, credits, read_instant, seconds, text};
use crate::contract::{
    command::Body,
    holds::{Capture, Hold, Release},
    json::found_text,
    rejection::Rejection,
};

const OVERRUNS: &str = "\"spend\", \"cap\" or \"reject\"";
const LATES: &str = "\"consume\" or \"reject\"";

pub(super) fn hold(fields: &Fields<'_>) -> Result<Body, Rejection> {
    fields.allow(
        &COMMON,
        &[
            "service",
            "amount",
            "quantity",
            "expiresAt",
            "expiresInSeconds",
        ],
    )?;
    Ok(Body::Hold(Hold {
        service: fields.id("service")?,
        amount: fields.optional("amount", credits)?,
        quantity: fields.optional("quantity", credits)?,
        expires_at: fields.optional("expiresAt", read_instant)?,
        expires_in_seconds: fields.optional("expiresInSeconds", seconds)?,
    }))
}

pub(super) fn capture(fields: &Fields<'_>) -> Result<Body, Rejection> {
    fields.allow(
        &COMMON,
        &["hold", "amount", "quantity", "final", "overrun", "late"],
    )?;
    Ok(Body::Capture(Capture {
        hold: fields.id("hold")?,
        amount: fields.optional("amount", credits)?,
        quantity: fields.optional("quantity", credits)?,
        is_final: fields.optional("final", boolean)?,
        overrun: fields.optional("overrun", |name, raw| word::<Overrun>(name, raw, OVERRUNS))?,
        late: fields.optional("late", |name, raw| word::<Late>(name, raw, LATES))?,
    }))
}

pub(super) fn release(fields: &Fields<'_>) -> Result<Body, Rejection> {
    fields.allow(&COMMON, &["hold"])?;
    Ok(Body::Release(Release {
        hold: fields.id("hold")?,
    }))
}

fn word<T: std::str::FromStr>(field: &str, raw: &RawValue, allowed: &str) -> Result<T, Rejection> {
    let word = text(field, raw, allowed)?;
    word.parse()
        .map_err(|_| Rejection::invalid(field, found_text(&word), allowed))
}
