//! From an event, the rules and the known links to commands: a pure function.

use chrono::{DateTime, Utc};
use producer_sdk::{
    Command,
    contract::{
        MAX_UNITS,
        SubscriptionStatus::{self, Canceled, Expired, Paused},
    },
};
use sha2::{Digest, Sha256};

use super::{
    Event, LinkKey, LinkKind, PaymentRules, Provider, creem,
    fact::{Dispute, Fact, Owner, PaidPeriod, Purchase, Refund, Subscription},
    mapped::{Link, Links, Mapped, Period, Unmapped},
    money,
    refunds::{disputed, refunded, rejected},
    rules::Sold,
    stripe,
};

#[cfg(test)]
#[path = "mapping_tests.rs"]
mod tests;

/// What an event says.
fn fact(event: &Event, rules: &PaymentRules) -> Fact {
    let fact = match event.provider {
        Provider::Stripe => stripe::fact(event, rules),
        Provider::Creem => creem::fact(event, rules.settings.creem.allow_test_mode),
    };
    fact.unwrap_or(Fact::Unclear("missing_field"))
}

/// The names of the links that the mapping of an event may use.
pub fn keys(event: &Event, rules: &PaymentRules) -> Vec<LinkKey> {
    match fact(event, rules) {
        Fact::Nothing(_) | Fact::Unclear(_) => Vec::new(),
        Fact::Known(owner) => owner.links,
        Fact::Purchase(purchase) => purchase.owner.links,
        Fact::Subscription(subscription) => subscription.owner.links,
        Fact::Pair { payment, invoice } => {
            vec![payment, LinkKey::new(LinkKind::Invoice, invoice)]
        }
        Fact::Refund(Refund { payments, .. }) | Fact::Dispute(Dispute { payments, .. }) => payments,
    }
}

/// The names of the links that an event brings when it is applied.
pub fn brought(event: &Event, rules: &PaymentRules) -> Vec<LinkKey> {
    match fact(event, rules) {
        Fact::Known(owner) => owner.links,
        Fact::Purchase(purchase) => [purchase.owner.links, purchase.names].concat(),
        Fact::Subscription(subscription) => {
            let paid = paid_links(&subscription)
                .map(|(_, key)| key.clone())
                .collect();
            [subscription.owner.links, paid].concat()
        }
        Fact::Pair { payment, .. } => vec![payment],
        Fact::Nothing(_) | Fact::Unclear(_) | Fact::Refund(_) | Fact::Dispute(_) => Vec::new(),
    }
}

/// Maps an event.
pub fn map(event: &Event, rules: &PaymentRules, links: &Links) -> Mapped {
    let mapped = match fact(event, rules) {
        Fact::Nothing(reason) => return Mapped::Ignored(reason),
        Fact::Unclear(reason) => Err(Unmapped::new(reason, format!("a {}", event.kind))),
        Fact::Known(owner) => match user(&owner, links) {
            Ok(user) => Ok(Mapped::known(&user, &owner.links, Vec::new())),
            Err(unmapped) if unmapped.reason == "no_user" => return Mapped::Ignored("no_user"),
            Err(unmapped) => Err(unmapped),
        },
        Fact::Purchase(bought) => purchase(event.provider, &bought, rules, links),
        Fact::Subscription(changed) => subscription(event.provider, &changed, rules, links),
        Fact::Pair { payment, invoice } => {
            let invoice = Some(invoice);
            let link = Link {
                invoice,
                ..Link::default()
            };
            Ok(Mapped::Commands {
                user: None,
                commands: Vec::new(),
                links: Links::from([(payment, link)]),
                detail: None,
            })
        }
        Fact::Refund(refund) => refunded(event.provider, &refund, links),
        Fact::Dispute(dispute) => disputed(event.provider, &dispute, rules, links),
    };
    match mapped.and_then(checked) {
        Ok(mapped) => mapped,
        Err(unmapped) => Mapped::Unmapped(unmapped),
    }
}

/// Refuses commands that the contract does not allow, such as those with an impossible user id.
fn checked(mapped: Mapped) -> Result<Mapped, Unmapped> {
    if let Mapped::Commands { commands, .. } = &mapped {
        for command in commands {
            command.check().map_err(|error| rejected(&error))?;
        }
    }
    Ok(mapped)
}

fn user(owner: &Owner, links: &Links) -> Result<String, Unmapped> {
    let linked = || {
        let mut found = owner.links.iter().filter_map(|key| links.get(key));
        found.find_map(|link| link.user.clone())
    };
    let user = owner.user.clone().or_else(linked).ok_or_else(|| Unmapped {
        waits_for: owner.links.clone(),
        ..Unmapped::new("no_user", "neither the event nor a link names the user")
    })?;
    // The reference and the service of this command are valid.
    match Command::consume("-", &user, "-").check() {
        Ok(()) => Ok(user),
        Err(error) => Err(Unmapped::new("invalid_user", error.message)),
    }
}

fn purchase(
    provider: Provider,
    bought: &Purchase,
    rules: &PaymentRules,
    links: &Links,
) -> Result<Mapped, Unmapped> {
    let user = user(&bought.owner, links)?;
    let package = rules.package(bought.package.as_deref(), &bought.prices);
    let package = package.ok_or_else(|| {
        let found = bought.package.iter().chain(&bought.prices);
        Unmapped::new("unknown_package", found_ids(found))
    })?;
    let units = units(package, bought.quantity)?;
    let reference = format!("{}:{}", provider.as_str(), bought.payment);
    let mut command = Command::purchase_package(&reference, &user, package.id, &reference);
    if let Some(units) = units {
        command = command.quantity(units);
    }
    if let (Some(amount), Some(currency)) = (bought.amount, &bought.currency) {
        let amount = money::decimal(amount, currency);
        command = command
            .paid(&amount, currency)
            .map_err(|error| rejected(&error))?;
    }
    if let Some(at) = bought.occurred_at {
        command = command.occurred_at(at);
    }
    let mut mapped = Mapped::known(&user, &bought.owner.links, vec![command]);
    if let Mapped::Commands { links, detail, .. } = &mut mapped {
        for key in &bought.names {
            let link = links.entry(key.clone()).or_default();
            link.user = Some(user.clone());
            link.deposit = Some(reference.clone());
            link.amount = bought.amount;
        }
        *detail = counted_once(package, bought.quantity);
    }
    Ok(mapped)
}

fn subscription(
    provider: Provider,
    changed: &Subscription,
    rules: &PaymentRules,
    links: &Links,
) -> Result<Mapped, Unmapped> {
    let user = user(&changed.owner, links)?;
    let plan = rules.plan(changed.plan.as_deref(), &changed.prices);
    let plan = plan.ok_or_else(|| {
        let found = changed.plan.iter().chain(&changed.prices);
        Unmapped::new("unknown_plan", found_ids(found))
    })?;
    let units = match units(plan, changed.quantity) {
        // What has stopped brings no credits.
        Err(_) if matches!(changed.status, Canceled | Expired | Paused) => None,
        found => found?,
    };
    let [with_trial, without] = changed.anchor;
    let anchor = if rules.trial_grants {
        with_trial
    } else {
        without
    };
    let missing = || Unmapped::new("missing_field", "the event has no start of a period");
    let anchor = anchor.ok_or_else(missing)?;
    // A change that says nothing about payment must not leave the periods without a limit.
    let paid_through = changed.paid_through.unwrap_or(anchor);
    let subject = &changed.subject;
    let reference = if changed.paid.is_some() {
        format!("{}:{subject}", provider.as_str())
    } else {
        let content = (plan.id, changed.status, anchor, paid_through);
        change_reference(provider, subject, (content, units), changed.occurred_at)
    };
    let mut command = Command::subscription(reference, &user, &changed.id, plan.id, changed.status)
        .anchor(anchor)
        .paid_through(paid_through);
    if let Some(units) = units {
        command = command.quantity(units);
    }
    if let Some(at) = changed.occurred_at {
        command = command.occurred_at(at);
    }
    let mut mapped = Mapped::known(&user, &changed.owner.links, vec![command]);
    if let Mapped::Commands { links, detail, .. } = &mut mapped {
        *detail = counted_once(plan, changed.quantity);
        for (paid, key) in paid_links(changed) {
            let link = links.entry(key.clone()).or_default();
            link.user = Some(user.clone());
            link.period = Some(Period {
                subscription: changed.id.clone(),
                start: paid.start,
                end: paid.end,
            });
            link.amount = paid.amount;
        }
    }
    Ok(mapped)
}

fn paid_links(changed: &Subscription) -> impl Iterator<Item = (&PaidPeriod, &LinkKey)> {
    let paid = changed.paid.iter();
    paid.flat_map(|paid| paid.links.iter().map(move |key| (paid, key)))
}

/// The quantity of a command. `None` means one: because the quantity is one, or does not count.
fn units(sold: Sold<'_>, quantity: Option<i64>) -> Result<Option<i64>, Unmapped> {
    let Sold { id, per_unit } = sold;
    match quantity {
        _ if !per_unit => Ok(None),
        Some(units) if (1..=MAX_UNITS).contains(&units) => Ok(Some(units).filter(|one| *one > 1)),
        found => {
            let found = found.map_or_else(|| "none".to_owned(), |units| units.to_string());
            let detail = format!(
                "{id} is sold per unit, so the quantity must be a whole number from 1 to \
                 {MAX_UNITS}, got {found}"
            );
            Err(Unmapped::new("unknown_quantity", detail))
        }
    }
}

/// What an operator should know about a quantity.
fn counted_once(sold: Sold<'_>, quantity: Option<i64>) -> Option<String> {
    let quantity = quantity.filter(|quantity| *quantity > 1 && !sold.per_unit)?;
    Some(format!("quantity {quantity} counts once"))
}

/// What a change says: plan, status, anchor, and until when it is paid.
type Content<'a> = (&'a str, SubscriptionStatus, DateTime<Utc>, DateTime<Utc>);

/// The reference of a change: the subscription, the time, and a hash of what is said. Two events
/// about one change have the same, two changes in one second have not.
fn change_reference(
    provider: Provider,
    subject: &str,
    ((plan, status, anchor, paid), units): (Content<'_>, Option<i64>),
    at: Option<DateTime<Utc>>,
) -> String {
    let status = status.as_str();
    let (anchor, paid) = (anchor.timestamp(), paid.timestamp());
    let units = units.map_or(String::new(), |units| format!("\n{units}"));
    let text = format!("{plan}\n{status}\n{anchor}\n{paid}{units}");
    let hash = Sha256::digest(text.as_bytes());
    let hash = hash.iter().take(6);
    let hash = hash.fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let at = at.map_or(0, |at| at.timestamp_millis());
    format!("{}:{subject}:{at}:{hash:012x}", provider.as_str())
}

fn found_ids<'a>(ids: impl Iterator<Item = &'a String>) -> String {
    let ids: Vec<&str> = ids.map(String::as_str).collect();
    if ids.is_empty() {
        "the event names neither a package nor a price".to_owned()
    } else {
        format!(
            "no package or plan of the configuration is {}",
            ids.join(" or ")
        )
    }
}
