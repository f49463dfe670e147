//! The run of a job for a date, and two who want it.

use chrono::{NaiveDate, TimeDelta};
use scrip::store::{Claim, StoreError};
use serde_json::json;

use super::{
    ending::Booked,
    session::{Running, Writer},
    stage::Stage,
};

const CLAIM: &str = "INSERT INTO job_run";
const LOOK: &str = "SELECT \"job_run\"";
const RENEW: &str = "UPDATE job_run";

/// Begins to claim the run of that day, in the writer's own name.
async fn claims(writer: &Writer) -> Running<Result<Claim, StoreError>> {
    let (now, owner) = (writer.now, writer.name.clone());
    writer
        .does(|store| async move {
            let date = NaiveDate::from_ymd_opt(2026, 11, 22).expect("a date");
            store.claim_job("grant", date, ("test", &owner), now, false).await
        })
        .await
}

async fn claim(running: Running<Result<Claim, StoreError>>) -> Claim {
    running.end().await.expect("a claim")
}

fn is_taken_by(claim: &Claim, owner: &str) -> bool {
    matches!(claim, Claim::Taken(run) if run.owner == owner)
}

fn is_ours(claim: &Claim, owner: &str) -> bool {
    matches!(claim, Claim::Ours(run) if run.owner == owner)
}

pub async fn two_claim_a_run(stage: &mut Stage) -> Vec<Booked> {
    let (first, second) = stage.writers().await;
    let gate = stage.close("first AFTER INSERT job_run").await;
    let one = claims(&first).await;
    stage.until_waits(&one, gate.pid, CLAIM).await;
    let two = claims(&second).await;
    stage.until_waits(&two, one.pid, CLAIM).await;
    gate.let_go().await;
    assert!(is_ours(&claim(one).await, "first"));
    assert!(is_taken_by(&claim(two).await, "first"));
    vec![]
}

pub async fn two_claim_a_run_and_neither_sees_the_others_row(stage: &mut Stage) -> Vec<Booked> {
    // An index is asked for conflicts before any row is written. To stop behind that, the first index in which a row is
    // entered is one that asks the stage; the others are made anew, in their order, so that they come after it.
    stage
        .ledger
        .database
        .execute(
            "CREATE FUNCTION stage_index(name text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
               IF stage_writer() IS NOT NULL THEN PERFORM stage_stop(stage_writer() || ' INDEX job_run'); END IF;
               RETURN name;
             END $$;
             CREATE INDEX stage_index ON job_run (stage_index(name));
             ALTER TABLE job_run DROP CONSTRAINT job_run_reference_id_key, DROP CONSTRAINT job_run_name_run_date_key;
             ALTER TABLE job_run ADD CONSTRAINT job_run_reference_id_key UNIQUE (reference_id);
             ALTER TABLE job_run ADD CONSTRAINT job_run_name_run_date_key UNIQUE (name, run_date)",
        )
        .await;
    let (first, second) = stage.writers().await;
    let (gate, other_gate) = (
        stage.close("first INDEX job_run").await,
        stage.close("second INDEX job_run").await,
    );
    let one = claims(&first).await;
    stage.until_waits(&one, gate.pid, CLAIM).await;
    let two = claims(&second).await;
    stage.until_waits(&two, other_gate.pid, CLAIM).await;
    gate.let_go().await;
    assert!(is_ours(&claim(one).await, "first"));
    other_gate.let_go().await;
    assert!(is_taken_by(&claim(two).await, "first"));
    vec![]
}

pub async fn two_take_over_an_abandoned_run(stage: &mut Stage) -> Vec<Booked> {
    let gone = stage.writer("gone").await;
    claim(claims(&gone).await).await;
    let (mut first, mut second) = stage.writers().await;
    first.now += TimeDelta::minutes(2);
    second.now += TimeDelta::minutes(2);
    let gate = stage.close("first AFTER UPDATE job_run").await;
    let one = claims(&first).await;
    stage.until_waits(&one, gate.pid, CLAIM).await;
    let two = claims(&second).await;
    stage.until_waits(&two, one.pid, CLAIM).await;
    gate.let_go().await;
    assert!(is_ours(&claim(one).await, "first"));
    assert!(is_taken_by(&claim(two).await, "first"));
    vec![]
}

pub async fn a_run_is_taken_over_before_its_claimer_has_looked(stage: &mut Stage) -> Vec<Booked> {
    let taken_over = changed_before_its_claimer_has_looked(stage, "owner = 'somebody'").await;
    assert!(is_taken_by(&taken_over, "somebody"));
    vec![]
}

pub async fn a_run_is_claimed_anew_by_its_claimer_before_he_has_looked(stage: &mut Stage) -> Vec<Booked> {
    let claimed_anew = changed_before_its_claimer_has_looked(stage, "claim = claim + 1").await;
    assert!(is_taken_by(&claimed_anew, "first"));
    vec![]
}

/// What the first writer is told, whose claim was changed between its two statements.
async fn changed_before_its_claimer_has_looked(stage: &mut Stage, change: &str) -> Claim {
    let first = stage.writer("first").await;
    let gate = stage.close("first AFTER INSERT job_run").await;
    let one = claims(&first).await;
    stage.until_waits(&one, gate.pid, CLAIM).await;
    let table = stage.hold("SELECT 1").await;
    let lock = "LOCK TABLE job_run IN ACCESS EXCLUSIVE MODE";
    let table = table.executes(lock);
    stage.until_waits(&table, one.pid, lock).await;
    gate.let_go().await;
    let table = table.end().await;
    stage.until_waits(&one, table.pid, LOOK).await;
    table.execute(&format!("UPDATE job_run SET {change}")).await;
    table.commit().await;
    claim(one).await
}

pub async fn a_renewal_waits_for_a_takeover(stage: &mut Stage) -> Vec<Booked> {
    let (first, mut second) = stage.writers().await;
    let Claim::Ours(run) = claim(claims(&first).await).await else {
        panic!("nobody else has it")
    };
    second.now += TimeDelta::minutes(2);
    let gate = stage.close("second AFTER UPDATE job_run").await;
    let takeover = claims(&second).await;
    stage.until_waits(&takeover, gate.pid, CLAIM).await;
    let now = first.now;
    let renewal = first
        .does(|store| async move { store.renew_job(&run, Some("ada"), &json!({}), now).await })
        .await;
    stage.until_waits(&renewal, takeover.pid, RENEW).await;
    gate.let_go().await;
    assert!(is_ours(&claim(takeover).await, "second"));
    assert!(
        !renewal.end().await.expect("an answer"),
        "it is not ours any more"
    );
    let kept = "SELECT count(*) FROM job_run WHERE owner = 'second' AND cursor IS NULL";
    assert_eq!(stage.ledger.number(kept).await, 1);
    vec![]
}
