//! The commands `freeze` and `unfreeze`. They decide whether a wallet may spend.

use crate::{
    decision::{Context, Verdict},
    inconsistency::Inconsistency,
    posting::TransactionType,
    refusal::Refusal,
    wallet::{Wallet, WalletStatus},
};

pub(crate) fn decide(
    wallet: Option<&mut Wallet>,
    status: WalletStatus,
    context: &mut Context<'_>,
) -> Result<Verdict, Inconsistency> {
    let Some(wallet) = wallet else {
        return Ok(Refusal::WalletNotFound.into());
    };
    wallet.status = status;
    wallet.post(0)?;
    let mut posting = context.posting(match status {
        WalletStatus::Frozen => TransactionType::Freeze,
        WalletStatus::Active => TransactionType::Unfreeze,
    });
    posting.balance_after = Some(wallet.balance);
    posting.audit.request = Some(Box::new(context.command.clone()));
    Ok(Verdict::Post(vec![posting]))
}
