//! The command `purchase`. It adds the credits that were paid for, and the bonus of a package.

use std::collections::HashMap;

use crate::{
    action::Purchase,
    amount::MAX_AMOUNT,
    batch::Source,
    command::Item,
    decision::{Context, Verdict},
    deposit::{Deposit, deposit, expiry},
    inconsistency::Inconsistency,
    payment::{CreditedPayment, PaymentKey},
    posting::TransactionType,
    refusal::{Refusal, Refused},
    rules::{Package, Rules},
    wallet::Wallet,
};

/// The credits that a purchase adds.
struct Lot {
    credits: i64,
    bonus: i64,
    validity_days: Option<i64>,
    package: Option<String>,
}

/// Looks up the credits of a package, times the quantity, or takes the number of credits in the
/// command.
fn lot(purchase: &Purchase, rules: &Rules) -> Result<Lot, Refusal> {
    let quantity = purchase.quantity.unwrap_or(1);
    let package_lot = |id: &str, package: &Package| {
        let times = |credits: i64| credits.checked_mul(quantity).ok_or(Refusal::InvalidAmount);
        Ok(Lot {
            credits: times(package.credits)?,
            bonus: times(package.bonus)?,
            validity_days: package.validity_days,
            package: Some(id.to_owned()),
        })
    };
    match &purchase.item {
        Item::Package(id) => rules
            .packages
            .get(id)
            .ok_or(Refusal::UnknownPackage)
            .and_then(|package| package_lot(id, package)),
        Item::Price(price_id) => rules
            .packages
            .iter()
            .find(|(_, package)| package.has_price(price_id))
            .ok_or(Refusal::UnknownPackage)
            .and_then(|(id, package)| package_lot(id, package)),
        Item::Credits {
            credits,
            validity_days,
        } => Ok(Lot {
            credits: *credits,
            bonus: 0,
            validity_days: *validity_days,
            package: None,
        }),
    }
}

pub(crate) fn decide(
    wallet: &mut Wallet,
    purchase: &Purchase,
    payments: &mut HashMap<PaymentKey, CreditedPayment>,
    context: &mut Context<'_>,
) -> Result<Verdict, Inconsistency> {
    let lot = match lot(purchase, context.rules) {
        Ok(lot) => lot,
        Err(refusal) => return Ok(refusal.into()),
    };
    let payment = PaymentKey::from(purchase);
    let total = lot
        .credits
        .checked_add(lot.bonus)
        .filter(|total| *total > 0 && *total <= MAX_AMOUNT);
    let earned = total.and_then(|total| wallet.total_earned.checked_add(total));
    let expires_at = expiry(context.at, lot.validity_days);
    let (Some(_), Ok(expires_at)) = (earned, expires_at) else {
        return Ok(Verdict::Unapplied(Refusal::InvalidAmount.into()));
    };
    if let Some(first) = payments.get(&payment) {
        return Ok(Verdict::Refuse(Refused::duplicate_payment(first.clone())));
    }
    let mut paid = context.posting(TransactionType::Purchase);
    paid.purchase_id = Some(purchase.purchase_id.clone());
    paid.purchase_line.clone_from(&purchase.purchase_line);
    let deposited = Deposit {
        amount: lot.credits,
        account: format!("PAYMENT:{}", purchase.purchase_id),
        source: Source::Purchase,
        source_plan: lot.package.clone(),
        grant_period: None,
        expires_at,
        paid_micros: purchase.paid_micros,
        currency: purchase.currency.clone(),
    };
    deposit(wallet, &mut paid, deposited, context)?;
    let mut postings = vec![paid];
    if lot.bonus > 0 {
        let reference = format!("bonus:{}", context.command.reference_id);
        let mut bonus = context.derived(TransactionType::Bonus, reference, Some(postings[0].id));
        // The reference is derived from the purchase's, which may be unique only for the purchase's
        // sender.
        bonus.sender.clone_from(&postings[0].sender);
        bonus.purchase_id.clone_from(&postings[0].purchase_id);
        bonus.purchase_line.clone_from(&postings[0].purchase_line);
        let deposited = Deposit {
            amount: lot.bonus,
            account: "SYSTEM:purchase-bonus".to_owned(),
            source: Source::Bonus,
            source_plan: lot.package.clone(),
            grant_period: None,
            expires_at,
            paid_micros: None,
            currency: None,
        };
        deposit(wallet, &mut bonus, deposited, context)?;
        postings.push(bonus);
    }
    let credited = CreditedPayment {
        reference_id: context.command.reference_id.clone(),
        transaction_id: postings[0].id,
    };
    payments.insert(payment, credited);
    postings[0].detail.over_cap = wallet.spendable_at(context.at) > context.rules.max_user_balance;
    Ok(Verdict::Post(postings))
}
