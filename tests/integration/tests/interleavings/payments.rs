//! The same payment in two concurrent groups, with two references and for two wallets.

use ledger::{Action, Command, Item, Origin, Outcome, Purchase, Refusal};
use scrip::store::sql;
use testkit::ledger::{buy_credits, command, consume};

use super::{
    ending::{Booked, booked, refused},
    fixture::Fixture,
};

const AFTER_INSERT: &str = "first AFTER INSERT credits_transaction";

/// A purchase of credits with the payment `pi_9`.
fn pay(reference: &str, user: &str, credits: i64) -> Command {
    let action = Action::Purchase(Purchase {
        quantity: None,
        item: Item::Credits {
            credits,
            validity_days: None,
        },
        purchase_id: "pi_9".to_owned(),
        purchase_line: None,
        paid_micros: None,
        currency: None,
    });
    command(Origin::Funding, reference, user, action)
}

/// Gives ten credits to `ada` and to `bob`.
async fn fund(fixture: &Fixture) -> Vec<Booked> {
    let fund = [buy_credits("p1", "ada", 10), buy_credits("p2", "bob", 10)];
    fixture.ledger.settle(&fund).await;
    vec![booked("ada", "p1", 10), booked("bob", "p2", 10)]
}

/// The first reference of the payment, as a refusal names it.
fn first_of(outcome: &Outcome) -> Option<&str> {
    let refused = outcome.refused.as_ref()?;
    assert_eq!(refused.code, Refusal::DuplicatePayment);
    refused
        .first
        .as_ref()
        .map(|first| first.reference_id.as_str())
}

/// Conformance: Commands: Two concurrent writers with one payment under two references credit it
/// once
pub async fn one_payment_for_two_wallets_and_the_first_commits(
    fixture: &mut Fixture,
) -> Vec<Booked> {
    let mut expected = fund(fixture).await;
    let (first, second) = fixture.writers().await;
    let gate = fixture.block_at(AFTER_INSERT).await;
    let one = first
        .commits_pessimistically(&[pay("evt_1", "ada", 5)])
        .await;
    fixture.until_waits(&one, gate.pid, sql::WRITE_GROUP).await;
    let group = [pay("evt_2", "bob", 5), consume("c1", "bob", 1)];
    let two = second.commits_pessimistically(&group).await;
    fixture.until_waits(&two, one.pid, sql::WRITE_GROUP).await;
    gate.release().await;
    assert_eq!(one.outcomes().await[0].amount, 5);
    let outcomes = two.outcomes().await;
    assert_eq!(first_of(&outcomes[0]), Some("evt_1"));
    assert_eq!(outcomes[1].balance, Some(9));
    assert_eq!(
        fixture.tries("second").await,
        2,
        "the group was decided again"
    );
    expected.extend([
        booked("ada", "evt_1", 5),
        refused("bob", "evt_2"),
        booked("bob", "c1", -1),
    ]);
    expected
}

pub async fn one_payment_for_two_wallets_and_the_first_rolls_back(
    fixture: &mut Fixture,
) -> Vec<Booked> {
    let mut expected = fund(fixture).await;
    let (first, second) = fixture.writers().await;
    let gate = fixture.block_at(AFTER_INSERT).await;
    let one = first
        .commits_pessimistically(&[pay("evt_1", "ada", 5)])
        .await;
    fixture.until_waits(&one, gate.pid, sql::WRITE_GROUP).await;
    let two = second
        .commits_pessimistically(&[pay("evt_2", "bob", 5)])
        .await;
    fixture.until_waits(&two, one.pid, sql::WRITE_GROUP).await;
    fixture.terminate(one.pid).await;
    one.error().await;
    assert_eq!(
        two.outcomes().await[0].amount,
        5,
        "no other command credited it"
    );
    gate.release().await;
    let again = first
        .commits_pessimistically(&[pay("evt_1", "ada", 5)])
        .await
        .outcomes()
        .await;
    assert_eq!(first_of(&again[0]), Some("evt_2"));
    expected.extend([booked("bob", "evt_2", 5), refused("ada", "evt_1")]);
    expected
}

/// Conformance: Commands: Two concurrent writers with one payment under two references credit it
/// once
pub async fn one_payment_on_the_optimistic_path_for_two_wallets(
    fixture: &mut Fixture,
) -> Vec<Booked> {
    let mut expected = fund(fixture).await;
    let (first, second) = fixture.writers().await;
    let gate = fixture.block_at(AFTER_INSERT).await;
    let one = first
        .commits_optimistically(&[pay("evt_1", "ada", 5)])
        .await;
    fixture.until_waits(&one, gate.pid, sql::WRITE_GROUP).await;
    let group = [pay("evt_2", "bob", 5), consume("c1", "bob", 1)];
    let two = second.commits_optimistically(&group).await;
    fixture.until_waits(&two, one.pid, sql::WRITE_GROUP).await;
    gate.release().await;
    assert_eq!(one.outcomes().await[0].amount, 5);
    let outcomes = two.outcomes().await;
    assert_eq!(first_of(&outcomes[0]), Some("evt_1"));
    assert_eq!(outcomes[1].balance, Some(9));
    expected.extend([
        booked("ada", "evt_1", 5),
        refused("bob", "evt_2"),
        booked("bob", "c1", -1),
    ]);
    expected
}

pub async fn one_payment_on_both_commit_paths(fixture: &mut Fixture) -> Vec<Booked> {
    let mut expected = fund(fixture).await;
    let (first, second) = fixture.writers().await;
    let gate = fixture.block_at(AFTER_INSERT).await;
    let one = first
        .commits_pessimistically(&[pay("evt_1", "ada", 5)])
        .await;
    fixture.until_waits(&one, gate.pid, sql::WRITE_GROUP).await;
    let two = second
        .commits_optimistically(&[pay("evt_2", "bob", 5)])
        .await;
    fixture.until_waits(&two, one.pid, sql::WRITE_GROUP).await;
    gate.release().await;
    assert_eq!(one.outcomes().await[0].amount, 5);
    assert_eq!(first_of(&two.outcomes().await[0]), Some("evt_1"));
    expected.extend([booked("ada", "evt_1", 5), refused("bob", "evt_2")]);
    expected
}
