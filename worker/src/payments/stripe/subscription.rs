//! Subscriptions: their status, plan and anchor. What is paid comes from invoices.

use chrono::{DateTime, Utc};
use producer_sdk::contract::SubscriptionStatus;

use super::super::{
    PaymentRules,
    event::Event,
    fact::{Fact, LinkKey, LinkKind, Owner, Subscription},
    fields::Fields,
};

/// A subscription was created, changed or deleted.
pub fn changed(object: Fields<'_>, event: &Event, rules: &PaymentRules) -> Option<Fact> {
    let id = object.text("id")?;
    let is_deleted = event.kind == "customer.subscription.deleted";
    let status = match object.text("status")? {
        _ if is_deleted => SubscriptionStatus::Canceled,
        // It was never paid, so it has never begun.
        "incomplete" | "incomplete_expired" => return Some(Fact::Nothing("incomplete")),
        "canceled" => SubscriptionStatus::Canceled,
        "past_due" => SubscriptionStatus::PastDue,
        // No more attempts are made to collect the payment.
        "unpaid" | "paused" => SubscriptionStatus::Paused,
        "active" | "trialing" if is_paused(object) => SubscriptionStatus::Paused,
        "active" => SubscriptionStatus::Active,
        "trialing" => SubscriptionStatus::Trialing,
        _ => return Some(Fact::Unclear("unknown_status")),
    };
    if event.kind == "customer.subscription.trial_will_end" {
        return Some(Fact::Nothing("other_kind"));
    }
    let items = object.list("items.data");
    let is_known = |item: &&Fields<'_>| rules.plan(None, &super::prices(**item)).is_some();
    let item = items.iter().find(is_known).or(items.first());
    let quantity = item.and_then(|item| item.integer("quantity"));
    let plan = object.text("metadata.plan").map(ToOwned::to_owned);
    let mut prices: Vec<String> = items.into_iter().flat_map(super::prices).collect();
    prices.extend(object.id("plan").map(ToOwned::to_owned));
    let trial = (status == SubscriptionStatus::Trialing).then(|| object.seconds("trial_end"));
    let started = object.seconds("start_date").or(object.seconds("created"));
    let cycle = object.seconds("billing_cycle_anchor").or(started);
    let has_trial = ["trial_start", "trial_end"]
        .iter()
        .any(|field| object.at(field).is_some());
    let mut links = vec![LinkKey::new(LinkKind::Subscription, id)];
    links.extend(
        object
            .id("customer")
            .map(|id| LinkKey::new(LinkKind::Customer, id)),
    );
    let ended = is_deleted.then(|| object.seconds("ended_at")).flatten();
    Some(Fact::Subscription(Subscription {
        id: id.to_owned(),
        subject: id.to_owned(),
        owner: Owner {
            user: object.user("metadata"),
            links,
        },
        plan,
        prices,
        quantity,
        status,
        anchor: [if has_trial { started } else { cycle }, cycle],
        paid_through: trial.flatten(),
        occurred_at: ended.or_else(|| begun(object, event)).or(event.created),
        paid: None,
    }))
}

/// The start of the period, if the event reports that a period began. The event is created seconds
/// after that, and what it says holds from the start.
fn begun(object: Fields<'_>, event: &Event) -> Option<DateTime<Utc>> {
    let field = "current_period_start";
    let before = Fields(&event.json).at("data.previous_attributes")?;
    let starts = |holder: Fields<'_>| {
        let items = holder.list("items.data").into_iter();
        let items = items.filter_map(|item| item.seconds(field));
        items.chain(holder.seconds(field)).max()
    };
    let start = starts(object)?;
    let is_new = starts(before)? < start;
    Some(start).filter(|start| is_new && event.created.is_none_or(|at| *start < at))
}

/// Whether its invoices are not to be paid for now.
fn is_paused(object: Fields<'_>) -> bool {
    let behavior = object.text("pause_collection.behavior");
    behavior.is_some_and(|behavior| behavior != "keep_as_draft")
}
