//! `consume`: spends credits on a service.

use uuid::Uuid;

use crate::{
    book::{Context, Verdict},
    posting::TransactionType,
    refusal::{Refusal, Refused},
    rules::Rules,
    wallet::{Inconsistency, Wallet, WalletStatus},
};

/// What a consumption costs: the amount it names, or its service's price.
pub(crate) fn cost(
    service: &str,
    amount: Option<i64>,
    quantity: Option<i64>,
    rules: &Rules,
) -> Result<i64, Refusal> {
    if let Some(amount) = amount {
        return Ok(amount);
    }
    let price = rules.price(service).ok_or(Refusal::UnknownService)?;
    price.of(quantity.unwrap_or(1)).ok_or(Refusal::InvalidAmount)
}

pub(crate) fn decide<F: FnMut() -> Uuid>(
    wallet: Option<&mut Wallet>,
    service: &str,
    amount: Option<i64>,
    quantity: Option<i64>,
    context: &mut Context<'_, F>,
) -> Result<Verdict, Inconsistency> {
    let cost = match cost(service, amount, quantity, context.rules) {
        Ok(cost) => cost,
        Err(refusal) => return Ok(refusal.into()),
    };
    let Some(wallet) = wallet.filter(|wallet| wallet.open) else {
        return Ok(Refusal::WalletNotFound.into());
    };
    if wallet.status == WalletStatus::Frozen {
        return Ok(Refusal::WalletFrozen.into());
    }
    let available = wallet.spendable_at(context.at);
    if cost > available {
        return Ok(Verdict::Refuse(Refused::insufficient(cost, available)));
    }
    let mut posting = context.posting(TransactionType::Consumption);
    posting.service = Some(service.to_owned());
    posting.quantity = quantity;
    posting.detail.default_price = context.rules.uses_default_price(&context.command.action);
    posting.allocations = wallet.take(cost, context.at)?;
    wallet.post(-cost)?;
    wallet.total_spent = wallet
        .total_spent
        .checked_add(cost)
        .ok_or_else(|| wallet.inconsistent(format!("{cost} does not fit its total_spent")))?;
    posting.amount = -cost;
    posting.other_account = (cost > 0).then(|| format!("SERVICE:{service}"));
    posting.balance_after = Some(wallet.balance);
    Ok(Verdict::Post(vec![posting]))
}
