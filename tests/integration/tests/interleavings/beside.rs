//! Other operations next to a writer: a dry run that is rolled back, and a newer program that
//! changes the schema.

use scrip::store::sql;
use testkit::ledger::{buy_credits, consume, promote};

use super::{
    ending::{Booked, booked},
    fixture::Fixture,
};

pub async fn a_writer_waits_for_a_dry_run(fixture: &mut Fixture) -> Vec<Booked> {
    fixture.ledger.one(buy_credits("p1", "ada", 10)).await;
    let (first, second) = fixture.writers().await;
    let gate = fixture
        .block_at("first BEFORE UPDATE credits_balance")
        .await;
    let group = [promote("g1", "zoe", 7, None), consume("c1", "ada", 4)];
    let dry_run = first.dry_runs(&group).await;
    fixture
        .until_waits(&dry_run, gate.pid, sql::WRITE_GROUP)
        .await;
    let writer = second.commits_pessimistically(&group).await;
    fixture
        .until_waits(&writer, dry_run.pid, sql::PREPARE_WALLETS.postgres)
        .await;
    gate.release().await;
    for running in [dry_run, writer] {
        let outcomes = running.outcomes().await;
        let outcomes_seen: Vec<_> = outcomes
            .iter()
            .map(|one| (one.balance, one.replayed))
            .collect();
        assert_eq!(outcomes_seen, [(Some(7), false), (Some(6), false)]);
    }
    assert_eq!(fixture.tries("second").await, 1, "there was no conflict");
    vec![
        booked("ada", "p1", 10),
        booked("zoe", "g1", 7),
        booked("ada", "c1", -4),
    ]
}

pub async fn a_dry_run_waits_for_a_writer(fixture: &mut Fixture) -> Vec<Booked> {
    fixture.ledger.one(buy_credits("p1", "ada", 10)).await;
    let (first, second) = fixture.writers().await;
    let gate = fixture
        .block_at("first BEFORE UPDATE credits_balance")
        .await;
    let writer = first
        .commits_pessimistically(&[consume("c1", "ada", 4)])
        .await;
    fixture
        .until_waits(&writer, gate.pid, sql::WRITE_GROUP)
        .await;
    let group = [
        consume("c1", "ada", 4),
        consume("c2", "ada", 6),
        promote("g1", "zoe", 7, None),
    ];
    let dry_run = second.dry_runs(&group).await;
    fixture
        .until_waits(&dry_run, writer.pid, sql::LOCK_WALLETS.postgres)
        .await;
    gate.release().await;
    assert_eq!(writer.outcomes().await[0].balance, Some(6));
    let outcomes = dry_run.outcomes().await;
    assert!(outcomes[0].replayed);
    assert_eq!(outcomes[1].balance, Some(0));
    vec![booked("ada", "p1", 10), booked("ada", "c1", -4)]
}

pub async fn a_newer_program_changes_the_schema(fixture: &mut Fixture) -> Vec<Booked> {
    let fund = [buy_credits("p1", "ada", 10), buy_credits("p2", "bob", 10)];
    fixture.ledger.settle(&fund).await;
    let (first, second) = fixture.writers().await;
    // These statements are prepared and planned for the old tables.
    second
        .commits_pessimistically(&[consume("c1", "bob", 1)])
        .await
        .outcomes()
        .await;
    let gate = fixture.block_at("first BEFORE UPDATE credits_batch").await;
    let one = first
        .commits_pessimistically(&[consume("c2", "ada", 1)])
        .await;
    fixture.until_waits(&one, gate.pid, sql::WRITE_GROUP).await;
    let alter = "ALTER TABLE credits_balance ADD COLUMN added text; \
        ALTER TABLE credits_batch ADD COLUMN added bigint NOT NULL DEFAULT 0; \
        ALTER TABLE credits_allocation ADD COLUMN added text; \
        ALTER TABLE credits_transaction ADD COLUMN added text; \
        CREATE INDEX added ON credits_transaction (added) WHERE added IS NOT NULL";
    let migration = fixture.hold("SELECT 1").await.executes(alter);
    fixture.until_waits(&migration, one.pid, alter).await;
    let two = second
        .commits_pessimistically(&[consume("c3", "bob", 1)])
        .await;
    fixture
        .until_waits(&two, migration.pid, sql::LOCK_WALLETS.postgres)
        .await;
    gate.release().await;
    assert_eq!(one.outcomes().await[0].balance, Some(9));
    migration.end().await.commit().await;
    assert_eq!(two.outcomes().await[0].balance, Some(8));
    let late = second
        .commits_pessimistically(&[consume("c4", "ada", 1)])
        .await
        .outcomes()
        .await;
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
