//! `grant` of a plan's credits for one period, and catching up with all periods that are due.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::{
    book::{Context, Verdict},
    command::{Action, Command, Origin},
    period::Period,
    posting::{Posting, Skipped, TransactionType},
    purchase::{Deposit, deposit},
    refusal::Refusal,
    rules::Plan,
    subscription::{self, DuePeriod, Subscription},
    wallet::{Inconsistency, Source, Wallet},
};

/// At most so many periods are caught up with in one command; the rest stays due.
const MOST_PERIODS: usize = 120;

/// The reference of the grant of a period.
pub(crate) fn reference(subscription_id: &str, start: DateTime<Utc>) -> String {
    format!("grant:{subscription_id}:{}", start.format("%Y-%m-%d"))
}

/// Grants one period on the job's command.
pub(crate) fn decide<F: FnMut() -> Uuid>(
    wallet: Option<&mut Wallet>,
    subscriptions: &mut [Subscription],
    (subscription_id, period_start): (&str, DateTime<Utc>),
    context: &mut Context<'_, F>,
) -> Result<Verdict, Inconsistency> {
    // Grants are judged by the clock: what a producer stamped on the command is no event of the user's.
    context.at = context.now;
    let nth = subscriptions.iter().position(|one| one.id == subscription_id);
    let due = nth.and_then(|nth| {
        let due = subscriptions[nth].due_periods(context.rules, context.now);
        due.into_iter()
            .find(|due| due.period.start == period_start)
            .filter(|due| reference(subscription_id, due.period.start) == context.command.reference_id)
    });
    let (Some(nth), Some(due), Some(wallet)) = (nth, due, wallet) else {
        return Ok(Refusal::NotDue.into());
    };
    let plan = match plan(&due.plan, context) {
        Ok(plan) => plan,
        Err(refusal) => return Ok(refusal.into()),
    };
    let posting = grant(wallet, subscriptions, nth, (&due, plan), None, context)?;
    wallet.set_next_due_at(subscription::next_due_at(
        subscriptions,
        context.rules,
        context.now,
    ));
    Ok(Verdict::Post(vec![posting]))
}

/// The plan of that name, if it is granted.
pub(crate) fn plan<F>(name: &str, context: &Context<'_, F>) -> Result<Plan, Refusal> {
    match context.rules.plans.get(name) {
        None => Err(Refusal::UnknownPlan),
        Some(plan) if !plan.enabled => Err(Refusal::PlanDisabled),
        Some(plan) => Ok(*plan),
    }
}

/// Grants every period of a user's subscriptions that starts by `until`, waits for no event any more and whose plan is enabled, in
/// the order in which the periods start. The others stay due.
pub(crate) fn settle<F: FnMut() -> Uuid>(
    wallet: &mut Wallet,
    subscriptions: &mut [Subscription],
    until: DateTime<Utc>,
    related_id: Option<Uuid>,
    context: &mut Context<'_, F>,
) -> Result<Vec<Posting>, Inconsistency> {
    let mut due = Vec::new();
    for (nth, subscription) in subscriptions.iter().enumerate() {
        for period in subscription.due_periods(context.rules, until) {
            let waits =
                period.period.start <= context.now && subscription.due_from(period.period) > context.now;
            if !waits && let Some(plan) = subscription::enabled_plan(&period.plan, context.rules) {
                due.push((nth, period, *plan));
            }
        }
    }
    due.sort_by(|(a, one, _), (b, other, _)| {
        (one.period.start, &subscriptions[*a].id).cmp(&(other.period.start, &subscriptions[*b].id))
    });
    let mut postings = Vec::with_capacity(due.len().min(MOST_PERIODS));
    for (nth, period, plan) in due.into_iter().take(MOST_PERIODS) {
        postings.push(grant(
            wallet,
            subscriptions,
            nth,
            (&period, plan),
            related_id,
            context,
        )?);
    }
    wallet.set_next_due_at(subscription::next_due_at(
        subscriptions,
        context.rules,
        context.now,
    ));
    Ok(postings)
}

/// Grants a period, or records why it brings nothing, and notes that it was handled.
fn grant<F: FnMut() -> Uuid>(
    wallet: &mut Wallet,
    subscriptions: &mut [Subscription],
    nth: usize,
    (due, plan): (&DuePeriod, Plan),
    related_id: Option<Uuid>,
    context: &mut Context<'_, F>,
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
        Some(Skipped::Lapsed)
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
    let granted = match skipped {
        Some(_) => 0,
        None => plan.credits.min(headroom.max(0)),
    };
    if skipped.is_none() && granted < plan.credits {
        posting.detail.clipped = Some(plan.credits - granted);
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

/// The job's command for a period, whoever grants it.
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
        action: Action::MonthlyGrant {
            subscription_id: subscription.id.clone(),
            period_start: period.start,
        },
    }
}
