//! Checkout sessions: packages that are paid once.

use super::super::{
    event::Event,
    fact::{Fact, LinkKey, LinkKind, Owner, Purchase},
    fields::Fields,
};

/// A session was completed. `is_paid`: its payment, which came later, succeeded.
pub fn completed(session: Fields<'_>, event: &Event, is_paid: bool) -> Option<Fact> {
    let id = session.text("id")?;
    let user = session
        .text("client_reference_id")
        .map(ToOwned::to_owned)
        .or_else(|| session.user("metadata"));
    let mut links = Vec::new();
    let mut link = |kind, path| {
        links.extend(session.id(path).map(|id| LinkKey::new(kind, id)));
    };
    match session.text("mode") {
        Some("setup") => return Some(Fact::Nothing("no_payment")),
        // The invoice grants the period.
        Some("subscription") => {
            link(LinkKind::Subscription, "subscription");
            link(LinkKind::Customer, "customer");
            return Some(Fact::Known(Owner { user, links }));
        }
        _ => {}
    }
    if !is_paid && session.text("payment_status") == Some("unpaid") {
        return Some(Fact::Nothing("unpaid"));
    }
    let payment = session.id("payment_intent").unwrap_or(id).to_owned();
    let key = |kind, id: &str| LinkKey::new(kind, id);
    let mut names = vec![key(LinkKind::Payment, &payment)];
    // The payment of an invoice may be known by the invoice only.
    let invoice = session.id("invoice");
    names.extend(invoice.map(|id| key(LinkKind::Invoice, id)));
    links.push(key(LinkKind::Payment, &payment));
    links.extend(
        session
            .id("customer")
            .map(|id| LinkKey::new(LinkKind::Customer, id)),
    );
    let items = session.list("line_items.data");
    let prices = session.first(&["metadata.priceId", "metadata.price_id"]);
    let prices = prices.map(ToOwned::to_owned).into_iter();
    let package = session.first(&["metadata.packageId", "metadata.package_id"]);
    Some(Fact::Purchase(Purchase {
        payment,
        names,
        owner: Owner { user, links },
        package: package.map(ToOwned::to_owned),
        quantity: items
            .iter()
            .find_map(|item| item.integer("quantity"))
            .or_else(|| session.number("metadata.quantity")),
        prices: prices
            .chain(items.iter().copied().flat_map(super::prices))
            .collect(),
        amount: session.integer("amount_total"),
        currency: session.text("currency").map(str::to_uppercase),
        occurred_at: session.seconds("created").max(event.created),
    }))
}
