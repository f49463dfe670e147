//! One payment is credited once, through the database.

use ledger::{Action, Command, Item, Origin, Outcome, Purchase, Refusal, Status};
use testkit::ledger::{TestLedger, command, consume, settled};

/// A purchase of ten credits with this payment.
fn pay(reference: &str, user: &str, payment: &str, line: Option<&str>) -> Command {
    let action = Action::Purchase(Purchase {
        quantity: None,
        item: Item::Credits {
            credits: 10,
            validity_days: None,
        },
        purchase_id: payment.to_owned(),
        purchase_line: line.map(ToOwned::to_owned),
        paid_micros: Some(9_990_000),
        currency: Some("USD".to_owned()),
    });
    command(Origin::Funding, reference, user, action)
}

/// The reference and the transaction of the first command, as a refusal names them.
fn first_of(outcome: &Outcome) -> (String, String) {
    let refused = outcome.refused.as_ref().expect("a refusal");
    assert_eq!(refused.code, Refusal::DuplicatePayment);
    let first = refused.first.as_ref().expect("the first command");
    (first.reference_id.clone(), first.transaction_id.to_string())
}

fn named(outcome: &Outcome, reference: &str) -> (String, String) {
    (reference.to_owned(), outcome.transactions[0].0.to_string())
}

/// Conformance: Commands: A payment is credited once, regardless of references, and each of its
/// lines is credited once
pub async fn a_payment_under_a_second_reference_is_refused_and_names_the_first(ledger: TestLedger) {
    let first = ledger.one(pay("evt_1", "ada", "pi_9", None)).await;
    assert_eq!(first.balance, Some(10));
    let second = ledger.one(pay("evt_2", "ada", "pi_9", None)).await;
    assert_eq!(first_of(&second), named(&first, "evt_1"));
    assert_eq!((second.amount, second.balance), (0, Some(10)));

    let before = ledger.fingerprint().await;
    let again = ledger.one(pay("evt_2", "ada", "pi_9", None)).await;
    assert!(again.replayed);
    assert_eq!(
        first_of(&again),
        named(&first, "evt_1"),
        "it is stored with the refusal"
    );
    assert!(ledger.one(pay("evt_1", "ada", "pi_9", None)).await.replayed);
    assert_eq!(
        ledger.fingerprint().await,
        before,
        "a duplicate writes nothing"
    );
    ledger.verify().await;
}

/// Conformance: Commands: A payment is credited once, regardless of references, and each of its
/// lines is credited once
pub async fn a_payment_of_several_packages_is_refused_like_others(ledger: TestLedger) {
    let several = |reference: &str| {
        let mut command = pay(reference, "ada", "pi_9", None);
        if let Action::Purchase(purchase) = &mut command.action {
            purchase.item = Item::Package("lite".to_owned());
            purchase.quantity = Some(3);
        }
        command
    };
    let first = ledger.one(several("evt_1")).await;
    assert_eq!(first.refused, None);
    let second = ledger.one(several("evt_2")).await;
    assert_eq!(first_of(&second), named(&first, "evt_1"));
    ledger.verify().await;
}

/// Conformance: Commands: A payment is credited once, regardless of references, and each of its
/// lines is credited once
pub async fn a_payment_twice_in_a_group_is_credited_once(ledger: TestLedger) {
    ledger
        .settle(&[
            pay("evt_0", "ada", "pi_0", None),
            pay("evt_00", "bob", "pi_00", None),
        ])
        .await;
    let group = [
        pay("evt_1", "ada", "pi_9", None),
        pay("evt_2", "bob", "pi_9", None),
        consume("c1", "ada", 15),
    ];
    let outcomes = ledger.settle(&group).await;
    assert_eq!(first_of(&outcomes[1]), named(&outcomes[0], "evt_1"));
    assert_eq!(
        outcomes[2].balance,
        Some(5),
        "the others of the group go through"
    );
    let again = ledger.settle(&group).await;
    assert!(again.iter().all(|outcome| outcome.replayed));
    assert_eq!(first_of(&again[1]), named(&outcomes[0], "evt_1"));
    ledger.verify().await;
}

/// Conformance: Commands: A payment is credited once, regardless of references, and each of its
/// lines is credited once
pub async fn each_line_of_a_payment_is_credited_once(ledger: TestLedger) {
    for (reference, line, status) in [
        ("evt_1", Some("1"), Status::Completed),
        ("evt_2", Some("2"), Status::Completed),
        ("evt_3", Some("1"), Status::Failed),
        ("evt_4", None, Status::Completed),
        ("evt_5", Some("2"), Status::Failed),
        ("evt_6", None, Status::Failed),
    ] {
        let outcome = ledger.one(pay(reference, "ada", "pi_9", line)).await;
        assert_eq!(outcome.status(), status, "{reference}");
    }
    assert_eq!(
        ledger.number("SELECT balance FROM credits_balance").await,
        30
    );
    let with_line = if ledger.is_optimistic() {
        "SELECT count(*) FROM credits_transaction
          WHERE status = 'FAILED' AND purchase_id = 'pi_9'
            AND detail -> 'request' ->> 'purchaseLine' = purchase_line"
    } else {
        "SELECT count(*) FROM credits_transaction
          WHERE status = 'FAILED' AND purchase_id = 'pi_9'
            AND detail ->> '$.request.purchaseLine' = purchase_line"
    };
    assert_eq!(
        ledger.number(with_line).await,
        2,
        "a refusal stores the line of the payment"
    );
    ledger.verify().await;
}

pub async fn a_payment_that_was_credited_to_another_user_leaves_no_wallet(ledger: TestLedger) {
    let first = ledger.one(pay("evt_1", "ada", "pi_9", None)).await;
    let second = ledger.one(pay("evt_2", "bob", "pi_9", None)).await;
    assert_eq!(first_of(&second), named(&first, "evt_1"));
    assert_eq!(second.balance, None);
    assert_eq!(
        ledger.number("SELECT count(*) FROM credits_balance").await,
        1
    );
    ledger.verify().await;
}

/// Conformance: Commands: Two concurrent writers with one payment under two references credit it
/// once
pub async fn two_writers_with_the_same_payments_credit_each_once(ledger: TestLedger) {
    const GROUPS: usize = 20;
    const PAYMENTS: usize = 10;
    let mut writers = Vec::new();
    for writer in 0..2_usize {
        let (store, rules, now) = (
            ledger.another_store().await,
            ledger.rules.clone(),
            ledger.now,
        );
        writers.push(tokio::spawn(async move {
            let mut credited = 0;
            for group in 0..GROUPS {
                // The same payments for other users and with other references.
                let commands: Vec<_> = (0..PAYMENTS)
                    .map(|nth| {
                        let payment = format!("pi_{group}_{nth}");
                        let reference = format!("evt_{group}_{nth}_{writer}");
                        pay(&reference, &format!("user-{writer}"), &payment, None)
                    })
                    .collect();
                let decisions = store.commit_group(&commands, &rules, now).await;
                for decision in decisions.expect("a committed group") {
                    let outcome = settled(&decision);
                    if outcome.status() == Status::Completed {
                        credited += 1;
                    } else {
                        first_of(&outcome);
                    }
                }
            }
            credited
        }));
    }
    let mut credited = 0;
    for writer in writers {
        credited += writer.await.expect("a writer");
    }
    assert_eq!(credited, GROUPS * PAYMENTS);
    let balances = "SELECT CAST(sum(balance) AS bigint) FROM credits_balance";
    assert_eq!(ledger.number(balances).await, 10 * credited as i64);
    ledger.verify().await;
}
