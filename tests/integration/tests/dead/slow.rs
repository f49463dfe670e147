//! Dead letters that the broker delivers slowly.

use lapin::BasicProperties;
use testkit::{
    broker::{TestBroker, broker_url},
    db::TestDatabase,
    process::Deployment,
    proxy::Proxy,
};

/// The number of dead letters. Their delivery takes longer than the time limit without progress.
const LETTERS: usize = 5;
const LENGTH: usize = 1 << 20;
const BYTES_PER_SECOND: u64 = 300_000;

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_that_arrive_slowly_are_all_listed() {
    let broker = TestBroker::start().await;
    let dead = broker.topology().dead();
    for n in 0..LETTERS {
        let properties =
            BasicProperties::default().with_message_id(format!("slow-{n}").as_str().into());
        broker
            .publish("", &dead, &vec![b'x'; LENGTH], properties)
            .await;
    }
    let relay = Proxy::before(Proxy::target(&broker_url())).await;
    relay.throttle(BYTES_PER_SECOND);
    let database = TestDatabase::postgres().await.migrated().await;
    let url = relay.instead_of(&broker_url());
    let deployment =
        Deployment::on_servers(&url, &database.worker_url(), broker.topology().namespace());
    let listed = deployment.succeed(&["--json", "dead", "list"]).await;
    assert_eq!(listed.lines().count(), LETTERS);
    for n in 0..LETTERS {
        assert!(listed.contains(&format!("\"slow-{n}\"")), "{n}");
    }
}
