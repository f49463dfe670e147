//! Monthly grants: a plan's credits for one period, and catching up with all periods that are due.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::{
    action::{Action, MonthlyGrant},
    batch::Source,
    command::{Command, Origin},
    decision::{Context, Verdict},
    deposit::{Deposit, deposit},
    inconsistency::Inconsistency,
    period::Period,
    posting::{Posting, Skipped, TransactionType},
    refusal::Refusal,
    rules::Plan,
    subscription::{self, DuePeriod, Subscription},
    wallet::Wallet,
};

/// The maximum number of periods that one command grants. The rest stays due.
const MAX_PERIODS: usize = 120;

/// The reference of the grant of a period.
pub(crate) fn reference(subscription_id: &str, start: DateTime<Utc>) -> String {
    format!("grant:{subscription_id}:{}", start.format("%Y-%m-%d"))
}

/// Decides the job's command, which names one period.
pub(crate) fn decide(
    wallet: Option<&mut Wallet>,
    subscriptions: &mut [Subscription],
    grant: &MonthlyGrant,
    context: &mut Context<'_>,
) -> Result<Verdict, Inconsistency> {
    // The clock decides about grants, not a time that a producer set on the command.
    context.at = context.now;
    let nth = subscriptions
        .iter()
        .position(|one| one.id == grant.subscription_id);
    let due = nth.and_then(|nth| {
        let due = subscriptions[nth].due_periods(context.rules, context.now);
        due.into_iter()
            .find(|due| due.period.start == grant.period_start)
            .filter(|_| {
                reference(&grant.subscription_id, grant.period_start)
                    == context.command.reference_id
            })
    });
    let (Some(nth), Some(due), Some(wallet)) = (nth, due, wallet) else {
        return Ok(Refusal::NotDue.into());
    };
    let plan = match plan(&due.plan, context) {
        Ok(plan) => plan,
        Err(refusal) => return Ok(refusal.into()),
    };
    let posting = grant_period(wallet, subscriptions, nth, (&due, plan), None, context)?;
    wallet.next_due_at = subscription::next_due_at(subscriptions, context.rules, context.now);
    Ok(Verdict::Post(vec![posting]))
}

/// The plan with this name, if it exists and is enabled.
pub(crate) fn plan(name: &str, context: &Context<'_>) -> Result<Plan, Refusal> {
    match context.rules.plans.get(name) {
        None => Err(Refusal::UnknownPlan),
        Some(plan) if !plan.enabled => Err(Refusal::PlanDisabled),
        Some(plan) => Ok(*plan),
    }
}

/// Grants all periods of a user's subscriptions that are due by `until`, in order of their start. A
/// period stays due if it still waits for late events, if its plan is not enabled, or if more than
/// [`MAX_PERIODS`] are due.
pub(crate) fn settle(
    wallet: &mut Wallet,
    subscriptions: &mut [Subscription],
    until: DateTime<Utc>,
    related_id: Option<Uuid>,
    context: &mut Context<'_>,
) -> Result<Vec<Posting>, Inconsistency> {
    let mut due = Vec::new();
    for (nth, subscription) in subscriptions.iter().enumerate() {
        for period in subscription.due_periods(context.rules, until) {
            let waits = period.period.start <= context.now
                && subscription.due_from(period.period) > context.now;
            if !waits && let Some(plan) = subscription::enabled_plan(&period.plan, context.rules) {
                due.push((nth, period, *plan));
            }
        }
    }
    due.sort_by(|(a, one, _), (b, other, _)| {
        (one.period.start, &subscriptions[*a].id).cmp(&(other.period.start, &subscriptions[*b].id))
    });
    let mut postings = Vec::with_capacity(due.len().min(MAX_PERIODS));
    for (nth, period, plan) in due.into_iter().take(MAX_PERIODS) {
        postings.push(grant_period(
            wallet,
            subscriptions,
            nth,
            (&period, plan),
            related_id,
            context,
        )?);
    }
    wallet.next_due_at = subscription::next_due_at(subscriptions, context.rules, context.now);
    Ok(postings)
}

/// Grants a period, or records why it brings no credits. Either way the period is marked as
/// handled.
fn grant_period(
    wallet: &mut Wallet,
    subscriptions: &mut [Subscription],
    nth: usize,
    (due, plan): (&DuePeriod, Plan),
    related_id: Option<Uuid>,
    context: &mut Context<'_>,
) -> Result<Posting, Inconsistency> {
    let period = due.period;
    let expires_at = match plan.validity_days {
        None => Some(period.end),
        Some(days) => {
            TimeDelta::try_days(days).and_then(|validity| period.start.checked_add_signed(validity))
        }
    };
    let is_free = subscriptions[nth].is_free();
    let skipped = if expires_at.is_some_and(|expires_at| expires_at <= context.now) {
        Some(Skipped::Expired)
    } else if is_free && subscription::is_covered(subscriptions, period.start, context.rules) {
        Some(Skipped::PaidPlan)
    } else {
        None
    };
    let subscription = &mut subscriptions[nth];
    subscription.handle(period.start, context.rules);

    let reference = reference(&subscription.id, period.start);
    let mut posting = context.derived(TransactionType::MonthlyGrant, reference, related_id);
    posting.fingerprint = Some(command(subscription, &posting.reference_id, period).fingerprint());
    posting.subscription_id = Some(subscription.id.clone());
    posting.period_start = Some(period.start);
    posting.occurred_at = context.now;
    posting.detail.skipped = skipped;
    let headroom = context
        .rules
        .max_user_balance
        .saturating_sub(wallet.spendable_at(context.now));
    let credits = plan.credits_of(due.quantity);
    let granted = match skipped {
        Some(_) => 0,
        None => credits.min(headroom.max(0)),
    };
    if skipped.is_none() && granted < credits {
        posting.detail.clipped = Some(credits - granted);
        if granted == 0 {
            posting.refusal = Some(Refusal::MaxBalanceReached);
            posting.balance_after = Some(wallet.balance);
            return Ok(posting);
        }
    }
    let deposited = Deposit {
        amount: granted,
        account: "SYSTEM:subscription-grant".to_owned(),
        source: Source::Subscription,
        source_plan: Some(due.plan.clone()),
        grant_period: Some(period.month()),
        expires_at,
        paid_micros: None,
        currency: None,
    };
    deposit(wallet, &mut posting, deposited, context)?;
    Ok(posting)
}

/// The command that the job would send for a period. Every grant of the period has its fingerprint,
/// so the job's command is a replay if another command granted the period first.
fn command(subscription: &Subscription, reference: &str, period: Period) -> Command {
    Command {
        origin: Origin::Internal,
        reference_id: reference.to_owned(),
        user_id: subscription.user_id.clone(),
        occurred_at: None,
        received_at: None,
        sender: None,
        description: None,
        metadata: None,
        action: Action::MonthlyGrant(MonthlyGrant {
            subscription_id: subscription.id.clone(),
            period_start: period.start,
        }),
    }
}
