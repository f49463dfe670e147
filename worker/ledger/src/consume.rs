//! The command `consume`. It spends credits on a service.

use crate::{
    action::Consume,
    decision::{Context, Verdict},
    inconsistency::Inconsistency,
    posting::TransactionType,
    pricing::cost,
    refusal::{Refusal, Refused},
    wallet::Wallet,
};

pub(crate) fn decide(
    wallet: Option<&mut Wallet>,
    consume: &Consume,
    context: &mut Context<'_>,
) -> Result<Verdict, Inconsistency> {
    let cost = match cost(
        &consume.service,
        consume.amount,
        consume.quantity,
        context.rules,
    ) {
        Ok(cost) => cost,
        Err(refusal) => return Ok(refusal.into()),
    };
    let Some(wallet) = wallet else {
        return Ok(Refusal::WalletNotFound.into());
    };
    if let Err(refusal) = wallet.check_spending(context.rules) {
        return Ok(refusal.into());
    }
    let available = wallet.spendable_at(context.at);
    if cost > available {
        return Ok(Verdict::Refuse(Refused::insufficient(cost, available)));
    }
    let mut posting = context.posting(TransactionType::Consumption);
    posting.service = Some(consume.service.clone());
    posting.quantity = consume.quantity;
    posting.detail.default_price = context
        .rules
        .uses_default_price(&consume.service, consume.amount);
    posting.allocations = wallet.take(cost, context.at)?;
    wallet.spend(cost)?;
    posting.amount = -cost;
    posting.other_account = (cost > 0).then(|| format!("SERVICE:{}", consume.service));
    posting.balance_after = Some(wallet.balance);
    Ok(Verdict::Post(vec![posting]))
}
