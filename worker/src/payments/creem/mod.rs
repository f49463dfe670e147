//! Events of Creem.

use producer_sdk::contract::SubscriptionStatus;

use super::{
    event::Event,
    fact::{Dispute, Fact, LinkKey, LinkKind, Owner, PaidPeriod, Purchase, Refund, Subscription},
    fields::Fields,
};

/// What an event says. `None`: its object lacks a field that it must have.
pub fn fact(event: &Event, allow_test_mode: bool) -> Option<Fact> {
    let object = event.object();
    if !allow_test_mode && is_test(object) {
        return Some(Fact::Unclear("test_mode"));
    }
    let fact = match event.kind.as_str() {
        "checkout.completed" => completed(object, event)?,
        "refund.created" => refund(object)?,
        "dispute.created" => Fact::Dispute(Dispute {
            id: object.text("id")?.to_owned(),
            payments: payments(object),
            is_won: false,
        }),
        kind => match kind.strip_prefix("subscription.") {
            Some(change) => changed(object, event, change)?,
            None => Fact::Nothing("other_kind"),
        },
    };
    Some(fact)
}

fn is_test(object: Fields<'_>) -> bool {
    matches!(object.text("mode"), Some("test" | "sandbox"))
}

/// A checkout was completed: a package, or the first payment of a subscription, which
/// `subscription.paid` reports.
fn completed(object: Fields<'_>, event: &Event) -> Option<Fact> {
    let mut owner = owner(object);
    let is_recurring = object.text("order.type") == Some("recurring");
    if let Some(id) = object.id("subscription") {
        owner.links.push(LinkKey::new(LinkKind::Subscription, id));
        return Some(Fact::Known(owner));
    }
    if is_recurring {
        return Some(Fact::Known(owner));
    }
    let order = object.at("order")?;
    if !matches!(order.text("status"), None | Some("paid")) {
        return Some(Fact::Nothing("unpaid"));
    }
    let payment = order.text("id")?.to_owned();
    let names: Vec<LinkKey> = [Some(payment.as_str()), order.id("transaction")]
        .into_iter()
        .flatten()
        .map(|id| LinkKey::new(LinkKind::Payment, id))
        .collect();
    owner.links.splice(0..0, names.iter().cloned());
    let prices = [object.id("product"), order.id("product")];
    let package = object.first(&["metadata.packageId", "metadata.package_id"]);
    Some(Fact::Purchase(Purchase {
        payment,
        names,
        owner,
        package: package.map(ToOwned::to_owned),
        prices: prices
            .into_iter()
            .flatten()
            .map(ToOwned::to_owned)
            .collect(),
        amount: order
            .integer("amount_paid")
            .or_else(|| order.integer("amount")),
        currency: order.text("currency").map(str::to_uppercase),
        quantity: units(object),
        occurred_at: order.instant("created_at").max(event.created),
    }))
}

fn changed(object: Fields<'_>, event: &Event, change: &str) -> Option<Fact> {
    let id = object.text("id")?;
    let (start, end) = (
        object.instant("current_period_start_date"),
        object.instant("current_period_end_date"),
    );
    let change = match change {
        // The name of the event does not say the status.
        "update" | "updated" => object.text("status")?,
        change => change,
    };
    let status = match change {
        "paid" | "active" | "scheduled_cancel" => SubscriptionStatus::Active,
        "trialing" => SubscriptionStatus::Trialing,
        "unpaid" | "past_due" => SubscriptionStatus::PastDue,
        "paused" => SubscriptionStatus::Paused,
        "canceled" => SubscriptionStatus::Canceled,
        // A payment may still follow; it begins a new term.
        "expired" => SubscriptionStatus::Expired,
        "incomplete" => return Some(Fact::Nothing("incomplete")),
        _ => return Some(Fact::Unclear("unknown_status")),
    };
    let mut owner = owner(object);
    owner
        .links
        .insert(0, LinkKey::new(LinkKind::Subscription, id));
    let transaction = object.id("last_transaction_id");
    let transaction = transaction.or_else(|| object.id("last_transaction"));
    let paid = if event.kind == "subscription.paid" {
        let payment = LinkKey::new(LinkKind::Payment, transaction?);
        Some(PaidPeriod {
            start: start?,
            end: end?,
            amount: object.integer("last_transaction.amount_paid"),
            links: vec![payment],
        })
    } else {
        None
    };
    let is_known = matches!(change, "trialing" | "scheduled_cancel");
    let subject = match &paid {
        Some(_) => transaction?,
        None => id,
    };
    // The start of the period is the only anchor that every event has. The period of a trial ends
    // with it.
    let created = start.or_else(|| object.instant("created_at"));
    let after_trial = end.filter(|_| change == "trialing").or(created);
    Some(Fact::Subscription(Subscription {
        id: id.to_owned(),
        subject: subject.to_owned(),
        owner,
        plan: object.text("metadata.plan").map(ToOwned::to_owned),
        prices: object
            .id("product")
            .map(ToOwned::to_owned)
            .into_iter()
            .collect(),
        quantity: units(object),
        status,
        anchor: [created, after_trial],
        paid_through: end.filter(|_| paid.is_some() || is_known),
        occurred_at: event.created,
        paid,
    }))
}

/// How many were bought: of a checkout, of the first item of a subscription, or as the app noted in
/// the metadata.
fn units(object: Fields<'_>) -> Option<i64> {
    let items = object.list("items");
    let of_item = || items.first().and_then(|item| item.integer("units"));
    let noted = || object.number("metadata.quantity");
    object.integer("units").or_else(of_item).or_else(noted)
}

/// A refund. Its amount includes tax, and so does what was paid.
fn refund(object: Fields<'_>) -> Option<Fact> {
    let amount = object
        .integer("refund_amount")
        .or_else(|| object.integer("amount"))?;
    let paid = object.integer("transaction.amount_paid");
    Some(Fact::Refund(Refund {
        id: object.text("id")?.to_owned(),
        payments: payments(object),
        amount: Some(amount),
        paid: paid
            .or_else(|| object.integer("order.amount_paid"))
            .or_else(|| object.integer("checkout.order.amount_paid")),
        has_failed: matches!(object.text("status"), Some("failed" | "canceled")),
    }))
}

/// The transaction and the order of a refund or a dispute.
fn payments(object: Fields<'_>) -> Vec<LinkKey> {
    let ids = [
        object.id("transaction"),
        object.id("order"),
        object.id("transaction.order"),
        object.id("checkout.order"),
    ];
    let mut keys: Vec<LinkKey> = Vec::new();
    for id in ids.into_iter().flatten() {
        let key = LinkKey::new(LinkKind::Payment, id);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

fn owner(object: Fields<'_>) -> Owner {
    let user = object.user("metadata");
    let customer = object
        .id("customer")
        .or_else(|| object.id("order.customer"));
    Owner {
        user,
        links: customer
            .map(|id| LinkKey::new(LinkKind::Customer, id))
            .into_iter()
            .collect(),
    }
}
