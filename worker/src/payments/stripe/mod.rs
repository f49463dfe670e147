//! Events of Stripe, of every version of its API.
//!
//! | version | difference |
//! |---|---|
//! | before 2024-10-28 | a refund is `charge.refunded` with the sum of all refunds; since then `refund.*` |
//! | before 2025-03-31 | an invoice names subscription, payment and price in its own fields |

mod checkout;
mod invoice;
mod refund;
mod subscription;

use super::{
    PaymentRules,
    event::Event,
    fact::Fact,
    fact::{LinkKey, LinkKind},
    fields::Fields,
};

/// The version of the API since which `refund.*` reports refunds.
const REFUND_EVENTS: &str = "2024-10-28";

/// What an event says. `None`: its object lacks a field that it must have.
pub fn fact(event: &Event, rules: &PaymentRules) -> Option<Fact> {
    let object = event.object();
    let fact = match event.kind.as_str() {
        "checkout.session.completed" => checkout::completed(object, event, false)?,
        "checkout.session.async_payment_succeeded" => checkout::completed(object, event, true)?,
        "invoice.paid" => invoice::paid(object, event, rules)?,
        "invoice_payment.paid" => invoice::pair(object)?,
        kind if kind.starts_with("customer.subscription.") => {
            subscription::changed(object, event, rules)?
        }
        "refund.created" | "refund.updated" | "refund.failed" => {
            if has_refund_events(event) {
                refund::refund(object)?
            } else {
                Fact::Nothing("reported_by_charge_refunded")
            }
        }
        "charge.refunded" => {
            if has_refund_events(event) {
                Fact::Nothing("reported_by_refund")
            } else {
                refund::charge(object, event)?
            }
        }
        "charge.refund.updated" => refund::updated(object, has_refund_events(event)),
        kind if kind.starts_with("charge.dispute.") => refund::dispute(object, kind)?,
        _ => Fact::Nothing("other_kind"),
    };
    Some(fact)
}

/// Whether the event is of a version with `refund.*`. Versions begin with their date; an event
/// without one counts as of today.
fn has_refund_events(event: &Event) -> bool {
    let version = Fields(&event.json).text("api_version");
    version.is_none_or(|version| version >= REFUND_EVENTS)
}

/// The `PaymentIntent` and the charge of an object.
fn payments(object: Fields<'_>) -> Vec<LinkKey> {
    let ids = ["payment_intent", "charge"].map(|path| object.id(path));
    let ids = ids.into_iter().flatten();
    ids.map(|id| LinkKey::new(LinkKind::Payment, id)).collect()
}

/// The ids of price and product of a line or an item, in both forms.
fn prices(line: Fields<'_>) -> Vec<String> {
    let ids = [
        line.id("pricing.price_details.price"),
        line.id("price"),
        line.id("plan"),
        line.id("pricing.price_details.product"),
        line.id("price.product"),
    ];
    ids.into_iter().flatten().map(ToOwned::to_owned).collect()
}
