//! The command `expire`. It removes the credits of expired batches.
//!
//! It depends on the state only, so it can be repeated safely, and it has no row of its own. Each
//! batch that loses credits gets a transaction under the reference `expire:{batchId}:{n}`.

use chrono::{DateTime, Utc};

use crate::{
    action::Expire,
    decision::{Context, Verdict},
    posting::TransactionType,
    refusal::Refusal,
    wallet::{Inconsistency, Wallet},
};

pub(crate) fn decide(
    wallet: Option<&mut Wallet>,
    expire: Expire,
    context: &mut Context<'_>,
) -> Result<Verdict, Inconsistency> {
    let Some(wallet) = wallet else {
        return Ok(Refusal::WalletNotFound.into());
    };
    let latest = context
        .now
        .checked_sub_signed(context.rules.max_lateness)
        .unwrap_or(DateTime::<Utc>::MIN_UTC);
    let mut postings = Vec::new();
    for (allocation, nth) in wallet.take_expired(expire.cutoff.min(latest)) {
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
    Ok(Verdict::Post(postings))
}
