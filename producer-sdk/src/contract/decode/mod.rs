//! Decodes bodies to commands and queries. It checks types and the presence of fields.
//! [`Command::check`] checks ranges.

mod fields;
mod holds;
mod revoke;

use scrip_types::{Item, SubscriptionStatus};
use serde_json::value::RawValue;
use strum::{VariantArray, VariantNames};

use self::fields::{
    Fields, boolean, credits, days, hint, list, page_index, page_size, read_instant, text, units,
};
use super::checks::{CURRENCY, DESCRIPTION, ID, INSTANT, whole_number};
use super::command::{
    AccountChange, Body, Command, Consume, Expire, Grant, Kind, Purchase, Subscription,
};
use super::json::{RawFields, found_text, read_object};
use super::limits::MAX_AMOUNT;
use super::money::{AMOUNT_PAID, AmountPaid};
use super::query::{CURSOR, Query, QueryKind};
use super::refund::Refund;
use super::rejection::{Rejection, RejectionCode};

pub(crate) const REGISTRATION_BONUS: &str = "registration_bonus";
pub(crate) const PROMOTION: &str = "promotion";
pub(crate) const MONTHLY_GRANT: &str = "monthly_grant";

const GRANT_REASONS: &str = "\"registration_bonus\" or \"promotion\"";
const STATUSES: &str =
    "\"active\", \"trialing\", \"past_due\", \"paused\", \"canceled\" or \"expired\"";

/// The fields that every command may have.
const COMMON: [&str; 6] = [
    "type",
    "referenceId",
    "userId",
    "occurredAt",
    "description",
    "metadata",
];

pub(crate) fn command(body: &[u8]) -> Result<Command, Rejection> {
    let object = read_object(body)?;
    let name = read_type(&object)?;
    let Ok(kind) = name.parse::<Kind>() else {
        let public_kinds = Kind::VARIANTS.iter().filter(|kind| !kind.is_internal());
        let allowed: Vec<&str> = public_kinds.map(|kind| kind.as_str()).collect();
        return Err(unknown_type(&name, &allowed));
    };
    let fields = Fields {
        kind: kind.as_str(),
        object: &object,
    };
    let body = match kind {
        Kind::Consume => consume(&fields)?,
        Kind::Hold => holds::hold(&fields)?,
        Kind::Capture => holds::capture(&fields)?,
        Kind::Release => holds::release(&fields)?,
        Kind::Refund => refund(&fields)?,
        Kind::Grant => grant(&fields)?,
        Kind::Purchase => purchase(&fields)?,
        Kind::Subscription => subscription(&fields)?,
        Kind::Revoke => revoke::revoke(&fields)?,
        Kind::Reinstate => revoke::reinstate(&fields)?,
        Kind::Forgive => revoke::forgive(&fields)?,
        Kind::Freeze => Body::Freeze(account_change(&fields)?),
        Kind::Unfreeze => Body::Unfreeze(account_change(&fields)?),
        Kind::Expire => expire(&fields)?,
    };
    let mut command = Command::new(fields.id("referenceId")?, fields.id("userId")?, body);
    command.occurred_at = fields.optional("occurredAt", read_instant)?;
    command.description =
        fields.optional("description", |name, raw| text(name, raw, DESCRIPTION))?;
    command.metadata = fields.raw("metadata").map(ToOwned::to_owned);
    Ok(command)
}

pub(crate) fn query(body: &[u8]) -> Result<Query, Rejection> {
    let object = read_object(body)?;
    let name = read_type(&object)?;
    let Ok(kind) = name.parse::<QueryKind>() else {
        return Err(unknown_type(&name, QueryKind::VARIANTS));
    };
    let fields = Fields {
        kind: kind.into(),
        object: &object,
    };
    let user = |own: &[&str]| {
        fields.allow(&["type", "userId"], own)?;
        fields.id("userId")
    };
    Ok(match kind {
        QueryKind::Balance => Query::Balance {
            user_id: user(&[])?,
        },
        QueryKind::Transactions => Query::Transactions {
            user_id: user(&["pageIndex", "pageSize", "cursor"])?,
            page_index: fields.optional("pageIndex", page_index)?,
            page_size: fields.optional("pageSize", page_size)?,
            cursor: fields.optional("cursor", |name, raw| text(name, raw, CURSOR))?,
        },
        QueryKind::Batches => Query::Batches {
            user_id: user(&["all"])?,
            all: fields.optional("all", boolean)?.unwrap_or(false),
        },
        QueryKind::Holds => Query::Holds {
            user_id: user(&["all"])?,
            all: fields.optional("all", boolean)?.unwrap_or(false),
        },
        QueryKind::Quote => Query::Quote {
            user_id: user(&["service", "amount", "quantity"])?,
            service: fields.id("service")?,
            amount: fields.optional("amount", credits)?,
            quantity: fields.optional("quantity", credits)?,
        },
        QueryKind::Price => {
            fields.allow(&["type"], &["service", "quantity"])?;
            Query::Price {
                service: fields.id("service")?,
                quantity: fields.optional("quantity", credits)?,
            }
        }
        QueryKind::Packages => {
            fields.allow(&["type"], &[])?;
            Query::Packages {}
        }
        QueryKind::CanPurchase => Query::CanPurchase {
            user_id: user(&["packageId", "priceId"])?,
            package_id: fields.optional("packageId", |name, raw| text(name, raw, ID))?,
            price_id: fields.optional("priceId", |name, raw| text(name, raw, ID))?,
        },
    })
}

fn consume(fields: &Fields<'_>) -> Result<Body, Rejection> {
    fields.allow(&COMMON, &["service", "amount", "quantity"])?;
    Ok(Body::Consume(Consume {
        service: fields.id("service")?,
        amount: fields.optional("amount", credits)?,
        quantity: fields.optional("quantity", credits)?,
    }))
}

fn refund(fields: &Fields<'_>) -> Result<Body, Rejection> {
    fields.allow(&COMMON, &["of", "amount"])?;
    Ok(Body::Refund(Refund {
        of: fields.id("of")?,
        amount: fields.optional("amount", credits)?,
    }))
}

fn grant(fields: &Fields<'_>) -> Result<Body, Rejection> {
    let Some(raw) = fields.raw("reason") else {
        fields.allow(&COMMON, &["reason", "amount", "validityDays"])?;
        return Err(fields.missing("reason", GRANT_REASONS));
    };
    let reason = text("reason", raw, GRANT_REASONS)?;
    Ok(Body::Grant(match reason.as_str() {
        REGISTRATION_BONUS => {
            fields.allow(&COMMON, &["reason"])?;
            Grant::RegistrationBonus
        }
        PROMOTION => {
            fields.allow(&COMMON, &["reason", "amount", "validityDays"])?;
            Grant::Promotion {
                amount: fields.required("amount", &whole_number(1, MAX_AMOUNT), credits)?,
                validity_days: fields.optional("validityDays", days)?,
            }
        }
        MONTHLY_GRANT => {
            fields.allow(&COMMON, &["reason", "subscriptionId", "periodStart"])?;
            Grant::Monthly {
                subscription_id: fields.id("subscriptionId")?,
                period_start: fields.required("periodStart", INSTANT, read_instant)?,
            }
        }
        _ => {
            return Err(Rejection::invalid(
                "reason",
                found_text(&reason),
                GRANT_REASONS,
            ));
        }
    }))
}

fn purchase(fields: &Fields<'_>) -> Result<Body, Rejection> {
    let items = ["packageId", "priceId", "credits"];
    let exactly_one = "exactly one of `packageId`, `priceId` and `credits` must be set";
    fields.allow(
        &COMMON,
        &[
            "packageId",
            "priceId",
            "quantity",
            "credits",
            "validityDays",
            "purchaseId",
            "purchaseLine",
            "amountPaid",
            "currency",
        ],
    )?;
    let given: Vec<&str> = items
        .into_iter()
        .filter(|item| fields.raw(item).is_some())
        .collect();
    let item = match given.as_slice() {
        ["packageId"] => Item::Package(fields.id("packageId")?),
        ["priceId"] => Item::Price(fields.id("priceId")?),
        ["credits"] => Item::Credits {
            credits: fields.required("credits", &whole_number(1, MAX_AMOUNT), credits)?,
            validity_days: fields.optional("validityDays", days)?,
        },
        [first, second, ..] => {
            let message = format!("`{second}` cannot be used with `{first}`; {exactly_one}");
            return Err(Rejection::of_field(
                RejectionCode::InvalidField,
                second,
                message,
            ));
        }
        _ => {
            let message = format!(
                "`packageId` is missing from `{}`; {exactly_one}",
                fields.kind
            );
            return Err(Rejection::of_field(
                RejectionCode::MissingField,
                "packageId",
                message,
            ));
        }
    };
    if let (Item::Package(_) | Item::Price(_), Some(_)) = (&item, fields.raw("validityDays")) {
        let message = format!(
            "`validityDays` cannot be used with `{}`; use it only with `credits`",
            given.concat()
        );
        return Err(Rejection::of_field(
            RejectionCode::InvalidField,
            "validityDays",
            message,
        ));
    }
    Ok(Body::Purchase(Purchase {
        item,
        quantity: fields.optional("quantity", units)?,
        purchase_id: fields.id("purchaseId")?,
        purchase_line: fields.optional("purchaseLine", |name, raw| text(name, raw, ID))?,
        amount_paid: fields.optional("amountPaid", |name, raw| {
            text(name, raw, AMOUNT_PAID)?.parse::<AmountPaid>()
        })?,
        currency: fields.optional("currency", |name, raw| text(name, raw, CURRENCY))?,
    }))
}

fn subscription(fields: &Fields<'_>) -> Result<Body, Rejection> {
    fields.allow(
        &COMMON,
        &[
            "subscriptionId",
            "plan",
            "quantity",
            "status",
            "anchor",
            "paidThrough",
        ],
    )?;
    let status = |name: &str, raw: &RawValue| {
        let word = text(name, raw, STATUSES)?;
        word.parse::<SubscriptionStatus>()
            .map_err(|_| Rejection::invalid(name, found_text(&word), STATUSES))
    };
    Ok(Body::Subscription(Subscription {
        subscription_id: fields.id("subscriptionId")?,
        plan: fields.id("plan")?,
        quantity: fields.optional("quantity", units)?,
        status: fields.required("status", STATUSES, status)?,
        anchor: fields.optional("anchor", read_instant)?,
        paid_through: fields.optional("paidThrough", read_instant)?,
    }))
}

fn account_change(fields: &Fields<'_>) -> Result<AccountChange, Rejection> {
    fields.allow(&COMMON, &["reason", "actor"])?;
    Ok(AccountChange {
        reason: fields.id("reason")?,
        actor: fields.id("actor")?,
    })
}

fn expire(fields: &Fields<'_>) -> Result<Body, Rejection> {
    fields.allow(&COMMON, &["cutoff"])?;
    Ok(Body::Expire(Expire {
        cutoff: fields.required("cutoff", INSTANT, read_instant)?,
    }))
}

fn read_type(object: &RawFields<'_>) -> Result<String, Rejection> {
    let allowed = "a string that names the command or query";
    let Some((_, raw)) = object.iter().find(|(name, _)| name == "type") else {
        let message = format!("`type` is missing; it must be {allowed}");
        return Err(Rejection::of_field(
            RejectionCode::MissingField,
            "type",
            message,
        ));
    };
    text("type", raw, allowed)
}

fn unknown_type(name: &str, allowed: &[&str]) -> Rejection {
    let message = format!(
        "`type` must be one of {}, got {}{}",
        list(allowed, '"'),
        found_text(name),
        hint(name, allowed)
    );
    Rejection::of_field(RejectionCode::UnknownType, "type", message)
}

impl Command {
    /// Reads and checks a body.
    pub fn from_json(body: &[u8]) -> Result<Self, Rejection> {
        let command = command(body)?;
        command.check()?;
        Ok(command)
    }
}

impl Query {
    /// Reads and checks a body.
    pub fn from_json(body: &[u8]) -> Result<Self, Rejection> {
        let query = query(body)?;
        query.check()?;
        Ok(query)
    }
}
