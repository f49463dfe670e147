//! The command `forgive`. It writes off debt, the oldest first.

use crate::{
    action::Forgive,
    amount::MAX_AMOUNT,
    debt::{Debts, Settlement},
    decision::{Context, Verdict},
    inconsistency::Inconsistency,
    posting::TransactionType,
    refusal::{Refusal, Refused},
    wallet::Wallet,
};

pub(crate) fn decide(
    wallet: Option<&mut Wallet>,
    forgive: &Forgive,
    debts: &mut Debts,
    context: &mut Context<'_>,
) -> Result<Verdict, Inconsistency> {
    let Some(wallet) = wallet else {
        return Ok(Refusal::WalletNotFound.into());
    };
    let amount = forgive.amount.unwrap_or(wallet.debt.min(MAX_AMOUNT));
    if amount == 0 || amount > wallet.debt {
        let refused = Refused::exceeds_debt(forgive.amount, wallet.debt);
        return Ok(Verdict::Refuse(refused));
    }
    debts.check(&wallet.user_id, wallet.debt)?;
    let mut posting = context.posting(TransactionType::Forgiveness);
    posting.audit.debts = debts.settle(&wallet.user_id, amount, Settlement::Forgiven, |_| true);
    posting.audit.request = Some(Box::new(context.command.clone()));
    wallet.owe(-amount)?;
    wallet.post(0)?;
    posting.debt_change = -amount;
    posting.other_account = Some("SYSTEM:debt-forgiveness".to_owned());
    posting.balance_after = Some(wallet.balance);
    posting.detail.debt = Some(wallet.debt);
    Ok(Verdict::Post(vec![posting]))
}
