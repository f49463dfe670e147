//! The invariants that hold for every wallet and for the whole book after every command.

use std::collections::{HashMap, HashSet};

use ledger::{Book, Posting, TransactionType, check_wallet};
use proptest::prelude::*;

use super::{refunds, steps::USERS};

/// The kinds of accounts between which credits move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Account {
    Source,
    Debt,
    Wallet,
    Service,
    Expiration,
}

fn account(name: &str) -> Account {
    match name.split_once(':') {
        Some(("WALLET", _)) => Account::Wallet,
        Some(("DEBT", _)) => Account::Debt,
        Some(("SERVICE", _)) => Account::Service,
        Some(("SYSTEM", "expiration")) => Account::Expiration,
        _ => Account::Source,
    }
}

/// Checks all invariants.
pub fn check(book: &Book) -> Result<(), TestCaseError> {
    check_wallets(book)?;
    check_accounts(book)?;
    check_payments(book)?;
    refunds::check_book(book)?;
    check_periods(book)
}

/// Checks that each line of each payment is credited once.
fn check_payments(book: &Book) -> Result<(), TestCaseError> {
    let mut credited = HashSet::new();
    let purchases = book
        .postings()
        .iter()
        .filter(|posting| posting.kind == TransactionType::Purchase && posting.refusal.is_none());
    for purchase in purchases {
        prop_assert!(
            credited.insert((&purchase.purchase_id, &purchase.purchase_line)),
            "credited twice: {purchase:?}"
        );
    }
    Ok(())
}

fn check_wallets(book: &Book) -> Result<(), TestCaseError> {
    for user in USERS {
        let postings: Vec<_> = book
            .postings()
            .iter()
            .filter(|p| p.user_id == user)
            .cloned()
            .collect();
        match book.wallet(user) {
            Some(wallet) => check_wallet(wallet, wallet.batches(), &postings)
                .map_err(|broken| TestCaseError::fail(format!("{user}: {broken}")))?,
            None => prop_assert!(postings.iter().all(|posting| posting.refusal.is_some())),
        }
    }
    Ok(())
}

/// Checks that the other account of every posting fits its type, and that issued = balances +
/// consumed − refunded + expired + revoked.
fn check_accounts(book: &Book) -> Result<(), TestCaseError> {
    let mut moved: HashMap<(Account, Account), i128> = HashMap::new();
    for posting in book.postings() {
        prop_assert!(
            posting.other_account == other_account(book, posting),
            "its other account does not fit: {posting:?}"
        );
        prop_assert!(has_its_sign(posting), "its sign does not fit: {posting:?}");
        if let (Some(from), Some(to)) = (posting.debit_account(), posting.credit_account()) {
            let ways = (account(&from), account(&to));
            let moves = posting.amount.abs().max(posting.debt_change.abs());
            *moved.entry(ways).or_default() += i128::from(moves);
        }
    }
    let mut sum = |from: Account, to: Account| moved.remove(&(from, to)).unwrap_or_default();
    let issued = sum(Account::Source, Account::Wallet);
    let revoked = sum(Account::Wallet, Account::Source);
    let consumed = sum(Account::Wallet, Account::Service);
    let refunded = sum(Account::Service, Account::Wallet);
    let expired = sum(Account::Wallet, Account::Expiration);
    let repaid = sum(Account::Wallet, Account::Debt);
    let owed = sum(Account::Debt, Account::Source);
    let relieved = sum(Account::Source, Account::Debt);
    prop_assert!(moved.is_empty(), "no credits go any other way: {moved:?}");
    let wallets = || USERS.iter().filter_map(|user| book.wallet(user));
    let balances: i128 = wallets().map(|wallet| i128::from(wallet.balance)).sum();
    let debts: i128 = wallets().map(|wallet| i128::from(wallet.debt)).sum();
    prop_assert_eq!(
        issued,
        balances + consumed - refunded + expired + revoked + repaid
    );
    prop_assert_eq!(
        debts,
        owed - relieved - repaid,
        "what is owed and not settled"
    );
    Ok(())
}

/// The account on the other side, as the type of the posting requires it.
fn other_account(book: &Book, posting: &Posting) -> Option<String> {
    let name = match posting.kind {
        TransactionType::Purchase => format!("PAYMENT:{}", posting.purchase_id.as_ref()?),
        TransactionType::Bonus => "SYSTEM:purchase-bonus".to_owned(),
        TransactionType::RegistrationBonus => "SYSTEM:registration-bonus".to_owned(),
        TransactionType::Promotion => "SYSTEM:promotion".to_owned(),
        TransactionType::MonthlyGrant => "SYSTEM:subscription-grant".to_owned(),
        TransactionType::Consumption | TransactionType::Capture | TransactionType::Refund => {
            format!("SERVICE:{}", posting.service.as_ref()?)
        }
        TransactionType::Expiration => "SYSTEM:expiration".to_owned(),
        TransactionType::Revocation | TransactionType::Debt | TransactionType::Reinstatement => {
            source(book, posting)?
        }
        TransactionType::Repayment => format!("DEBT:{}", posting.user_id),
        TransactionType::Forgiveness => "SYSTEM:debt-forgiveness".to_owned(),
        TransactionType::Hold
        | TransactionType::Release
        | TransactionType::Subscription
        | TransactionType::Freeze
        | TransactionType::Unfreeze => return None,
    };
    (posting.amount != 0 || posting.debt_change != 0).then_some(name)
}

/// The account that the credits came from which a posting takes or returns: that of the deposit
/// that it names, or of the debt that it cancels.
fn source(book: &Book, posting: &Posting) -> Option<String> {
    let find = |id| book.postings().iter().find(|one| one.id == id);
    let named = posting.detail.deposit_id;
    let cancelled = || find(posting.audit.debts.first()?.0)?.detail.deposit_id;
    find(named.or_else(cancelled)?)?.other_account.clone()
}

fn has_its_sign(posting: &Posting) -> bool {
    match posting.kind {
        TransactionType::Purchase
        | TransactionType::Bonus
        | TransactionType::RegistrationBonus
        | TransactionType::Promotion
        | TransactionType::MonthlyGrant => posting.amount >= 0,
        TransactionType::Consumption | TransactionType::Capture | TransactionType::Expiration => {
            posting.amount <= 0
        }
        TransactionType::Hold
        | TransactionType::Release
        | TransactionType::Subscription
        | TransactionType::Freeze
        | TransactionType::Unfreeze => posting.amount == 0,
        TransactionType::Refund => (posting.amount > 0) == posting.refusal.is_none(),
        TransactionType::Revocation => posting.amount <= 0 && posting.debt_change == 0,
        TransactionType::Debt => posting.amount == 0 && posting.debt_change > 0,
        TransactionType::Repayment => posting.amount < 0 && posting.debt_change < 0,
        TransactionType::Forgiveness => {
            posting.amount == 0 && (posting.debt_change < 0) == posting.refusal.is_none()
        }
        TransactionType::Reinstatement => posting.amount >= 0 && posting.debt_change <= 0,
    }
}

/// Checks that each period is handled once, under its reference.
fn check_periods(book: &Book) -> Result<(), TestCaseError> {
    let mut handled = HashSet::new();
    let grants = book.postings().iter();
    for grant in grants.filter(|posting| posting.kind == TransactionType::MonthlyGrant) {
        let (Some(id), Some(start)) = (&grant.subscription_id, grant.period_start) else {
            return Err(TestCaseError::fail(format!("no period: {grant:?}")));
        };
        let reference = format!("grant:{id}:{}", start.format("%Y-%m-%d"));
        prop_assert_eq!(&grant.reference_id, &reference);
        prop_assert!(handled.insert((id, start)), "handled twice: {grant:?}");
    }
    Ok(())
}
