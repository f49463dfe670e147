//! The rows of debts: what a group writes of them, and rows that contradict each other.

use ledger::{Book, Debt, RevokeExtent};
use uuid::Uuid;

use super::{consume, credits, forgive, promotion, purchase, revoke};
use crate::desk::Desk;

/// A book with stored rows: a wallet that owes 10, and a debt of which `open` credits are open.
fn stored(open: i64) -> Desk {
    let mut desk = Desk::new("2026-01-10");
    desk.order("pi_1", purchase(credits(10, None), None));
    desk.order("c", consume(10));
    desk.order("r", revoke("pi_1", RevokeExtent::All));
    let mut debt: Debt = desk.book.changes().debts[0].debt.clone();
    assert_eq!(debt.amount, 10);
    debt.amount = open + 10;
    (debt.repaid, debt.forgiven, debt.cancelled) = (5, 1, 4);
    let mut book = Book::default();
    for wallet in std::mem::take(&mut desk.book).into_wallets() {
        book.add_wallet(wallet);
    }
    book.add_debt(debt);
    desk.book = book;
    desk
}

#[test]
fn a_group_writes_what_it_adds_to_a_stored_debt() {
    let mut desk = stored(10);
    desk.order("g", promotion(3));
    desk.order("f", forgive(Some(2)));
    let changes = desk.book.changes();
    let [change] = &changes.debts[..] else {
        panic!("one debt: {changes:?}");
    };
    let added = (change.repaid, change.forgiven, change.cancelled);
    assert_eq!((change.is_new, added), (false, (3, 2, 0)));
    let debt = change.debt;
    let whole = (debt.repaid, debt.forgiven, debt.cancelled, debt.open());
    assert_eq!(whole, (8, 3, 4, 5));
}

#[test]
fn debts_that_do_not_sum_up_to_that_of_the_wallet_are_an_inconsistency() {
    for open in [9, 11] {
        let mut desk = stored(open);
        let command = desk.command(None, promotion(3));
        let mut ids = || Uuid::from_u128(1_000);
        let decided = desk.book.decide(&command, &desk.rules, desk.now, &mut ids);
        let error = decided.expect_err("an inconsistency").to_string();
        assert!(
            error.contains("10") && error.contains(&open.to_string()),
            "{error}"
        );
    }
}
