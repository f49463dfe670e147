//! Decodes the commands `revoke`, `reinstate` and `forgive`.

use scrip_types::{RevokeExtent, RevokeTarget};
use serde_json::value::RawValue;

use super::COMMON;
use super::fields::{Fields, credits, text};
use crate::contract::{
    checks::ID,
    command::Body,
    money::AMOUNT_PAID,
    rejection::{Rejection, RejectionCode},
    revoke::{self, Forgive, Reinstate, Revoke, SHARE},
};

const EXTENTS: [&str; 3] = ["amount", "share", "amountRefunded"];

pub(super) fn revoke(fields: &Fields<'_>) -> Result<Body, Rejection> {
    let targets = ["of", "purchaseId", "purchaseLine"];
    fields.allow(&COMMON, &[&targets[..], &EXTENTS[..]].concat())?;
    let target = target(fields)?;
    let mut given = EXTENTS
        .into_iter()
        .filter(|field| fields.raw(field).is_some());
    let first = given.next();
    if let (Some(first), Some(second)) = (first, given.next()) {
        return Err(Rejection::not_with(second, first));
    }
    let share = |name: &str, raw: &RawValue| revoke::share(&text(name, raw, SHARE)?);
    let refunded =
        |name: &str, raw: &RawValue| revoke::amount_refunded(&text(name, raw, AMOUNT_PAID)?);
    let amount = fields.optional("amount", credits)?;
    let share = fields.optional("share", share)?;
    let refunded = fields.optional("amountRefunded", refunded)?;
    let extent = amount
        .map(RevokeExtent::Amount)
        .or(share.map(RevokeExtent::Share))
        .or(refunded.map(RevokeExtent::AmountRefunded));
    Ok(Body::Revoke(Revoke {
        target,
        extent: extent.unwrap_or(RevokeExtent::All),
    }))
}

fn target(fields: &Fields<'_>) -> Result<RevokeTarget, Rejection> {
    let has = |name: &str| fields.raw(name).is_some();
    if has("of") {
        let payment = ["purchaseId", "purchaseLine"];
        if let Some(other) = payment.into_iter().find(|name| has(name)) {
            return Err(Rejection::not_with(other, "of"));
        }
        return fields.id("of").map(RevokeTarget::Reference);
    }
    if !has("purchaseId") {
        let message = format!(
            "`of` is missing from `{}`; exactly one of `of` and `purchaseId` must be set",
            fields.kind
        );
        return Err(Rejection::of_field(
            RejectionCode::MissingField,
            "of",
            message,
        ));
    }
    Ok(RevokeTarget::Payment {
        purchase_id: fields.id("purchaseId")?,
        purchase_line: fields.optional("purchaseLine", |name, raw| text(name, raw, ID))?,
    })
}

pub(super) fn reinstate(fields: &Fields<'_>) -> Result<Body, Rejection> {
    fields.allow(&COMMON, &["of"])?;
    Ok(Body::Reinstate(Reinstate {
        of: fields.id("of")?,
    }))
}

pub(super) fn forgive(fields: &Fields<'_>) -> Result<Body, Rejection> {
    fields.allow(&COMMON, &["amount", "reason", "actor"])?;
    Ok(Body::Forgive(Forgive {
        amount: fields.optional("amount", credits)?,
        reason: fields.id("reason")?,
        actor: fields.id("actor")?,
    }))
}
