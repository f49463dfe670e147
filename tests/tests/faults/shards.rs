//! The number of queues changes, and so does the schema, without a pause of the producers.

use migration::{Migrator, MigratorTrait};
use sea_orm::ConnectionTrait;
use tests::{
    faults::{
        bench::{Bench, Verdict},
        judge::Leniency,
        stage::{Setup, Stage},
    },
    process::Worker,
};

/// Numbers of queues, one after the other.
const NUMBERS: [u32; 4] = [3, 1, 4, 2];

/// Everybody stops, the queues are empty, everybody starts with another number: the order is kept.
pub async fn changed_when_drained(bench: &mut Bench) -> Verdict {
    let times = bench.times(2, 16);
    let mut stage = bench.stage(two_shards()).await;
    let mut workers = vec![stage.worker().await, stage.worker().await];
    for shards in NUMBERS.into_iter().cycle().take(times) {
        stage.moment(300).await;
        stage.pause_until_applied().await;
        let changed = stage.fault();
        workers = restarted_with(&mut stage, workers, shards).await;
        stage.load.go_on();
        stage.recovered(changed).await;
    }
    know(&mut stage, times);
    stage.finish(workers).await
}

/// One worker after the other is started with the new number, while messages wait in queues of the old: each is applied
/// once; the order is promised only to those who drain first.
pub async fn changed_while_messages_are_queued(bench: &mut Bench) -> Verdict {
    let times = bench.times(3, 24);
    let mut stage = bench.stage(two_shards()).await;
    let mut workers = vec![stage.worker().await, stage.worker().await];
    for shards in NUMBERS.into_iter().cycle().take(times) {
        stage.moment(300).await;
        let changed = stage.fault();
        workers = restarted_with(&mut stage, workers, shards).await;
        stage.recovered(changed).await;
    }
    know(&mut stage, times);
    stage
        .finish_leniently(workers, Leniency { any_order: true })
        .await
}

fn two_shards() -> Setup {
    Setup {
        shards: 2,
        ..Setup::default()
    }
}

async fn restarted_with(stage: &mut Stage<'_>, workers: Vec<Worker>, shards: u32) -> Vec<Worker> {
    stage.deployment.set("SCRIP__WORKER__SHARDS", &shards.to_string());
    let mut started = Vec::new();
    for worker in workers {
        assert!(worker.terminate().await.success(), "it drains");
        started.push(stage.worker().await);
    }
    started
}

/// The test looks into every queue that there ever was.
fn know(stage: &mut Stage<'_>, times: usize) {
    let broker = stage.broker.as_mut().expect("this row has a broker");
    broker.know_shards(NUMBERS.into_iter().take(times).max().unwrap_or(2));
}

/// A worker serves on while the schema goes back by a step and comes again, and one that is older than the schema serves
/// and starts: as in a rolling upgrade.
pub async fn the_schema_changes_under_serving_workers(bench: &mut Bench) -> Verdict {
    let times = bench.times(2, 15);
    let mut stage = bench.stage(Setup::default()).await;
    let mut worker = stage.worker().await;
    for _ in 0..times {
        // Without the number of a job's claim, with this worker still serving. One step further back is the ledger's id, which a
        // ledger that goes back and comes again has anew.
        stage.moment(200).await;
        let older = stage.fault();
        Migrator::down(&stage.ledger, Some(1)).await.expect("a step back");
        stage.recovered(older).await;
        migration::up(&stage.ledger).await.expect("a step up");
        // A level that this worker does not know: it only adds.
        stage.moment(200).await;
        let newer = stage.fault();
        for sql in [
            "INSERT INTO scrip_migration (version, applied_at) VALUES ('m29991231_000001_later', 0)",
            "ALTER TABLE credits_transaction ADD COLUMN later text",
            "CREATE TABLE later (id bigint PRIMARY KEY)",
        ] {
            stage.ledger.execute_unprepared(sql).await.expect(sql);
        }
        stage.recovered(newer).await;
        assert!(worker.terminate().await.success(), "it drains");
        worker = stage.worker().await;
        stage.moment(200).await;
        for sql in [
            "DROP TABLE later",
            "ALTER TABLE credits_transaction DROP COLUMN later",
            "DELETE FROM scrip_migration WHERE version = 'm29991231_000001_later'",
        ] {
            stage.ledger.execute_unprepared(sql).await.expect(sql);
        }
    }
    stage.finish(vec![worker]).await
}
