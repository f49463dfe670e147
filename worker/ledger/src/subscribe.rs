//! The command `subscription`. It adds an event of the payment provider to the timeline of a
//! subscription, and grants the periods that are due by all events together.

use crate::{
    action::SubscriptionUpdate,
    decision::{Context, Verdict},
    inconsistency::Inconsistency,
    monthly,
    posting::TransactionType,
    status::SubscriptionStatus,
    subscription::{self, Subscription},
    timeline::Event,
    wallet::Wallet,
};

pub(crate) fn decide(
    wallet: &mut Wallet,
    subscriptions: &mut Vec<Subscription>,
    update: &SubscriptionUpdate,
    context: &mut Context<'_>,
) -> Result<Verdict, Inconsistency> {
    let event = Event {
        at: context.command.event_at(context.now),
        applied_at: context.now,
        status: update.status,
        plan: update.plan.clone(),
        quantity: update.quantity,
        anchor: update.anchor,
        paid_through: update.paid_through,
    };
    let id = &update.subscription_id;
    let known = subscriptions.iter().position(|one| one.id == *id);
    let is_stale = known.is_some_and(|nth| subscriptions[nth].is_stale(&event));
    if matches!(
        event.status,
        SubscriptionStatus::Active | SubscriptionStatus::Trialing
    ) && let Err(refusal) = monthly::plan(&event.plan, context)
    {
        return Ok(refusal.into());
    }
    // The clock decides about grants, not the event, which may be old.
    context.at = context.now;
    let mut posting = context.posting(TransactionType::Subscription);
    posting.subscription_id = Some(id.clone());
    posting.occurred_at = event.at;
    posting.audit.claimed_at = context
        .command
        .occurred_at
        .filter(|claimed| *claimed != event.at);
    posting.detail.stale = is_stale;
    posting.audit.request = Some(Box::new(context.command.clone()));
    wallet.post(0)?;
    posting.balance_after = Some(wallet.balance);

    if let Some(nth) = known {
        subscriptions[nth].record(event, context.rules);
    } else {
        let user_id = &context.command.user_id;
        subscriptions.push(Subscription::new(id.clone(), user_id, event, context.rules));
    }
    let until = subscription::due_until(context.command, context.now);
    let related_id = Some(posting.id);
    let mut postings = vec![posting];
    postings.extend(monthly::settle(
        wallet,
        subscriptions,
        until,
        related_id,
        context,
    )?);
    Ok(Verdict::Post(postings))
}
