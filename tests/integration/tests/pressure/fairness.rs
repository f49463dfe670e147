//! One user has far more commands than the others: the hot user.
//!
//! A queue is in order, so users in the same queue wait only for commands that were published
//! before theirs. Users in the queues of other shards do not wait. Errors of the hot user's
//! commands affect no other user.

use std::time::Duration;

use producer_sdk::{Command, contract::bucket};
use sea_orm::{ConnectionTrait, TransactionTrait};
use testkit::broker::TestBroker;

use crate::{
    fixture::{Fixture, drain, in_time, spend},
    publish::publish,
};

const HOT: usize = 20_000;
const OTHERS: usize = 200;
/// The default of `group_max`.
const GROUP_MAX: i64 = 1_000;

/// A condition for the completed consumptions of the hot user.
const OF_HOT: &str = "type = 'consumption' AND user_id = 'hot'";
const OF_OTHERS: &str = "type = 'consumption' AND user_id <> 'hot'";

impl Fixture {
    async fn transactions(&self, condition: &str) -> i64 {
        let sql = format!("SELECT count(*) AS n FROM credits_transaction WHERE {condition}");
        self.count(&sql).await
    }

    /// Waits until `expected` transactions match. The database has no event for this.
    async fn wait_for_transactions(&self, condition: &str, expected: usize) {
        let expected = i64::try_from(expected).unwrap();
        in_time(condition, async {
            while self.transactions(condition).await < expected {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        assert_eq!(self.transactions(condition).await, expected, "{condition}");
    }

    /// `count` users of a shard, with credits.
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

/// Conformance: Back pressure and health: A hot user does not delay other shards; in the same
/// shard, other users wait only for earlier messages
#[tokio::test(flavor = "multi_thread")]
async fn users_in_other_shards_do_not_wait_for_a_hot_user() {
    let fixture = Fixture::on(TestBroker::with_shards(2).await).await;
    let topology = fixture.broker.topology();
    let others = fixture
        .users_in(1 - topology.shard_of(bucket("hot")), OTHERS)
        .await;
    fixture.fund("hot").await;
    let of_others = others.iter().map(|user| spend(user, 0));
    publish(&fixture.broker, spends("hot", 0..HOT).chain(of_others)).await;
    // No command of the hot user can be committed.
    let held = fixture.ledger.database.connection().begin().await.unwrap();
    let hold = "SELECT 1 FROM credits_balance WHERE user_id = 'hot' FOR UPDATE";
    held.execute_unprepared(hold).await.unwrap();

    let worker = fixture.worker("w").await;
    fixture.wait_for_transactions(OF_OTHERS, OTHERS).await;
    assert_eq!(fixture.transactions(OF_HOT).await, 0);

    held.rollback().await.unwrap();
    fixture.wait_for_transactions(OF_HOT, HOT).await;
    drain(worker).await;
}

/// Conformance: Back pressure and health: A hot user does not delay other shards; in the same
/// shard, other users wait only for earlier messages
#[tokio::test(flavor = "multi_thread")]
async fn users_behind_a_hot_user_wait_only_for_earlier_commands() {
    let fixture = Fixture::new().await;
    let others = fixture.users_in(0, OTHERS).await;
    fixture.fund("hot").await;
    let commands = spends("hot", 0..HOT)
        .chain(others.iter().map(|user| spend(user, 0)))
        .chain(spends("hot", HOT..HOT + HOT / 2));
    publish(&fixture.broker, commands).await;
    let worker = fixture.worker("w").await;
    fixture.wait_for_transactions(OF_HOT, HOT + HOT / 2).await;
    fixture.wait_for_transactions(OF_OTHERS, OTHERS).await;

    // Rows of one group have the same `xmin`, and the order of groups is the order of their `xmin`.
    let group = "CAST(CAST(xmin AS text) AS bigint)";
    let before = format!("{OF_HOT} AND CAST(substr(reference_id, 5) AS bigint) < {HOT}");
    let behind = format!("{OF_HOT} AND CAST(substr(reference_id, 5) AS bigint) >= {HOT}");
    let others = |aggregate: &str| {
        format!("(SELECT {aggregate}({group}) FROM credits_transaction WHERE {OF_OTHERS})")
    };
    let (first, last) = (others("min"), others("max"));
    assert_eq!(
        fixture
            .transactions(&format!("{before} AND {group} > {first}"))
            .await,
        0
    );
    assert_eq!(
        fixture
            .transactions(&format!("{behind} AND {group} < {last}"))
            .await,
        0
    );
    let together = fixture
        .transactions(&format!("{behind} AND {group} = {last}"))
        .await;
    assert!(
        together < GROUP_MAX,
        "{together} later commands were in the same groups"
    );

    // A group of the hot user is as large as any other, and writes the wallet once.
    let groups =
        format!("SELECT count(DISTINCT {group}) AS n FROM credits_transaction WHERE {OF_HOT}");
    let groups = fixture.count(&groups).await;
    let funded = 1;
    let versions = fixture
        .count("SELECT version AS n FROM credits_balance WHERE user_id = 'hot'")
        .await;
    assert_eq!(versions - funded, groups);
    let commands = i64::try_from(HOT + HOT / 2).unwrap();
    assert!(
        groups * 100 < commands,
        "{groups} groups for {commands} commands"
    );
    drain(worker).await;
}

/// Conformance: Back pressure and health: A hot user does not delay other shards; in the same
/// shard, other users wait only for earlier messages
#[tokio::test(flavor = "multi_thread")]
async fn a_hot_user_with_refused_commands_does_not_delay_the_others() {
    const REFUSED: usize = 40;
    let fixture = Fixture::new().await;
    let others = fixture.users_in(0, OTHERS).await;
    fixture.fund("hot").await;
    let database = &fixture.ledger.database;
    let refuse = "ALTER TABLE credits_transaction ADD CONSTRAINT refused \
                  CHECK (type <> 'consumption' OR user_id <> 'hot')";
    database.execute(refuse).await;
    let of_others = others.iter().map(|user| spend(user, 0));
    publish(&fixture.broker, spends("hot", 0..REFUSED).chain(of_others)).await;

    let worker = fixture.worker("w").await;
    fixture.wait_for_transactions(OF_OTHERS, OTHERS).await;
    assert_eq!(fixture.transactions(OF_HOT).await, 0);

    database
        .execute("ALTER TABLE credits_transaction DROP CONSTRAINT refused")
        .await;
    // The refused commands return from the delay queue.
    fixture.wait_for_transactions(OF_HOT, REFUSED).await;
    assert_eq!(worker.stats()[&fixture.commands_queue()].dead, 0);
    drain(worker).await;
}
