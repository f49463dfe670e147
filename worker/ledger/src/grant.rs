//! The command `grant` with the reasons `registration_bonus` and `promotion`. It adds free credits
//! and clips them so that the wallet does not exceed its cap.

use crate::{
    action::Promotion,
    batch::Source,
    decision::{Context, Verdict},
    deposit::{Deposit, deposit, expiry},
    inconsistency::Inconsistency,
    posting::TransactionType,
    refusal::Refusal,
    subscription::{self, Subscription},
    wallet::Wallet,
};

pub(crate) fn registration_bonus(
    wallet: &mut Wallet,
    context: &mut Context<'_>,
) -> Result<Verdict, Inconsistency> {
    let registration = context.rules.registration;
    let kind = TransactionType::RegistrationBonus;
    free_credits(
        wallet,
        kind,
        "SYSTEM:registration-bonus",
        registration.credits,
        registration.validity_days,
        context,
    )
}

pub(crate) fn promotion(
    wallet: &mut Wallet,
    promotion: Promotion,
    context: &mut Context<'_>,
) -> Result<Verdict, Inconsistency> {
    free_credits(
        wallet,
        TransactionType::Promotion,
        "SYSTEM:promotion",
        promotion.amount,
        promotion.validity_days,
        context,
    )
}

fn free_credits(
    wallet: &mut Wallet,
    kind: TransactionType,
    account: &str,
    requested: i64,
    validity_days: Option<i64>,
    context: &mut Context<'_>,
) -> Result<Verdict, Inconsistency> {
    let headroom = context
        .rules
        .max_user_balance
        .saturating_sub(wallet.spendable_at(context.at));
    let granted = requested.min(headroom.max(0));
    if granted == 0 && requested > 0 {
        return Ok(Refusal::MaxBalanceReached.into());
    }
    let Ok(expires_at) = expiry(context.at, validity_days) else {
        return Ok(Refusal::InvalidAmount.into());
    };
    if wallet.total_earned.checked_add(granted).is_none() {
        return Ok(Refusal::InvalidAmount.into());
    }
    let mut posting = context.posting(kind);
    posting.detail.clipped = (granted < requested).then_some(requested - granted);
    let deposited = Deposit {
        amount: granted,
        account: account.to_owned(),
        source: Source::Bonus,
        source_plan: None,
        grant_period: None,
        expires_at,
        paid_micros: None,
        currency: None,
    };
    deposit(wallet, &mut posting, deposited, context)?;
    Ok(Verdict::Post(vec![posting]))
}

/// The subscription to the free plan that a registration opens. Returns `None` if that plan is
/// unknown or disabled.
pub(crate) fn free_subscription(context: &Context<'_>) -> Option<Subscription> {
    let plan = context.rules.free_plan.as_ref()?;
    subscription::enabled_plan(plan, context.rules)?;
    Some(Subscription::free(
        &context.command.user_id,
        plan,
        context.at,
        context.rules,
    ))
}
