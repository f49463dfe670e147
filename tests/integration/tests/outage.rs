//! After an outage of the database the connections of its pool can be used at once.

use std::time::Duration;

use scrip::db::{Purpose, StoreOptions, connect};
use sea_orm::ConnectionTrait;
use testkit::{db, proxy::Proxy};
use tokio::time::{sleep, timeout};

const TIMEOUT: Duration = Duration::from_secs(20);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Conformance: Ordering, failures and dead letters: Connections that break while the database is
/// away leave their places in the pool free
#[tokio::test(flavor = "multi_thread")]
async fn broken_connections_occupy_no_place_in_the_pool() {
    let server = db::server_url();
    let relay = Proxy::before(Proxy::target(&server)).await;
    let options = StoreOptions {
        acquire_timeout: Duration::from_secs(1),
        ..StoreOptions::default().of_worker(1)
    };
    let url = relay.instead_of(&server);
    let connected = connect(&url, Purpose::Commit, &options).await;
    let connected = connected.expect("a pool");
    let pool = connected.get_postgres_connection_pool();
    assert_eq!(pool.size(), 3, "connections are opened in advance");
    relay.close();
    for _ in 0..3 {
        let broken = connected.execute_unprepared("SELECT 1").await;
        broken.expect_err("the server is away");
    }
    let all_free = async {
        while pool.size() > 0 {
            sleep(POLL_INTERVAL).await;
        }
    };
    timeout(TIMEOUT, all_free).await.expect("no connection");
    relay.open();
    let answered = connected.execute_unprepared("SELECT 1").await;
    answered.expect("the server is back");
}
