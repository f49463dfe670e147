//! The invariants that hold for every wallet and for the whole book after every command.

use std::collections::{HashMap, HashSet};

use ledger::{Book, Posting, TransactionType, check_wallet};
use proptest::prelude::*;

use super::steps::USERS;

/// The kinds of accounts between which credits move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Account {
    Source,
    Wallet,
    Service,
    Expiration,
}

fn account(name: &str) -> Account {
    match name.split_once(':') {
        Some(("WALLET", _)) => Account::Wallet,
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
            posting.other_account == other_account(posting),
            "its other account does not fit: {posting:?}"
        );
        prop_assert!(has_its_sign(posting), "its sign does not fit: {posting:?}");
        if let (Some(from), Some(to)) = (posting.debit_account(), posting.credit_account()) {
            let ways = (account(&from), account(&to));
            *moved.entry(ways).or_default() += i128::from(posting.amount.abs());
        }
    }
    let mut sum = |from: Account, to: Account| moved.remove(&(from, to)).unwrap_or_default();
    let issued = sum(Account::Source, Account::Wallet);
    let revoked = sum(Account::Wallet, Account::Source);
    let consumed = sum(Account::Wallet, Account::Service);
    let refunded = sum(Account::Service, Account::Wallet);
    let expired = sum(Account::Wallet, Account::Expiration);
    prop_assert!(moved.is_empty(), "no credits go any other way: {moved:?}");
    let wallets = USERS.iter().filter_map(|user| book.wallet(user));
    let balances: i128 = wallets.map(|wallet| i128::from(wallet.balance)).sum();
    prop_assert_eq!(issued, balances + consumed - refunded + expired + revoked);
    Ok(())
}

/// The account on the other side, as the type of the posting requires it. Refunds and revocations
/// do not exist yet.
fn other_account(posting: &Posting) -> Option<String> {
    let name = match posting.kind {
        TransactionType::Purchase => format!("PAYMENT:{}", posting.purchase_id.as_ref()?),
        TransactionType::Bonus => "SYSTEM:purchase-bonus".to_owned(),
        TransactionType::RegistrationBonus => "SYSTEM:registration-bonus".to_owned(),
        TransactionType::Promotion => "SYSTEM:promotion".to_owned(),
        TransactionType::MonthlyGrant => "SYSTEM:subscription-grant".to_owned(),
        TransactionType::Consumption => format!("SERVICE:{}", posting.service.as_ref()?),
        TransactionType::Expiration => "SYSTEM:expiration".to_owned(),
        TransactionType::Refund
        | TransactionType::Revocation
        | TransactionType::Subscription
        | TransactionType::Freeze
        | TransactionType::Unfreeze => return None,
    };
    (posting.amount != 0).then_some(name)
}

fn has_its_sign(posting: &Posting) -> bool {
    match posting.kind {
        TransactionType::Purchase
        | TransactionType::Bonus
        | TransactionType::RegistrationBonus
        | TransactionType::Promotion
        | TransactionType::MonthlyGrant => posting.amount >= 0,
        TransactionType::Consumption | TransactionType::Expiration => posting.amount <= 0,
        TransactionType::Subscription | TransactionType::Freeze | TransactionType::Unfreeze => {
            posting.amount == 0
        }
        TransactionType::Refund | TransactionType::Revocation => false,
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
