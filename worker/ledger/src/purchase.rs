//! `purchase`: credits that were paid for, and the bonus that comes with a package.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::{
    amount::MAX_AMOUNT,
    book::{Context, Verdict},
    command::Item,
    payment::{CreditedPayment, PaymentKey},
    posting::{Allocation, BatchNote, Posting, TransactionType},
    refusal::{Refusal, Refused},
    rules::{Package, Rules},
    wallet::{Batch, BatchStatus, Inconsistency, Source, Wallet},
};

/// What was bought.
pub(crate) struct Lot {
    credits: i64,
    bonus: i64,
    validity_days: Option<i64>,
    package: Option<String>,
}

/// What the payment provider said.
pub(crate) struct Payment<'a> {
    pub key: PaymentKey,
    pub paid_micros: Option<i64>,
    pub currency: Option<&'a String>,
}

/// Looks up what was bought.
pub(crate) fn lot(item: &Item, rules: &Rules) -> Result<Lot, Refusal> {
    let of = |id: &str, package: &Package| Lot {
        credits: package.credits,
        bonus: package.bonus,
        validity_days: package.validity_days,
        package: Some(id.to_owned()),
    };
    match item {
        Item::Package(id) => rules
            .packages
            .get(id)
            .map(|package| of(id, package))
            .ok_or(Refusal::UnknownPackage),
        Item::Price(price_id) => rules
            .packages
            .iter()
            .find(|(_, package)| package.price_id.as_ref() == Some(price_id))
            .map(|(id, package)| of(id, package))
            .ok_or(Refusal::UnknownPackage),
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

pub(crate) fn decide<F: FnMut() -> Uuid>(
    wallet: &mut Wallet,
    lot: &Lot,
    payment: Payment<'_>,
    payments: &mut HashMap<PaymentKey, CreditedPayment>,
    context: &mut Context<'_, F>,
) -> Result<Verdict, Inconsistency> {
    let whole = lot
        .credits
        .checked_add(lot.bonus)
        .filter(|whole| *whole > 0 && *whole <= MAX_AMOUNT);
    let earned = whole.and_then(|whole| wallet.total_earned.checked_add(whole));
    let expires_at = expiry(context.at, lot.validity_days);
    let (Some(_), Ok(expires_at)) = (earned, expires_at) else {
        return Ok(Verdict::Unapplied(Refusal::InvalidAmount.into()));
    };
    if let Some(first) = payments.get(&payment.key) {
        return Ok(Verdict::Refuse(Refused::duplicate_payment(first.clone())));
    }
    let mut paid = context.posting(TransactionType::Purchase);
    paid.purchase_id = Some(payment.key.purchase_id.clone());
    paid.purchase_line.clone_from(&payment.key.purchase_line);
    let deposited = Deposit {
        amount: lot.credits,
        account: format!("PAYMENT:{}", payment.key.purchase_id),
        source: Source::Purchase,
        source_plan: lot.package.clone(),
        grant_period: None,
        expires_at,
        paid_micros: payment.paid_micros,
        currency: payment.currency.cloned(),
    };
    deposit(wallet, &mut paid, deposited, context)?;
    let mut postings = vec![paid];
    if lot.bonus > 0 {
        let reference = format!("bonus:{}", context.command.reference_id);
        let mut bonus = context.derived(TransactionType::Bonus, reference, Some(postings[0].id));
        // Its reference is derived from one that may be its sender's own.
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
    payments.insert(payment.key, credited);
    postings[0].detail.over_cap = wallet.spendable_at(context.at) > context.rules.max_user_balance;
    Ok(Verdict::Post(postings))
}

/// When credits that arrive at `at` expire.
pub(crate) fn expiry(
    at: DateTime<Utc>,
    validity_days: Option<i64>,
) -> Result<Option<DateTime<Utc>>, Refusal> {
    let Some(days) = validity_days else {
        return Ok(None);
    };
    TimeDelta::try_days(days)
        .and_then(|validity| at.checked_add_signed(validity))
        .map(Some)
        .ok_or(Refusal::InvalidAmount)
}

/// Credits that reach a wallet as a batch of their own.
pub(crate) struct Deposit {
    pub amount: i64,
    pub account: String,
    pub source: Source,
    pub source_plan: Option<String>,
    pub grant_period: Option<String>,
    pub expires_at: Option<DateTime<Utc>>,
    pub paid_micros: Option<i64>,
    pub currency: Option<String>,
}

/// Opens the wallet if need be, adds the batch and completes the posting. An amount of 0 only opens the wallet.
pub(crate) fn deposit<F: FnMut() -> Uuid>(
    wallet: &mut Wallet,
    posting: &mut Posting,
    deposit: Deposit,
    context: &mut Context<'_, F>,
) -> Result<(), Inconsistency> {
    wallet.post(deposit.amount)?;
    wallet.open = true;
    wallet.total_earned = wallet
        .total_earned
        .checked_add(deposit.amount)
        .ok_or_else(|| wallet.inconsistent(format!("{} does not fit its total_earned", deposit.amount)))?;
    posting.amount = deposit.amount;
    posting.balance_after = Some(wallet.balance);
    if deposit.amount == 0 {
        return Ok(());
    }
    posting.other_account = Some(deposit.account);
    posting.detail.batch = Some(Box::new(BatchNote {
        expires_at: deposit.expires_at,
        plan: deposit.source_plan.clone(),
        paid_micros: deposit.paid_micros,
        currency: deposit.currency.clone(),
    }));
    let batch = Batch {
        id: context.id(),
        amount: deposit.amount,
        remaining: deposit.amount,
        held: 0,
        issued_at: context.at,
        expires_at: deposit.expires_at,
        status: BatchStatus::Active,
        source: deposit.source,
        source_plan: deposit.source_plan,
        grant_period: deposit.grant_period,
        paid_micros: deposit.paid_micros,
        currency: deposit.currency,
        transaction_id: posting.id,
        expirations: 0,
        new: true,
        dirty: true,
    };
    posting.allocations.push(Allocation {
        batch_id: batch.id,
        amount: deposit.amount,
        batch_remaining: deposit.amount,
    });
    wallet.add_batch(batch);
    Ok(())
}
