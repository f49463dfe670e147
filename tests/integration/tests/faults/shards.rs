//! Changes of the number of queues and of the schema, without a pause of the producers.

use integration::faults::{
    bench::{Bench, Verdict},
    fixture::{Fixture, Setup},
    judge::Order,
};
use sea_orm::ConnectionTrait;
use testkit::process::Worker;

/// The numbers of queues, one after the other.
const NUMBERS: [u32; 4] = [3, 1, 4, 2];

/// Producers and workers stop, the queues drain, and all start again with another number of queues.
/// The order is kept.
pub async fn changed_when_drained(bench: &mut Bench) -> Verdict {
    let times = bench.times(2, 16);
    let mut fixture = bench.fixture(two_shards()).await;
    let mut workers = vec![fixture.worker().await, fixture.worker().await];
    for shards in NUMBERS.into_iter().cycle().take(times) {
        fixture.moment(300).await;
        fixture.pause_until_applied().await;
        let changed = fixture.fault();
        workers = restarted_with(&mut fixture, workers, shards).await;
        fixture.load.go_on();
        fixture.recovered(changed).await;
    }
    assume_shards(&mut fixture, times);
    fixture.finish(workers).await
}

/// The workers are restarted one after the other with the new number, while the old queues still
/// have messages. Each command is applied once. The order is guaranteed only if the queues are
/// drained first.
pub async fn changed_while_messages_are_queued(bench: &mut Bench) -> Verdict {
    let times = bench.times(3, 24);
    let mut fixture = bench.fixture(two_shards()).await;
    let mut workers = vec![fixture.worker().await, fixture.worker().await];
    for shards in NUMBERS.into_iter().cycle().take(times) {
        fixture.moment(300).await;
        let changed = fixture.fault();
        workers = restarted_with(&mut fixture, workers, shards).await;
        fixture.recovered(changed).await;
    }
    assume_shards(&mut fixture, times);
    fixture.finish_in_order(workers, Order::Any).await
}

fn two_shards() -> Setup {
    Setup {
        shards: 2,
        ..Setup::default()
    }
}

async fn restarted_with(
    fixture: &mut Fixture<'_>,
    workers: Vec<Worker>,
    shards: u32,
) -> Vec<Worker> {
    fixture
        .deployment
        .set("SCRIP__WORKER__SHARDS", &shards.to_string());
    let mut started = Vec::new();
    for worker in workers {
        assert!(worker.terminate().await.success(), "it drains");
        started.push(fixture.worker().await);
    }
    started
}

/// Makes the test check every queue that has ever existed.
fn assume_shards(fixture: &mut Fixture<'_>, times: usize) {
    let broker = fixture.broker.as_mut().expect("this row has a broker");
    broker.assume_shards(NUMBERS.into_iter().take(times).max().unwrap_or(2));
}

/// A worker continues while the schema gets the additions of a later release. A worker that is
/// older than the schema can be started, too. Both happen in a rolling upgrade.
pub async fn the_schema_changes_under_serving_workers(bench: &mut Bench) -> Verdict {
    let times = bench.times(2, 15);
    let mut fixture = bench.fixture(Setup::default()).await;
    let mut worker = fixture.worker().await;
    for _ in 0..times {
        // A later schema that this worker does not know. It only has additional tables.
        fixture.moment(200).await;
        let newer = fixture.fault();
        for sql in [
            "INSERT INTO scrip_migration (version, applied_at) \
             VALUES ('m29991231_000001_later', 0)",
            "ALTER TABLE credits_transaction ADD COLUMN later text",
            "CREATE TABLE later (id bigint PRIMARY KEY)",
        ] {
            fixture.ledger.execute_unprepared(sql).await.expect(sql);
        }
        fixture.recovered(newer).await;
        assert!(worker.terminate().await.success(), "it drains");
        worker = fixture.worker().await;
        fixture.moment(200).await;
        for sql in [
            "DROP TABLE later",
            "ALTER TABLE credits_transaction DROP COLUMN later",
            "DELETE FROM scrip_migration WHERE version = 'm29991231_000001_later'",
        ] {
            fixture.ledger.execute_unprepared(sql).await.expect(sql);
        }
    }
    fixture.finish(vec![worker]).await
}
