//! Invoices: the periods of subscriptions that were paid.

use producer_sdk::contract::SubscriptionStatus;

use super::super::{
    PaymentRules,
    event::Event,
    fact::{Fact, LinkKey, LinkKind, Owner, PaidPeriod, Subscription},
    fields::Fields,
};

/// An invoice was paid. Only the first one of a subscription and those of its periods bring
/// credits: others are for changes between periods.
pub fn paid(invoice: Fields<'_>, event: &Event, rules: &PaymentRules) -> Option<Fact> {
    let id = invoice.text("id")?;
    let parent = "parent.subscription_details";
    let subscription = invoice
        .id("parent.subscription_details.subscription")
        .or_else(|| invoice.id("subscription"));
    let Some(subscription) = subscription else {
        return Some(Fact::Nothing("no_subscription"));
    };
    let periods: Vec<Fields<'_>> = invoice
        .list("lines.data")
        .into_iter()
        .filter(|line| !is_proration(*line))
        .filter(|line| line.seconds("period.end") > line.seconds("period.start"))
        .collect();
    // The amount of a line is before discounts. A line of a trial costs nothing.
    let costs = |line: &Fields<'_>| line.integer("amount").is_none_or(|amount| amount > 0);
    let paid: Vec<Fields<'_>> = periods.iter().copied().filter(costs).collect();
    let has_more = invoice.is_true("lines.has_more");
    match invoice.text("billing_reason") {
        Some("subscription_create" | "subscription_cycle") => {}
        // A change of the price began a new period, which was paid as a whole.
        Some("subscription_update") if !paid.is_empty() => {
            return Some(Fact::Unclear("period_paid_by_update"));
        }
        Some("subscription_update") if has_more => return Some(Fact::Unclear("lines_missing")),
        _ => return Some(Fact::Nothing("not_a_period")),
    }
    // The lines of a trial cost nothing, before discounts. The subscription reports the trial.
    if invoice.integer("subtotal") == Some(0) {
        return Some(Fact::Nothing("nothing_to_pay"));
    }
    let plan = invoice.first(&[
        "parent.subscription_details.metadata.plan",
        "subscription_details.metadata.plan",
    ]);
    // Of the lines of known plans, or else of all, the first of those that end last: of the items
    // of a subscription, too, the first counts.
    let is_known = |line: &&Fields<'_>| rules.plan(None, &super::prices(**line)).is_some();
    let last = |line: &&Fields<'_>| line.seconds("period.end");
    let known = paid.iter().rev().filter(is_known).max_by_key(last);
    let named = || {
        let is_named = !has_more || rules.plan(plan, &[]).is_some();
        paid.iter().rev().max_by_key(last).filter(|_| is_named)
    };
    let Some(line) = known.or_else(named) else {
        return Some(match (has_more, periods.is_empty()) {
            // A webhook has the first ten lines only.
            (true, _) => Fact::Unclear("lines_missing"),
            (false, true) => Fact::Nothing("proration"),
            (false, false) => Fact::Nothing("nothing_to_pay"),
        });
    };
    let sold = rules.plan(plan, &super::prices(*line));
    if has_more && sold.is_some_and(|sold| sold.per_unit) {
        return Some(Fact::Unclear("lines_missing")); // of another tier, perhaps
    }
    let (start, end) = (line.seconds("period.start")?, line.seconds("period.end")?);
    let own = invoice.at(parent).unwrap_or(invoice);
    let user = own
        .user("metadata")
        .or_else(|| invoice.user("subscription_details.metadata"))
        .or_else(|| invoice.user("metadata"))
        .or_else(|| line.user("metadata"));
    let mut owners = vec![LinkKey::new(LinkKind::Subscription, subscription)];
    owners.extend(
        invoice
            .id("customer")
            .map(|id| LinkKey::new(LinkKind::Customer, id)),
    );
    let mut links = vec![LinkKey::new(LinkKind::Invoice, id)];
    links.extend(super::payments(invoice));
    for payment in invoice.list("payments.data") {
        links.extend(
            payment
                .at("payment")
                .map(super::payments)
                .unwrap_or_default(),
        );
    }
    Some(Fact::Subscription(Subscription {
        id: subscription.to_owned(),
        subject: id.to_owned(),
        owner: Owner {
            user,
            links: owners,
        },
        plan: plan.map(ToOwned::to_owned),
        prices: super::prices(*line),
        quantity: quantity(&periods, *line),
        status: SubscriptionStatus::Active,
        anchor: [Some(start); 2],
        paid_through: Some(end),
        occurred_at: invoice
            .seconds("status_transitions.paid_at")
            .or(event.created),
        paid: Some(PaidPeriod {
            start,
            end,
            amount: invoice.integer("amount_paid"),
            links,
        }),
    }))
}

/// The quantity of a line. A price with tiers has a line for each tier.
fn quantity(lines: &[Fields<'_>], line: Fields<'_>) -> Option<i64> {
    let period = |line: Fields<'_>| (line.seconds("period.start"), line.seconds("period.end"));
    let tiers = lines
        .iter()
        .filter(|one| super::prices(**one) == super::prices(line) && period(**one) == period(line));
    let quantities = tiers.filter_map(|one| one.integer("quantity"));
    quantities.reduce(i64::saturating_add)
}

/// A payment paid an invoice. Since 2025-03-31 only this event names both.
pub fn pair(object: Fields<'_>) -> Option<Fact> {
    let invoice = object.id("invoice")?.to_owned();
    let payment = super::payments(object.at("payment")?).into_iter().next()?;
    Some(Fact::Pair { payment, invoice })
}

/// Whether a line is for a part of a period, in any of the forms of the API.
fn is_proration(line: Fields<'_>) -> bool {
    line.is_true("proration")
        || line.is_true("parent.subscription_item_details.proration")
        || line.is_true("parent.invoice_item_details.proration")
        || line.at("parent.invoice_item_details").is_some()
        || line.text("type") == Some("invoiceitem")
}
