//! One user has far more commands than the others.
//!
//! A queue is in order, so those who share it with a hot user wait for what was published before them, and for nothing
//! else; those in the queues of other shards do not wait at all. What is wrong with a hot user's commands is his alone.

use std::time::Duration;

use producer_sdk::{Command, contract::bucket};
use sea_orm::{ConnectionTrait, TransactionTrait};
use tests::broker::TestBroker;

use crate::{
    publish::publish,
    stage::{Stage, drain, in_time, spend},
};

const HOT: usize = 20_000;
const OTHERS: usize = 200;
/// The default.
const GROUP_MAX: i64 = 1_000;

/// Of the hot user's commands that are kept.
const OF_HOT: &str = "type = 'consumption' AND user_id = 'hot'";
const OF_OTHERS: &str = "type = 'consumption' AND user_id <> 'hot'";

impl Stage {
    async fn transactions(&self, which: &str) -> i64 {
        let sql = format!("SELECT count(*) AS n FROM credits_transaction WHERE {which}");
        self.count(&sql).await
    }

    /// Waits until so many are there. The database has no event for this.
    async fn wait_for_transactions(&self, which: &str, expected: usize) {
        let expected = i64::try_from(expected).unwrap();
        in_time(which, async {
            while self.transactions(which).await < expected {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        assert_eq!(self.transactions(which).await, expected, "{which}");
    }

    /// Users in a shard, with credits.
    async fn users_in(&self, shard: u32, count: usize) -> Vec<String> {
        let topology = self.broker.topology();
        let here = |user: &String| topology.shard_of(bucket(user)) == shard;
        let users: Vec<_> = (0..)
            .map(|n| format!("other-{n}"))
            .filter(here)
            .take(count)
            .collect();
        for user in &users {
            self.fund(user).await;
        }
        users
    }
}

fn spends(user: &str, range: std::ops::Range<usize>) -> impl Iterator<Item = Command> {
    range.map(move |n| spend(user, n))
}

#[tokio::test(flavor = "multi_thread")]
async fn users_in_other_shards_do_not_wait_for_a_hot_user() {
    let stage = Stage::on(TestBroker::with_shards(2).await).await;
    let topology = stage.broker.topology();
    let others = stage.users_in(1 - topology.shard_of(bucket("hot")), OTHERS).await;
    stage.fund("hot").await;
    let of_others = others.iter().map(|user| spend(user, 0));
    publish(&stage.broker, spends("hot", 0..HOT).chain(of_others)).await;
    // Not one command of the hot user can be committed.
    let held = stage.ledger.database.connection().begin().await.unwrap();
    let hold = "SELECT 1 FROM credits_balance WHERE user_id = 'hot' FOR UPDATE";
    held.execute_unprepared(hold).await.unwrap();

    let worker = stage.worker("w").await;
    stage.wait_for_transactions(OF_OTHERS, OTHERS).await;
    assert_eq!(stage.transactions(OF_HOT).await, 0);

    held.rollback().await.unwrap();
    stage.wait_for_transactions(OF_HOT, HOT).await;
    drain(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_behind_a_hot_user_wait_for_what_is_before_them_and_for_nothing_else() {
    let stage = Stage::new().await;
    let others = stage.users_in(0, OTHERS).await;
    stage.fund("hot").await;
    let commands = spends("hot", 0..HOT)
        .chain(others.iter().map(|user| spend(user, 0)))
        .chain(spends("hot", HOT..HOT + HOT / 2));
    publish(&stage.broker, commands).await;
    let worker = stage.worker("w").await;
    stage.wait_for_transactions(OF_HOT, HOT + HOT / 2).await;
    stage.wait_for_transactions(OF_OTHERS, OTHERS).await;

    // What was committed together has the same `xmin`, and groups are committed in the order of theirs.
    let group = "CAST(CAST(xmin AS text) AS bigint)";
    let before = format!("{OF_HOT} AND CAST(substr(reference_id, 5) AS bigint) < {HOT}");
    let behind = format!("{OF_HOT} AND CAST(substr(reference_id, 5) AS bigint) >= {HOT}");
    let others =
        |which: &str| format!("(SELECT {which}({group}) FROM credits_transaction WHERE {OF_OTHERS})");
    let (first, last) = (others("min"), others("max"));
    assert_eq!(
        stage
            .transactions(&format!("{before} AND {group} > {first}"))
            .await,
        0
    );
    assert_eq!(
        stage
            .transactions(&format!("{behind} AND {group} < {last}"))
            .await,
        0
    );
    let together = stage
        .transactions(&format!("{behind} AND {group} = {last}"))
        .await;
    assert!(
        together < GROUP_MAX,
        "{together} commands behind them went with them"
    );

    // A hot user's group is as large as any other, and writes his wallet once.
    let groups = format!("SELECT count(DISTINCT {group}) AS n FROM credits_transaction WHERE {OF_HOT}");
    let groups = stage.count(&groups).await;
    let funded = 1;
    let versions = stage
        .count("SELECT version AS n FROM credits_balance WHERE user_id = 'hot'")
        .await;
    assert_eq!(versions - funded, groups);
    let commands = i64::try_from(HOT + HOT / 2).unwrap();
    assert!(groups * 100 < commands, "{groups} groups for {commands} commands");
    drain(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hot_user_whose_commands_the_database_refuses_does_not_hold_back_the_others() {
    const REFUSED: usize = 40;
    let stage = Stage::new().await;
    let others = stage.users_in(0, OTHERS).await;
    stage.fund("hot").await;
    let database = &stage.ledger.database;
    let refuse = "ALTER TABLE credits_transaction ADD CONSTRAINT refused \
                  CHECK (type <> 'consumption' OR user_id <> 'hot')";
    database.execute(refuse).await;
    let of_others = others.iter().map(|user| spend(user, 0));
    publish(&stage.broker, spends("hot", 0..REFUSED).chain(of_others)).await;

    let worker = stage.worker("w").await;
    stage.wait_for_transactions(OF_OTHERS, OTHERS).await;
    assert_eq!(stage.transactions(OF_HOT).await, 0);

    database
        .execute("ALTER TABLE credits_transaction DROP CONSTRAINT refused")
        .await;
    // They come back from the delay queue.
    stage.wait_for_transactions(OF_HOT, REFUSED).await;
    assert_eq!(worker.stats()[&stage.commands_queue()].dead, 0);
    drain(worker).await;
}
