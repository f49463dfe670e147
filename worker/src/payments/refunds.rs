//! Refunds and disputes: which deposit they revoke, and how much of it.

use chrono::TimeDelta;
use producer_sdk::{Command, contract::Rejection};

use super::{
    LinkKey, LinkKind, PaymentRules, Provider,
    fact::{Dispute, Refund},
    mapped::{GRANT_PENDING, Link, Links, Mapped, Unmapped},
    money,
};

/// A longer period has grants in several months, so a refund of it is for a person.
const LONGEST_MONTH: TimeDelta = TimeDelta::days(45);
const ACTOR: &str = "scrip:payments";

/// The deposit that a payment brought.
struct Deposit {
    user: String,
    reference: String,
    /// What was paid, in the smallest unit of the currency.
    amount: Option<i64>,
}

/// Revokes the share of a payment that was returned.
pub fn refunded(provider: Provider, refund: &Refund, links: &Links) -> Result<Mapped, Unmapped> {
    if refund.amount.is_some_and(|amount| amount <= 0) {
        return Ok(Mapped::Ignored("no_amount"));
    }
    let deposit = deposit(&refund.payments, links)?;
    let reference = format!("{}:{}", provider.as_str(), refund.id);
    let mut revoke = Command::revoke(&reference, &deposit.user, deposit.reference);
    if let Some(amount) = refund.amount {
        // The event names what was paid with tax, as the amount of the refund.
        let paid = refund.paid.or(deposit.amount).filter(|paid| *paid > 0);
        let share = paid.and_then(|paid| money::share(amount, paid));
        let share = share.ok_or_else(|| {
            let detail = "neither the event nor its payment says what was paid; revoke by hand";
            Unmapped::new("unknown_amount", detail)
        })?;
        revoke = revoke.share(&share).map_err(|error| rejected(&error))?;
    }
    let mut commands = vec![revoke];
    if refund.has_failed {
        let back = format!("{reference}:failed");
        commands.push(Command::reinstate(back, &deposit.user, &reference));
    }
    Ok(Mapped::known(&deposit.user, &[], commands))
}

/// Revokes the rest of a payment that is disputed.
pub fn disputed(
    provider: Provider,
    dispute: &Dispute,
    rules: &PaymentRules,
    links: &Links,
) -> Result<Mapped, Unmapped> {
    let Deposit {
        user,
        reference: deposit,
        ..
    } = deposit(&dispute.payments, links)?;
    let reference = format!("{}:{}", provider.as_str(), dispute.id);
    let mut commands = vec![Command::revoke(&reference, &user, deposit)];
    if rules.freezes(provider) {
        let (name, reason) = (
            format!("{reference}:freeze"),
            format!("dispute {}", dispute.id),
        );
        commands.push(Command::freeze(name, &user, reason, ACTOR));
    }
    if dispute.is_won {
        // The revocation is sent first, so that the order of the events does not matter.
        let won = format!("{reference}:won");
        commands.push(Command::reinstate(won, &user, &reference));
    }
    Ok(Mapped::known(&user, &[], commands))
}

/// A command that the contract does not allow.
pub fn rejected(rejection: &Rejection) -> Unmapped {
    Unmapped::new("invalid_command", rejection.message.clone())
}

/// The deposit of a payment: the purchase, or the only grant of the period that was paid.
fn deposit(payments: &[LinkKey], links: &Links) -> Result<Deposit, Unmapped> {
    let invoices: Vec<LinkKey> = payments
        .iter()
        .filter_map(|key| links.get(key)?.invoice.as_deref())
        .map(|id| LinkKey::new(LinkKind::Invoice, id))
        .collect();
    let keys: Vec<LinkKey> = payments.iter().chain(&invoices).cloned().collect();
    for link in keys.iter().filter_map(|key| links.get(key)) {
        let Some(user) = &link.user else { continue };
        if let Some(reference) = reference(link, &keys)? {
            return Ok(Deposit {
                user: user.clone(),
                reference,
                amount: link.amount,
            });
        }
    }
    Err(Unmapped {
        waits_for: keys,
        ..Unmapped::new("unknown_payment", "the payment has not brought credits yet")
    })
}

fn reference(link: &Link, keys: &[LinkKey]) -> Result<Option<String>, Unmapped> {
    if link.deposit.is_some() {
        return Ok(link.deposit.clone());
    }
    let Some(period) = &link.period else {
        return Ok(None);
    };
    if period.end - period.start > LONGEST_MONTH || link.grants.len() > 1 {
        let detail = "the payment is for several grants; revoke them by hand";
        return Err(Unmapped::new("several_grants", detail));
    }
    let grant = link.grants.first().ok_or_else(|| Unmapped {
        waits_for: keys.to_vec(),
        ..Unmapped::new(
            GRANT_PENDING,
            format!(
                "the ledger has no grant of {} from {} until {} yet",
                period.subscription, period.start, period.end
            ),
        )
    })?;
    Ok(Some(grant.clone()))
}
