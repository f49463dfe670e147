//! A database that accepts statements and does not respond.

use producer_sdk::Command;
use testkit::{
    broker::TestBroker, db::TestDatabase, ledger::TestLedger, memory::Memory, process::Deployment,
    slow::Slow,
};

use crate::{
    fixture::{in_time, spend},
    publish::publish,
};

/// Twice the default of `group_max`.
const PREFETCH: u32 = 2_000;
const FIRST: u32 = 5_000;
const MORE: u32 = 15_000;
/// The bytes of each command's metadata. They make the memory of held messages measurable.
const SIZE: usize = 4_000;

fn large(range: std::ops::Range<u32>) -> impl Iterator<Item = Command> {
    let metadata = serde_json::json!({ "m": "m".repeat(SIZE) });
    range.map(move |n| spend("u", n as usize).metadata(&metadata))
}

/// Conformance: Back pressure and health: While the database does not respond, a worker holds only
/// the messages that it has prefetched
#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_hangs_a_worker_holds_only_its_prefetched_messages() {
    let broker = TestBroker::start().await;
    let queue = broker.topology().commands(0);
    let ledger = TestLedger::on(TestDatabase::postgres().await).await;
    let relay = Slow::before(ledger.database.url()).await;
    let mut deployment =
        Deployment::on_servers(broker.url(), relay.url(), broker.topology().namespace());
    for job in ["GRANT", "EXPIRE", "VERIFY"] {
        deployment.set(&format!("SCRIP__SCHEDULE__{job}"), "off");
    }
    let worker = deployment.ready_worker().await;
    let memory = || Memory::of_process(worker.pid()).unwrap().megabytes();
    let applied = async || {
        ledger
            .number("SELECT count(*) FROM credits_transaction")
            .await
    };
    let wait_for_applied = async |expected: u32| {
        in_time("commands to be applied", async {
            while applied().await < i64::from(expected) {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        })
        .await;
    };
    publish(
        &broker,
        [Command::purchase_credits("funds", "u", 1_000_000, "p")],
    )
    .await;
    wait_for_applied(1).await;

    relay.hold();
    publish(&broker, large(0..FIRST)).await;
    broker.wait_for_ready(&queue, FIRST - PREFETCH).await;
    let before = memory();
    publish(&broker, large(FIRST..FIRST + MORE)).await;
    assert_eq!(broker.ready_in(&queue).await, FIRST + MORE - PREFETCH);
    let grown = memory() - before;
    // The commands that arrived in the meantime have 60 MB.
    assert!(grown < 20.0, "{grown} MB more");
    assert_eq!(applied().await, 1, "a commit without an outcome");

    relay.release();
    wait_for_applied(1 + FIRST + MORE).await;
    assert!(worker.terminate().await.success(), "it drains");
    assert_eq!(broker.ready_in(&queue).await, 0);
    assert_eq!(applied().await, i64::from(1 + FIRST + MORE));
}
