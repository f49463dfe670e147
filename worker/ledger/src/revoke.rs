//! The command `revoke`. It takes credits of a deposit back, and of the bonus that came with a
//! purchase. What was spent or is held becomes a debt.

use scrip_types::RevokeExtent;

use crate::{
    action::Revoke,
    batch::{Batch, BatchStatus},
    debt::{Debt, Debts},
    decision::{Context, Verdict},
    deposit_record::{DepositRecord, Deposits},
    inconsistency::Inconsistency,
    posting::{Allocation, Posting, TransactionType},
    refusal::{Refusal, Refused},
    wallet::{Wallet, WalletStatus},
};

/// Millionths of a credit in a credit.
const MILLION: i128 = 1_000_000;

/// The rows that a revocation reads and changes besides the wallet.
pub(crate) struct Rows<'a> {
    pub deposits: &'a mut Deposits,
    pub debts: &'a mut Debts,
    /// The postings of the group so far.
    pub postings: &'a [Posting],
}

/// The credits of a deposit that will have been revoked, in millionths.
struct Target {
    deposit: DepositRecord,
    millionths: i128,
}

pub(crate) fn decide(
    wallet: Option<&mut Wallet>,
    revoke: &Revoke,
    rows: &mut Rows<'_>,
    context: &mut Context<'_>,
) -> Result<Verdict, Inconsistency> {
    let references = context.rules.references;
    let named = rows
        .deposits
        .named_by(&revoke.target, context.command, references)
        .cloned();
    // The deposit may arrive later, and the money was refunded, so the command is kept.
    let (Some(wallet), Some(deposit)) = (wallet, named) else {
        return Ok(Verdict::Unapplied(Refusal::OriginalNotFound.into()));
    };
    let targets = match targets(wallet, &deposit, revoke.extent, rows.deposits) {
        Ok(targets) => targets,
        Err(refused) => return Ok(Verdict::Refuse(refused)),
    };
    let mut postings: Vec<Posting> = Vec::new();
    for target in targets {
        post(wallet, &target, rows, &mut postings, context)?;
    }
    let is_indebted = postings.iter().any(|posting| posting.debt_change > 0);
    if is_indebted && context.rules.freeze_on_debt && wallet.status == WalletStatus::Active {
        let own = postings[0].id;
        wallet.status = WalletStatus::Frozen;
        wallet.post(0)?;
        let mut freeze =
            context.derived(TransactionType::Freeze, format!("freeze:{own}"), Some(own));
        freeze.balance_after = Some(wallet.balance);
        postings.push(freeze);
    }
    Ok(Verdict::Post(postings))
}

/// What will have been revoked of the named deposit, and of the bonus of a purchase.
fn targets(
    wallet: &Wallet,
    deposit: &DepositRecord,
    extent: RevokeExtent,
    deposits: &Deposits,
) -> Result<Vec<Target>, Refused> {
    let left = deposit.left();
    let (exceeds, required) = match extent {
        RevokeExtent::Amount(amount) => (amount > left, Some(amount)),
        RevokeExtent::AmountRefunded(_) => (false, None),
        RevokeExtent::All | RevokeExtent::Share(_) => (left == 0, None),
    };
    if exceeds {
        return Err(Refused::exceeds_deposit(required, left));
    }
    let paid = match extent {
        RevokeExtent::AmountRefunded(_) => paid_micros(wallet, deposit)?,
        _ => 0,
    };
    let millionths = |one: &DepositRecord| {
        let whole = i128::from(one.issued) * MILLION;
        let before = i128::from(one.revoked.revoked) * MILLION + i128::from(one.revoked.fraction);
        let target = match extent {
            RevokeExtent::All => whole,
            RevokeExtent::Share(share) => before + i128::from(one.issued) * i128::from(share),
            RevokeExtent::AmountRefunded(refunded) => part(one.issued, refunded, paid),
            RevokeExtent::Amount(amount) if one.transaction_id == deposit.transaction_id => {
                before + i128::from(amount) * MILLION
            }
            // The bonus follows its purchase by the same share.
            RevokeExtent::Amount(amount) => {
                let revoked = deposit.revoked.revoked.saturating_add(amount);
                part(one.issued, revoked, deposit.issued)
            }
        };
        target.max(before).min(whole)
    };
    let bonus = deposits.bonus_of(deposit).cloned();
    let targets = [Some(deposit.clone()), bonus].into_iter().flatten();
    Ok(targets
        .map(|deposit| Target {
            millionths: millionths(&deposit),
            deposit,
        })
        .collect())
}

/// The part `share / whole` of a number of credits, at most all, in millionths of a credit, rounded
/// down.
fn part(credits: i64, share: i64, whole: i64) -> i128 {
    let product = i128::from(credits) * i128::from(share.min(whole));
    let whole = i128::from(whole).max(1);
    product / whole * MILLION + product % whole * MILLION / whole
}

/// The price that was paid for a deposit. It must be known and above 0.
fn paid_micros(wallet: &Wallet, deposit: &DepositRecord) -> Result<i64, Refusal> {
    let mut batches = wallet.batches().iter();
    let batch = batches.find(|batch| batch.transaction_id == deposit.transaction_id);
    let paid = batch.and_then(|batch| batch.paid_micros);
    paid.filter(|paid| *paid > 0)
        .ok_or(Refusal::AmountPaidUnknown)
}

/// Revokes credits of one deposit: first those that are free, then those that have expired. The
/// rest becomes a debt.
fn post(
    wallet: &mut Wallet,
    target: &Target,
    rows: &mut Rows<'_>,
    postings: &mut Vec<Posting>,
    context: &mut Context<'_>,
) -> Result<(), Inconsistency> {
    let deposit = &target.deposit;
    let before = deposit.revoked;
    let total = i64::try_from(target.millionths / MILLION).unwrap_or(i64::MAX);
    let revoked = total - before.revoked;
    let fraction = i64::try_from(target.millionths % MILLION).unwrap_or(0);
    rows.deposits.revoked_mut(deposit.transaction_id)?.fraction = fraction;
    let own = postings.first().map(|own| own.id);
    if own.is_some() && revoked == 0 {
        return Ok(());
    }
    let mut posting = match own {
        None => {
            let mut posting = context.posting(TransactionType::Revocation);
            posting.related_id = Some(deposit.transaction_id);
            posting.audit.request = Some(Box::new(context.command.clone()));
            posting
        }
        Some(own) => {
            let reference = format!("revocation:{own}");
            context.derived(TransactionType::Revocation, reference, Some(own))
        }
    };
    let expired = expired(wallet, deposit, rows.postings, context);
    posting.allocations = take(wallet, deposit, revoked, context);
    let taken: i64 = posting.allocations.iter().map(|part| -part.amount).sum();
    let counted = before.revoked - before.taken - before.indebted;
    let indebted = (revoked - taken - (expired - counted).max(0)).max(0);
    let changed = rows.deposits.revoked_mut(deposit.transaction_id)?;
    changed.revoked = total;
    changed.taken += taken;
    changed.indebted += indebted;
    wallet.earn(-taken)?;
    posting.amount = -taken;
    posting.other_account = (taken > 0).then(|| deposit.account());
    posting.balance_after = Some(wallet.balance);
    posting.detail.deposit_id = Some(deposit.transaction_id);
    posting.detail.revoked = Some(revoked);
    posting.detail.debt = Some(wallet.debt);
    let (id, own) = (posting.id, own.unwrap_or(posting.id));
    postings.push(posting);
    if indebted == 0 {
        return Ok(());
    }
    let mut debt = context.derived(TransactionType::Debt, format!("debt:{id}"), Some(own));
    wallet.owe(indebted)?;
    wallet.post(0)?;
    debt.debt_change = indebted;
    debt.other_account = Some(deposit.account());
    debt.balance_after = Some(wallet.balance);
    debt.detail.deposit_id = Some(deposit.transaction_id);
    debt.detail.debt = Some(wallet.debt);
    rows.debts.open(Debt {
        id: debt.id,
        user_id: wallet.user_id.clone(),
        revocation_id: own,
        deposit_id: deposit.transaction_id,
        amount: indebted,
        repaid: 0,
        forgiven: 0,
        cancelled: 0,
    });
    postings.push(debt);
    Ok(())
}

/// The credits of a deposit that have expired: those that were removed, and those that are left in
/// batches that have expired.
fn expired(
    wallet: &Wallet,
    deposit: &DepositRecord,
    postings: &[Posting],
    context: &Context<'_>,
) -> i64 {
    let batches = wallet.batches().iter();
    let batches: Vec<_> = batches
        .filter(|batch| batch.deposit_id == deposit.transaction_id)
        .collect();
    let left = batches.iter().filter(|batch| batch.is_expired(context.at));
    let left: i64 = left.map(|batch| batch.free()).sum();
    let removed = postings
        .iter()
        .filter(|posting| posting.kind == TransactionType::Expiration)
        .flat_map(|posting| &posting.allocations)
        .filter(|part| batches.iter().any(|batch| batch.id == part.batch_id));
    deposit.expired + left - removed.map(|part| part.amount).sum::<i64>()
}

/// Takes up to `amount` free credits of a deposit: from its own batch first, then from those that
/// were added in its place.
fn take(
    wallet: &mut Wallet,
    deposit: &DepositRecord,
    amount: i64,
    context: &Context<'_>,
) -> Vec<Allocation> {
    let id = deposit.transaction_id;
    let mut missing = amount;
    let mut allocations = Vec::new();
    let is_taken = |batch: &Batch, is_own: bool| {
        batch.deposit_id == id
            && (batch.transaction_id == id) == is_own
            && !batch.is_expired(context.at)
    };
    for is_own in [true, false] {
        let batches = wallet.batches.iter_mut();
        for batch in batches.filter(|batch| is_taken(batch, is_own)) {
            let part = batch.free().min(missing);
            if part > 0 {
                missing -= part;
                allocations.push(batch.reduce(part, BatchStatus::Revoked));
            }
        }
    }
    wallet.sort_allocations(&mut allocations);
    allocations
}
