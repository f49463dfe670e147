//! Refunds and disputes.

use super::super::{
    event::Event,
    fact::{Dispute, Fact, Refund},
    fields::Fields,
};

/// A refund was made, changed or failed.
pub fn refund(object: Fields<'_>) -> Option<Fact> {
    let has_failed = matches!(object.text("status"), Some("failed" | "canceled"));
    Some(Fact::Refund(Refund {
        id: object.text("id")?.to_owned(),
        payments: super::payments(object),
        amount: Some(object.integer("amount")?),
        paid: None,
        has_failed,
    }))
}

/// The sum of the refunds of a charge has grown. Its growth is a refund of its own.
pub fn charge(object: Fields<'_>, event: &Event) -> Option<Fact> {
    let id = object.text("id")?;
    let total = object.integer("amount_refunded")?;
    let before = Fields(&event.json).integer("data.previous_attributes.amount_refunded");
    // A refund that fails makes the sum smaller, so a sum may occur twice.
    let refunds = object.list("refunds.data");
    let refund = refunds.first().and_then(|newest| newest.text("id"));
    let growth = refund.map_or_else(
        || event.created.map_or(0, |at| at.timestamp()).to_string(),
        ToOwned::to_owned,
    );
    let mut payments = super::payments(object);
    payments.push(super::LinkKey::new(super::LinkKind::Payment, id));
    Some(Fact::Refund(Refund {
        id: format!("{id}:{total}:{growth}"),
        payments,
        amount: Some(total.checked_sub(before.unwrap_or(0))?),
        paid: object.integer("amount"),
        has_failed: false,
    }))
}

/// A refund changed, by the name before 2024-10-28. `is_newer`: `refund.updated` says the same.
pub fn updated(object: Fields<'_>, is_newer: bool) -> Fact {
    if is_newer {
        Fact::Nothing("reported_by_refund")
    } else if matches!(object.text("status"), Some("failed" | "canceled")) {
        // Only the sum of the charge was applied, so what to give back is not known.
        Fact::Unclear("failed_refund")
    } else {
        Fact::Nothing("reported_by_charge_refunded")
    }
}

/// A dispute. Only the withdrawal of funds counts, and their return.
pub fn dispute(object: Fields<'_>, kind: &str) -> Option<Fact> {
    let status = object.text("status").unwrap_or_default();
    if status.starts_with("warning_") {
        return Some(Fact::Nothing("inquiry"));
    }
    let is_won = match (kind, status) {
        ("charge.dispute.funds_withdrawn", _) | ("charge.dispute.closed", "lost") => false,
        ("charge.dispute.funds_reinstated", _) | ("charge.dispute.closed", "won") => true,
        _ => return Some(Fact::Nothing("no_funds_moved")),
    };
    Some(Fact::Dispute(Dispute {
        id: object.text("id")?.to_owned(),
        payments: super::payments(object),
        is_won,
    }))
}
