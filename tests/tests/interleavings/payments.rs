//! The same payment in two groups at once, under two references and for two wallets.

use ledger::{Action, Command, Item, Origin, Outcome, Refusal};
use scrip::store::sql;
use tests::ledger::{buy_credits, command, consume};

use super::{
    ending::{Booked, booked, refused},
    stage::Stage,
};

const AFTER_INSERT: &str = "first AFTER INSERT credits_transaction";

/// Credits that payment `pi_9` bought.
fn pay(reference: &str, user: &str, credits: i64) -> Command {
    let action = Action::Purchase {
        item: Item::Credits {
            credits,
            validity_days: None,
        },
        purchase_id: "pi_9".to_owned(),
        purchase_line: None,
        paid_micros: None,
        currency: None,
    };
    command(Origin::Funding, reference, user, action)
}

/// Ten credits for ada and for bob.
async fn fund(stage: &Stage) -> Vec<Booked> {
    let fund = [buy_credits("p1", "ada", 10), buy_credits("p2", "bob", 10)];
    stage.ledger.settle(&fund).await;
    vec![booked("ada", "p1", 10), booked("bob", "p2", 10)]
}

/// The reference that a refusal names as the first of its payment.
fn first_of(outcome: &Outcome) -> Option<&str> {
    let refused = outcome.refused.as_ref()?;
    assert_eq!(refused.code, Refusal::DuplicatePayment);
    refused.first.as_ref().map(|first| first.reference_id.as_str())
}

pub async fn one_payment_for_two_wallets_and_the_first_commits(stage: &mut Stage) -> Vec<Booked> {
    let mut expected = fund(stage).await;
    let (first, second) = stage.writers().await;
    let gate = stage.close(AFTER_INSERT).await;
    let one = first.commits(&[pay("evt_1", "ada", 5)]).await;
    stage
        .until_waits(&one, gate.pid, sql::INSERT_TRANSACTIONS.postgres)
        .await;
    let group = [pay("evt_2", "bob", 5), consume("c1", "bob", 1)];
    let two = second.commits(&group).await;
    stage
        .until_waits(&two, one.pid, sql::INSERT_TRANSACTIONS.postgres)
        .await;
    gate.let_go().await;
    assert_eq!(one.outcomes().await[0].amount, 5);
    let outcomes = two.outcomes().await;
    assert_eq!(first_of(&outcomes[0]), Some("evt_1"));
    assert_eq!(outcomes[1].balance, Some(9));
    assert_eq!(stage.tries("second").await, 2, "it was decided again");
    expected.extend([
        booked("ada", "evt_1", 5),
        refused("bob", "evt_2"),
        booked("bob", "c1", -1),
    ]);
    expected
}

pub async fn one_payment_for_two_wallets_and_the_first_rolls_back(stage: &mut Stage) -> Vec<Booked> {
    let mut expected = fund(stage).await;
    let (first, second) = stage.writers().await;
    let gate = stage.close(AFTER_INSERT).await;
    let one = first.commits(&[pay("evt_1", "ada", 5)]).await;
    stage
        .until_waits(&one, gate.pid, sql::INSERT_TRANSACTIONS.postgres)
        .await;
    let two = second.commits(&[pay("evt_2", "bob", 5)]).await;
    stage
        .until_waits(&two, one.pid, sql::INSERT_TRANSACTIONS.postgres)
        .await;
    stage.terminate(one.pid).await;
    one.error().await;
    assert_eq!(two.outcomes().await[0].amount, 5, "nothing else credited it");
    gate.let_go().await;
    let again = first.commits(&[pay("evt_1", "ada", 5)]).await.outcomes().await;
    assert_eq!(first_of(&again[0]), Some("evt_2"));
    expected.extend([booked("bob", "evt_2", 5), refused("ada", "evt_1")]);
    expected
}

pub async fn one_payment_quickly_for_two_wallets(stage: &mut Stage) -> Vec<Booked> {
    let mut expected = fund(stage).await;
    let (first, second) = stage.writers().await;
    let gate = stage.close(AFTER_INSERT).await;
    let one = first.commits_quickly(&[pay("evt_1", "ada", 5)]).await;
    stage.until_waits(&one, gate.pid, sql::WRITE_GROUP).await;
    let group = [pay("evt_2", "bob", 5), consume("c1", "bob", 1)];
    let two = second.commits_quickly(&group).await;
    stage.until_waits(&two, one.pid, sql::WRITE_GROUP).await;
    gate.let_go().await;
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

pub async fn one_payment_quickly_and_carefully(stage: &mut Stage) -> Vec<Booked> {
    let mut expected = fund(stage).await;
    let (first, second) = stage.writers().await;
    let gate = stage.close(AFTER_INSERT).await;
    let one = first.commits(&[pay("evt_1", "ada", 5)]).await;
    stage
        .until_waits(&one, gate.pid, sql::INSERT_TRANSACTIONS.postgres)
        .await;
    let two = second.commits_quickly(&[pay("evt_2", "bob", 5)]).await;
    stage.until_waits(&two, one.pid, sql::WRITE_GROUP).await;
    gate.let_go().await;
    assert_eq!(one.outcomes().await[0].amount, 5);
    assert_eq!(first_of(&two.outcomes().await[0]), Some("evt_1"));
    expected.extend([booked("ada", "evt_1", 5), refused("bob", "evt_2")]);
    expected
}
