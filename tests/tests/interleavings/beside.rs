//! What else goes on beside a writer: a rehearsal that is rolled back, a newer program that changes the schema.

use scrip::store::sql;
use tests::ledger::{buy_credits, consume, promote};

use super::{
    ending::{Booked, booked},
    stage::Stage,
};

pub async fn a_writer_waits_for_a_rehearsal(stage: &mut Stage) -> Vec<Booked> {
    stage.ledger.one(buy_credits("p1", "ada", 10)).await;
    let (first, second) = stage.writers().await;
    let gate = stage.close("first BEFORE UPDATE credits_balance").await;
    let group = [promote("g1", "zoe", 7, None), consume("c1", "ada", 4)];
    let rehearsal = first.rehearses(&group).await;
    stage
        .until_waits(&rehearsal, gate.pid, sql::UPDATE_WALLETS.postgres)
        .await;
    let writer = second.commits(&group).await;
    stage
        .until_waits(&writer, rehearsal.pid, sql::PREPARE_WALLETS.postgres)
        .await;
    gate.let_go().await;
    for running in [rehearsal, writer] {
        let outcomes = running.outcomes().await;
        let told: Vec<_> = outcomes.iter().map(|one| (one.balance, one.replayed)).collect();
        assert_eq!(told, [(Some(7), false), (Some(6), false)]);
    }
    assert_eq!(stage.tries("second").await, 1, "nothing stood in its way");
    vec![
        booked("ada", "p1", 10),
        booked("zoe", "g1", 7),
        booked("ada", "c1", -4),
    ]
}

pub async fn a_rehearsal_waits_for_a_writer(stage: &mut Stage) -> Vec<Booked> {
    stage.ledger.one(buy_credits("p1", "ada", 10)).await;
    let (first, second) = stage.writers().await;
    let gate = stage.close("first BEFORE UPDATE credits_balance").await;
    let writer = first.commits(&[consume("c1", "ada", 4)]).await;
    stage
        .until_waits(&writer, gate.pid, sql::UPDATE_WALLETS.postgres)
        .await;
    let group = [
        consume("c1", "ada", 4),
        consume("c2", "ada", 6),
        promote("g1", "zoe", 7, None),
    ];
    let rehearsal = second.rehearses(&group).await;
    stage
        .until_waits(&rehearsal, writer.pid, sql::LOCK_WALLETS.postgres)
        .await;
    gate.let_go().await;
    assert_eq!(writer.outcomes().await[0].balance, Some(6));
    let outcomes = rehearsal.outcomes().await;
    assert!(outcomes[0].replayed);
    assert_eq!(outcomes[1].balance, Some(0));
    vec![booked("ada", "p1", 10), booked("ada", "c1", -4)]
}

pub async fn a_newer_program_changes_the_schema(stage: &mut Stage) -> Vec<Booked> {
    let fund = [buy_credits("p1", "ada", 10), buy_credits("p2", "bob", 10)];
    stage.ledger.settle(&fund).await;
    let (first, second) = stage.writers().await;
    // Statements that are prepared, and planned, for the tables as they were.
    second.commits(&[consume("c1", "bob", 1)]).await.outcomes().await;
    let gate = stage.close("first BEFORE UPDATE credits_batch").await;
    let one = first.commits(&[consume("c2", "ada", 1)]).await;
    stage
        .until_waits(&one, gate.pid, sql::UPDATE_BATCHES.postgres)
        .await;
    let alter = "ALTER TABLE credits_balance ADD COLUMN added text; \
        ALTER TABLE credits_batch ADD COLUMN added bigint NOT NULL DEFAULT 0; \
        ALTER TABLE credits_allocation ADD COLUMN added text; \
        ALTER TABLE credits_transaction ADD COLUMN added text; \
        CREATE INDEX added ON credits_transaction (added) WHERE added IS NOT NULL";
    let migration = stage.hold("SELECT 1").await.executes(alter);
    stage.until_waits(&migration, one.pid, alter).await;
    let two = second.commits(&[consume("c3", "bob", 1)]).await;
    stage
        .until_waits(&two, migration.pid, sql::LOCK_WALLETS.postgres)
        .await;
    gate.let_go().await;
    assert_eq!(one.outcomes().await[0].balance, Some(9));
    migration.end().await.commit().await;
    assert_eq!(two.outcomes().await[0].balance, Some(8));
    let late = second.commits(&[consume("c4", "ada", 1)]).await.outcomes().await;
    assert_eq!(late[0].balance, Some(8));
    vec![
        booked("ada", "p1", 10),
        booked("bob", "p2", 10),
        booked("bob", "c1", -1),
        booked("ada", "c2", -1),
        booked("bob", "c3", -1),
        booked("ada", "c4", -1),
    ]
}
