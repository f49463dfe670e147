//! `subscription`: what the payment provider says of a subscription, in whatever order it arrives. What is due under
//! the old state is granted before the change, what is due under the new state after it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    book::{Context, Verdict},
    monthly,
    posting::TransactionType,
    subscription::SubscriptionStatus,
    subscription::{Event, Subscription},
    wallet::{Inconsistency, Wallet},
};

pub(crate) fn decide<F: FnMut() -> Uuid>(
    wallet: &mut Wallet,
    subscriptions: &mut Vec<Subscription>,
    event: &Event<'_>,
    context: &mut Context<'_, F>,
) -> Result<Verdict, Inconsistency> {
    let known = subscriptions.iter().position(|one| one.id == event.id);
    let is_stale = known.is_some_and(|nth| subscriptions[nth].is_stale(event));
    if !is_stale
        && matches!(
            event.status,
            SubscriptionStatus::Active | SubscriptionStatus::Trialing
        )
        && let Err(refusal) = monthly::plan(event.plan, context)
    {
        return Ok(refusal.into());
    }
    // Grants are judged by the clock, not by the event, which may be old.
    context.at = context.now;
    let mut posting = context.posting(TransactionType::Subscription);
    posting.subscription_id = Some(event.id.to_owned());
    posting.occurred_at = event.at;
    posting.detail.claimed_at = None;
    posting.detail.stale = is_stale;
    posting.detail.request = Some(Box::new(context.command.clone()));
    wallet.open = true;
    wallet.post(0)?;
    posting.balance_after = Some(wallet.balance);

    let nth = known.unwrap_or_else(|| {
        subscriptions.push(Subscription::unheard_of(&context.command.user_id, event));
        subscriptions.len() - 1
    });
    let id = posting.id;
    let mut postings = vec![posting];
    // The provider's clock may be a little ahead of ours: what it says runs is granted now.
    let now = context.now.max(event.at);
    if is_stale {
        subscriptions[nth].recall(event, context.rules);
    } else {
        let before = (now, event.at);
        postings.extend(monthly::settle(wallet, subscriptions, nth, before, id, context)?);
        subscriptions[nth].change(event, context.rules);
    }
    let after = (now, DateTime::<Utc>::MAX_UTC);
    postings.extend(monthly::settle(wallet, subscriptions, nth, after, id, context)?);
    Ok(Verdict::Post(postings))
}
