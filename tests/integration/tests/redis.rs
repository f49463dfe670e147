//! Balances in Redis: an old value never replaces a newer one, and an outage of Redis has no effect
//! on users.

use std::{sync::Arc, time::Duration};

use chrono::{TimeDelta, Utc};
use producer_sdk::{
    Client, Command, Options,
    contract::{BalanceResult, ExpiringBatch},
};
use scrip::cache::{Balances, Redis};
use testkit::{
    broker::TestBroker, db::TestDatabase, ledger::TestLedger, process::Deployment, servers::Server,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::Barrier,
    time::{Instant, sleep},
};
use uuid::Uuid;

const TIMEOUT: Duration = Duration::from_mins(1);

/// The URL of the tests' Redis, and a namespace that belongs to one test.
fn redis() -> (String, String) {
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
    (url, format!("test-{}", Uuid::now_v7().simple()))
}

fn balance(version: i64) -> BalanceResult {
    BalanceResult {
        user_id: "ada".to_owned(),
        available_credits: version,
        balance: version,
        held: 0,
        holds_end_at: None,
        debt: 0,
        total_earned: version,
        total_spent: 0,
        status: "ACTIVE".to_owned(),
        next_expiring_batch: None,
        next_grant_info: None,
        version,
    }
}

/// Sends one command like an app without our libraries, and returns the response.
async fn command(url: &str, arguments: &[&str]) -> Option<String> {
    let address = url.trim_start_matches("redis://").trim_end_matches('/');
    let stream = TcpStream::connect(address).await.ok()?;
    let mut stream = BufReader::new(stream);
    let parts = arguments
        .iter()
        .map(|part| format!("${}\r\n{part}\r\n", part.len()));
    let request = format!("*{}\r\n{}", arguments.len(), parts.collect::<String>());
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut head = String::new();
    stream.read_line(&mut head).await.ok()?;
    let head = head.trim_end();
    let Some(length) = head.strip_prefix('$') else {
        return Some(head.to_owned());
    };
    let mut text = vec![0; length.parse().ok()?];
    stream.read_exact(&mut text).await.ok()?;
    String::from_utf8(text).ok()
}

/// The value in Redis, read like an app.
async fn read(url: &str, namespace: &str, user: &str) -> Option<BalanceResult> {
    let text = command(url, &["GET", &format!("{namespace}:balance:{user}")]).await?;
    serde_json::from_str(&text).ok()
}

/// Conformance: Queries and Redis: An older balance never overwrites a newer version in Redis
#[tokio::test(flavor = "multi_thread")]
async fn an_old_balance_never_replaces_a_newer_one_with_concurrent_writers() {
    const WRITERS: i64 = 8;
    const VERSIONS: i64 = 200;
    let (url, namespace) = redis();
    let start = Arc::new(Barrier::new(8));
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let (url, namespace, start) = (url.clone(), namespace.clone(), start.clone());
        writers.push(tokio::spawn(async move {
            let balances = Balances::new(Redis::new(&url, &namespace).expect("a URL"));
            start.wait().await;
            let mut newest = 0;
            for step in 0..VERSIONS {
                // Each writer writes every version once, in its own order. Most versions come long
                // after newer ones.
                let version = 1 + (step * 37 + writer * 53) % VERSIONS;
                balances.put(&[balance(version)], Utc::now()).await;
                let version_now = read(&url, &namespace, "ada")
                    .await
                    .expect("a value")
                    .version;
                assert!(version_now >= newest, "{version_now} after {newest}");
                newest = version_now;
            }
        }));
    }
    for writer in writers {
        writer.await.expect("no older version");
    }
    let late = Balances::new(Redis::new(&url, &namespace).expect("a URL"));
    late.put(&[balance(1)], Utc::now()).await;
    assert_eq!(read(&url, &namespace, "ada").await, Some(balance(VERSIONS)));
}

/// Conformance: Queries and Redis: A balance in Redis lives until the next expiry or grant, at most
/// 60 seconds
#[tokio::test(flavor = "multi_thread")]
async fn a_balance_expires_when_it_becomes_wrong_and_after_at_most_a_minute() {
    let (url, namespace) = redis();
    let balances = Balances::new(Redis::new(&url, &namespace).expect("a URL"));
    let now = Utc::now();
    let lapsing = |seconds: i64| BalanceResult {
        next_expiring_batch: Some(ExpiringBatch {
            amount: 1,
            expires_at: now + TimeDelta::seconds(seconds),
        }),
        ..balance(1)
    };
    let key = format!("{namespace}:balance:ada");
    for (value, most) in [
        (lapsing(20), 20_000),
        (lapsing(3600), 60_000),
        (balance(1), 60_000),
    ] {
        balances.put(&[value], now).await;
        let left = command(&url, &["PTTL", &key]).await.expect("an answer");
        let left: i64 = left.trim_start_matches(':').parse().expect("a number");
        assert!(left > 0 && left <= most, "{left} of {most}");
        command(&url, &["DEL", &key]).await;
    }
    balances.put(&[lapsing(0)], now).await;
    assert_eq!(
        read(&url, &namespace, "ada").await,
        None,
        "the balance is already wrong when it is written"
    );
}

/// Conformance: Queries and Redis: A value in Redis that is not a valid Scrip balance is
/// overwritten
#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_not_one_of_our_balances_is_overwritten() {
    let (url, namespace) = redis();
    let key = format!("{namespace}:balance:ada");
    let balances = Balances::new(Redis::new(&url, &namespace).expect("a URL"));
    for foreign in [
        r#"{"version":"newest"}"#,
        r#"{"version":"9"}"#,
        r#"{"version":"inf"}"#,
        r#"{"version":null}"#,
        r#"{"version":{}}"#,
        r#"{"version":[9]}"#,
        r#"{"version":true}"#,
        r#"{"version":1e999}"#,
        r#"{"version":NaN}"#,
        r#"{"version":9e15}"#,
        "{}",
        "[]",
        "9",
        "not JSON",
    ] {
        // Foreign values without an expiry, and with one.
        for expires in [&[][..], &["PX", "60000"]] {
            if foreign.contains("9e15") && !expires.is_empty() {
                // This value counts as a version.
                continue;
            }
            let set = [&["SET", &key, foreign], expires].concat();
            assert_eq!(command(&url, &set).await.as_deref(), Some("+OK"));
            let other = BalanceResult {
                user_id: "bob".to_owned(),
                ..balance(2)
            };
            balances.put(&[balance(1), other.clone()], Utc::now()).await;
            assert_eq!(
                read(&url, &namespace, "ada").await,
                Some(balance(1)),
                "{foreign}"
            );
            let neighbour = read(&url, &namespace, "bob").await;
            assert_eq!(neighbour, Some(other), "{foreign}");
        }
    }
    command(&url, &["DEL", &key]).await;
    command(&url, &["RPUSH", &key, "a list"]).await;
    balances.put(&[balance(1)], Utc::now()).await;
    assert_eq!(read(&url, &namespace, "ada").await, Some(balance(1)));
    command(&url, &["DEL", &key]).await;
}

/// A worker with its own Redis, and a client.
struct Fixture {
    namespace: String,
    redis: Server,
    worker: testkit::process::Worker,
    client: Client,
    ledger: TestLedger,
    _broker: TestBroker,
    _deployment: Deployment,
}

impl Fixture {
    async fn new() -> Self {
        let broker = TestBroker::start().await;
        let ledger = TestLedger::on(TestDatabase::postgres().await).await;
        let redis = Server::start("redis").await;
        let namespace = broker.topology().namespace().to_owned();
        let mut deployment =
            Deployment::on_servers(broker.url(), &ledger.database.worker_url(), &namespace);
        deployment.set("REDIS_URL", redis.url());
        for job in ["GRANT", "EXPIRE", "VERIFY"] {
            deployment.set(&format!("SCRIP__SCHEDULE__{job}"), "off");
        }
        let worker = deployment.ready_worker().await;
        let options = Options {
            namespace: namespace.clone(),
            ..Options::default()
        };
        Self {
            client: Client::connect(broker.url(), options)
                .await
                .expect("a client"),
            namespace,
            redis,
            worker,
            ledger,
            _broker: broker,
            _deployment: deployment,
        }
    }

    /// Gives credits to `ada` and returns the balance afterwards.
    async fn give(&self, amount: i64) -> i64 {
        let gift = Command::promotion(Uuid::now_v7().to_string(), "ada", amount);
        let outcome = self.client.send(&gift).await.expect("an outcome");
        outcome.balance.expect("a balance")
    }

    async fn balance(&self) -> i64 {
        self.client.balance("ada").await.expect("an answer").balance
    }

    /// Waits until Redis has this balance of `ada`. There is no event for this.
    async fn wait_for(&self, expected: i64) {
        let start = Instant::now();
        loop {
            let balance_now = read(self.redis.url(), &self.namespace, "ada").await;
            if balance_now
                .as_ref()
                .is_some_and(|balance_now| balance_now.balance == expected)
            {
                return;
            }
            assert!(
                start.elapsed() < TIMEOUT,
                "{balance_now:?}, expected {expected}"
            );
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn end(self) {
        self.client.close().await.expect("closed");
        assert!(self.worker.terminate().await.success());
        self.ledger.verify().await;
    }
}

/// Conformance: Queries and Redis: Balances are written to Redis after the commit
/// Conformance: Queries and Redis: While Redis is down, back again or emptied, the worker
/// continues, and logs the outage once
#[tokio::test(flavor = "multi_thread")]
async fn apps_read_balances_in_redis_and_an_emptied_redis_fills_again() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.give(5).await, 5);
    fixture.wait_for(5).await;
    assert_eq!(fixture.give(6).await, 11);
    fixture.wait_for(11).await;
    let queried = fixture.client.balance("ada").await.expect("an answer");
    let read_there = read(fixture.redis.url(), &fixture.namespace, "ada").await;
    assert_eq!(
        read_there,
        Some(queried),
        "the same as the result of a query"
    );
    command(fixture.redis.url(), &["FLUSHALL"]).await;
    assert_eq!(fixture.balance().await, 11);
    fixture.wait_for(11).await;
    assert_eq!(fixture.give(1).await, 12);
    fixture.wait_for(12).await;
    fixture.end().await;
}

/// Conformance: Queries and Redis: The `balance` query returns the next expiry as
/// `nextExpiringBatch`
#[tokio::test(flavor = "multi_thread")]
async fn redis_has_the_sum_of_the_credits_that_expire_next() {
    let fixture = Fixture::new().await;
    // 100 credits and a bonus of 10 that expire at the same instant.
    let purchase = Command::purchase_package("p-1", "ada", "lite", "pi-1");
    let outcome = fixture.client.send(&purchase).await.expect("an outcome");
    assert_eq!(outcome.balance, Some(110));
    fixture.wait_for(110).await;
    let known = read(fixture.redis.url(), &fixture.namespace, "ada")
        .await
        .expect("a value");
    assert_eq!(known.next_expiring_batch.expect("it expires").amount, 110);
    fixture.end().await;
}

/// Conformance: Queries and Redis: The `balance` query includes every outcome sent before, also
/// with Redis
#[tokio::test(flavor = "multi_thread")]
async fn a_balance_query_includes_every_outcome_sent_before_also_with_redis() {
    let fixture = Fixture::new().await;
    for round in 1..=50 {
        assert_eq!(fixture.give(1).await, round);
        assert_eq!(fixture.balance().await, round);
    }
    // A value in Redis is no answer, not even one of a later version.
    let known = fixture.client.balance("ada").await.expect("an answer");
    let newer = BalanceResult {
        balance: 777,
        version: known.version + 1000,
        ..known.clone()
    };
    let balances =
        Balances::new(Redis::new(fixture.redis.url(), &fixture.namespace).expect("a URL"));
    balances.put(&[newer], Utc::now()).await;
    fixture.wait_for(777).await;
    let queried = fixture.client.balance("ada").await.expect("an answer");
    assert_eq!(queried, known);
    fixture.end().await;
}

/// Conformance: Queries and Redis: While Redis is down, back again or emptied, the worker
/// continues, and logs the outage once
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_continues_without_redis_logs_it_once_and_recovers() {
    let mut fixture = Fixture::new().await;
    assert_eq!(fixture.give(5).await, 5);
    fixture.wait_for(5).await;
    fixture.redis.kill().await;
    for round in 1..=20 {
        assert_eq!(fixture.give(1).await, 5 + round);
        assert_eq!(fixture.balance().await, 5 + round);
    }
    fixture.worker.wait_for("redis is unavailable").await;
    fixture.redis.bring_back().await;
    // Redis gets new values only, because it received none during the outage.
    let start = Instant::now();
    let mut given = 25;
    while read(fixture.redis.url(), &fixture.namespace, "ada")
        .await
        .is_none_or(|balance_now| balance_now.balance != given)
    {
        assert!(
            start.elapsed() < TIMEOUT,
            "Redis is not used again:\n{}",
            fixture.worker.log()
        );
        given = fixture.give(1).await;
        sleep(Duration::from_millis(50)).await;
    }
    fixture.worker.wait_for("redis is available again").await;
    assert_eq!(fixture.worker.times_logged("redis is unavailable"), 1);
    assert_eq!(fixture.balance().await, given);
    fixture.end().await;
}
