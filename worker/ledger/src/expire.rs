//! The command `expire`. It removes the credits of expired batches.
//!
//! It depends on the state only, so it can be repeated safely, and it has no row of its own. Each
//! batch that loses credits gets a transaction under the reference `expire:{batchId}:{n}`.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    action::Expire,
    decision::{Context, Verdict},
    inconsistency::Inconsistency,
    posting::{Posting, TransactionType},
    refusal::Refusal,
    wallet::Wallet,
};

pub(crate) fn decide(
    wallet: Option<&mut Wallet>,
    expire: Expire,
    context: &mut Context<'_>,
) -> Result<Verdict, Inconsistency> {
    let Some(wallet) = wallet else {
        return Ok(Refusal::WalletNotFound.into());
    };
    let postings = post(wallet, expire.cutoff, |_| true, context)?;
    Ok(Verdict::Post(postings))
}

/// Expires the batches that credits of closed holds were returned to, if they have expired
/// meanwhile.
pub(crate) fn returned(
    wallet: &mut Wallet,
    context: &mut Context<'_>,
) -> Result<Vec<Posting>, Inconsistency> {
    let returned = std::mem::take(&mut wallet.returned);
    post(
        wallet,
        context.now,
        |batch_id| returned.contains(&batch_id),
        context,
    )
}

fn post(
    wallet: &mut Wallet,
    cutoff: DateTime<Utc>,
    is_included: impl Fn(Uuid) -> bool,
    context: &mut Context<'_>,
) -> Result<Vec<Posting>, Inconsistency> {
    let latest = context
        .now
        .checked_sub_signed(context.rules.max_lateness)
        .unwrap_or(DateTime::<Utc>::MIN_UTC);
    let mut postings = Vec::new();
    for (allocation, nth) in wallet.take_expired(cutoff.min(latest), is_included) {
        wallet.post(allocation.amount)?;
        let reference = format!("expire:{}:{nth}", allocation.batch_id);
        let mut posting = context.derived(TransactionType::Expiration, reference, None);
        posting.amount = allocation.amount;
        posting.other_account = Some("SYSTEM:expiration".to_owned());
        posting.balance_after = Some(wallet.balance);
        posting.occurred_at = context.now;
        posting.allocations.push(allocation);
        postings.push(posting);
    }
    Ok(postings)
}
