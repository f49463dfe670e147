//! The order of spending, refusals and copies, and totals that another program computed.

use super::{Account, Model};
use crate::{
    message::{Item, Message, Request},
    oracle,
    rulebook::Rulebook,
    trace,
    world::midnight,
};

fn lite() -> (&'static str, Request) {
    let request = Request::Buy {
        item: Item::Package("lite".to_owned()),
        payment: "p".to_owned(),
        cents: None,
    };
    ("p", request)
}

fn consume(reference: &'static str, tokens: i64) -> (&'static str, Request) {
    let request = Request::Use {
        service: "llm:tokens",
        amount: None,
        quantity: Some(tokens),
    };
    (reference, request)
}

/// The account of one user after these requests, each with its reference.
fn after<const N: usize>(requests: [(&'static str, Request); N]) -> Account {
    let mut model = Model::new(Rulebook::first());
    for (reference, request) in requests {
        let message = Message {
            reference: reference.to_owned(),
            user: "u".to_owned(),
            occurred_at: None,
            request,
        };
        model.apply(&message, midnight(0));
    }
    model.accounts.remove("u").expect("the user")
}

/// The numbers of consumptions that were completed, and that exceeded the balance.
fn consumptions(account: &Account) -> (usize, usize) {
    let count = |code: Option<&str>| {
        let rows = account.rows.iter().filter(|row| row.kind == "consumption");
        rows.filter(|row| row.code.as_deref() == code).count()
    };
    (count(None), count(Some("insufficient_credits")))
}

#[test]
fn the_credits_that_expire_first_are_spent_first_and_free_before_paid() {
    // 25,000 tokens cost 25: the 20 of the bonus, then 5 of the package's 10 free credits.
    // 5,001 tokens cost 6: the other 5 free credits, then 1 paid credit.
    let account = after([
        lite(),
        ("g", Request::Register),
        consume("a", 25_000),
        consume("b", 5_001),
    ]);
    let left: Vec<i64> = account.batches.iter().map(|batch| batch.left).collect();
    assert_eq!(left, [100 - 1, 10 - 5 - 5, 0]);
    assert_eq!(consumptions(&account), (2, 0));
}

#[test]
fn a_consumption_above_the_balance_takes_nothing_and_a_duplicate_counts_once() {
    let account = after([
        ("g", Request::Register),
        consume("a", 20_001),
        consume("b", 1),
        consume("b", 1),
        consume("c", 19_000),
        consume("d", 1),
    ]);
    assert_eq!(account.balance(), 0);
    assert_eq!(consumptions(&account), (2, 2));
}

#[test]
fn the_trace_leads_to_the_totals_of_a_script_in_another_language() {
    let accounts = oracle::expected(&trace::commands()).accounts;
    assert_eq!(accounts.len(), trace::USERS);
    let of = |user: &str| {
        let (completed, insufficient) = consumptions(&accounts[user]);
        (accounts[user].balance(), completed, insufficient)
    };
    assert_eq!(of("user-0001"), (0, 69, 3_360));
    assert_eq!(of("user-0003"), (0, 878, 150));
    assert_eq!(of("user-0009"), (1_194, 290, 0));
    assert_eq!(of("user-1000"), (125, 1, 0));
    let all = accounts.keys().map(|user| of(user));
    let totals = all.reduce(|(balance, completed, insufficient), one| {
        (balance + one.0, completed + one.1, insufficient + one.2)
    });
    assert_eq!(totals, Some((781_957, 12_532, 6_834)));
}
