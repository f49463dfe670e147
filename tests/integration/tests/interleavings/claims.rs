//! The run of a job for a date, claimed by two workers.

use chrono::{NaiveDate, TimeDelta};
use scrip::{db::StoreError, jobs::Claim};
use serde_json::json;

use super::{
    ending::Booked,
    fixture::Fixture,
    session::{Running, Writer},
};

const CLAIM: &str = "INSERT INTO job_run";
const LOOK: &str = "SELECT \"job_run\"";
const RENEW: &str = "UPDATE job_run";

/// Starts to claim the run of the day, with the writer's name as the owner.
async fn claims(writer: &Writer) -> Running<Result<Claim, StoreError>> {
    let (now, owner) = (writer.now, writer.name.clone());
    writer
        .does(|store| async move {
            let date = NaiveDate::from_ymd_opt(2026, 11, 22).expect("a date");
            store
                .claim_job("grant", date, ("test", &owner), now, false)
                .await
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

pub async fn two_workers_claim_a_run(fixture: &mut Fixture) -> Vec<Booked> {
    let (first, second) = fixture.writers().await;
    let gate = fixture.block_at("first AFTER INSERT job_run").await;
    let one = claims(&first).await;
    fixture.until_waits(&one, gate.pid, CLAIM).await;
    let two = claims(&second).await;
    fixture.until_waits(&two, one.pid, CLAIM).await;
    gate.release().await;
    assert!(is_ours(&claim(one).await, "first"));
    assert!(is_taken_by(&claim(two).await, "first"));
    vec![]
}

/// Conformance: Scheduler and jobs: A job run is claimed with a lease, and a worker that lost its
/// lease notices the loss
pub async fn two_workers_claim_a_run_and_neither_sees_the_others_row(
    fixture: &mut Fixture,
) -> Vec<Booked> {
    // The database checks an index for conflicts before it writes any row. To stop after this
    // check, the first index that gets an entry calls the fixture. The other indexes are created
    // again in their order, so that they come after it.
    fixture
        .ledger
        .database
        .execute(
            "CREATE FUNCTION test_index(name text) RETURNS text LANGUAGE plpgsql IMMUTABLE
             AS $$ BEGIN
               IF test_writer() IS NOT NULL THEN
                 PERFORM test_stop(test_writer() || ' INDEX job_run');
               END IF;
               RETURN name;
             END $$;
             CREATE INDEX test_index ON job_run (test_index(name));
             ALTER TABLE job_run DROP CONSTRAINT job_run_reference_id_key,
               DROP CONSTRAINT job_run_name_run_date_key;
             ALTER TABLE job_run ADD CONSTRAINT job_run_reference_id_key UNIQUE (reference_id);
             ALTER TABLE job_run ADD CONSTRAINT job_run_name_run_date_key UNIQUE (name, run_date)",
        )
        .await;
    let (first, second) = fixture.writers().await;
    let (gate, other_gate) = (
        fixture.block_at("first INDEX job_run").await,
        fixture.block_at("second INDEX job_run").await,
    );
    let one = claims(&first).await;
    fixture.until_waits(&one, gate.pid, CLAIM).await;
    let two = claims(&second).await;
    fixture.until_waits(&two, other_gate.pid, CLAIM).await;
    gate.release().await;
    assert!(is_ours(&claim(one).await, "first"));
    other_gate.release().await;
    assert!(is_taken_by(&claim(two).await, "first"));
    vec![]
}

/// Conformance: Scheduler and jobs: A job run is claimed with a lease, and a worker that lost its
/// lease notices the loss
pub async fn two_workers_take_over_an_abandoned_run(fixture: &mut Fixture) -> Vec<Booked> {
    let gone = fixture.writer("gone").await;
    claim(claims(&gone).await).await;
    let (mut first, mut second) = fixture.writers().await;
    first.now += TimeDelta::minutes(2);
    second.now += TimeDelta::minutes(2);
    let gate = fixture.block_at("first AFTER UPDATE job_run").await;
    let one = claims(&first).await;
    fixture.until_waits(&one, gate.pid, CLAIM).await;
    let two = claims(&second).await;
    fixture.until_waits(&two, one.pid, CLAIM).await;
    gate.release().await;
    assert!(is_ours(&claim(one).await, "first"));
    assert!(is_taken_by(&claim(two).await, "first"));
    vec![]
}

pub async fn a_run_is_taken_over_before_its_claimer_reads_it_back(
    fixture: &mut Fixture,
) -> Vec<Booked> {
    let taken_over = changed_before_its_claimer_has_looked(fixture, "owner = 'another'").await;
    assert!(is_taken_by(&taken_over, "another"));
    vec![]
}

pub async fn a_run_is_claimed_again_before_its_claimer_reads_it_back(
    fixture: &mut Fixture,
) -> Vec<Booked> {
    let claimed_anew = changed_before_its_claimer_has_looked(fixture, "claim = claim + 1").await;
    assert!(is_taken_by(&claimed_anew, "first"));
    vec![]
}

/// The result of the first writer, whose claim was changed between its two statements.
async fn changed_before_its_claimer_has_looked(fixture: &mut Fixture, change: &str) -> Claim {
    let first = fixture.writer("first").await;
    let gate = fixture.block_at("first AFTER INSERT job_run").await;
    let one = claims(&first).await;
    fixture.until_waits(&one, gate.pid, CLAIM).await;
    let table = fixture.hold("SELECT 1").await;
    let lock = "LOCK TABLE job_run IN ACCESS EXCLUSIVE MODE";
    let table = table.executes(lock);
    fixture.until_waits(&table, one.pid, lock).await;
    gate.release().await;
    let table = table.end().await;
    fixture.until_waits(&one, table.pid, LOOK).await;
    table.execute(&format!("UPDATE job_run SET {change}")).await;
    table.commit().await;
    claim(one).await
}

/// Conformance: Scheduler and jobs: A job run is claimed with a lease, and a worker that lost its
/// lease notices the loss
pub async fn a_renewal_waits_for_a_takeover(fixture: &mut Fixture) -> Vec<Booked> {
    let (first, mut second) = fixture.writers().await;
    let Claim::Ours(run) = claim(claims(&first).await).await else {
        panic!("no other worker has claimed the run")
    };
    second.now += TimeDelta::minutes(2);
    let gate = fixture.block_at("second AFTER UPDATE job_run").await;
    let takeover = claims(&second).await;
    fixture.until_waits(&takeover, gate.pid, CLAIM).await;
    let now = first.now;
    let renewal = first
        .does(|store| async move { store.renew_job(&run, Some("ada"), &json!({}), now).await })
        .await;
    fixture.until_waits(&renewal, takeover.pid, RENEW).await;
    gate.release().await;
    assert!(is_ours(&claim(takeover).await, "second"));
    assert!(
        !renewal.end().await.expect("an answer"),
        "another worker has taken over the run"
    );
    let kept_run = "SELECT count(*) FROM job_run WHERE owner = 'second' AND cursor IS NULL";
    assert_eq!(fixture.ledger.number(kept_run).await, 1);
    vec![]
}
