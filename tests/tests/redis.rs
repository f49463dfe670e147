//! Balances in Redis: an old value never wins, and nobody notices when Redis is away.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use chrono::{TimeDelta, Utc};
use producer_sdk::{
    Client, Command, Options,
    contract::{BalanceResult, ExpiringBatch},
};
use scrip::cache::{Balances, Redis};
use tests::{broker::TestBroker, db::TestDatabase, ledger::TestLedger, process::Deployment, servers::Server};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::Barrier,
    time::{Instant, sleep},
};
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_mins(1);

/// A namespace of the test's own on the Redis of the tests.
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
        total_earned: version,
        total_spent: 0,
        status: "ACTIVE".to_owned(),
        next_expiring_batch: None,
        next_grant_info: None,
        version,
    }
}

/// The answer to one command, as an app that knows nothing of ours would get it.
async fn ask(url: &str, arguments: &[&str]) -> Option<String> {
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

/// What stands in Redis, as an app reads it.
async fn read(url: &str, namespace: &str, user: &str) -> Option<BalanceResult> {
    let text = ask(url, &["GET", &format!("{namespace}:balance:{user}")]).await?;
    serde_json::from_str(&text).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_balance_never_wins_over_a_newer_one_however_many_write_at_once() {
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
                // Each writer has every version once, in an order of its own: most come long after newer ones.
                let version = 1 + (step * 37 + writer * 53) % VERSIONS;
                balances.put(&[balance(version)], Utc::now()).await;
                let seen = read(&url, &namespace, "ada").await.expect("a value").version;
                assert!(seen >= newest, "{seen} after {newest}");
                newest = seen;
            }
        }));
    }
    for writer in writers {
        writer.await.expect("no older version was seen");
    }
    let late = Balances::new(Redis::new(&url, &namespace).expect("a URL"));
    late.put(&[balance(1)], Utc::now()).await;
    assert_eq!(read(&url, &namespace, "ada").await, Some(balance(VERSIONS)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balance_is_gone_when_it_stops_being_true_and_after_a_minute_at_the_latest() {
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
        let left = ask(&url, &["PTTL", &key]).await.expect("an answer");
        let left: i64 = left.trim_start_matches(':').parse().expect("a number");
        assert!(left > 0 && left <= most, "{left} of {most}");
        ask(&url, &["DEL", &key]).await;
    }
    balances.put(&[lapsing(0)], now).await;
    assert_eq!(
        balances.get("ada").await,
        None,
        "it is not true any more when it is written"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_no_balance_of_ours_is_written_over() {
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
        // None of them ever expires, and some do.
        for expires in [&[][..], &["PX", "60000"]] {
            if foreign.contains("9e15") && !expires.is_empty() {
                // That is a version.
                continue;
            }
            let set = [&["SET", &key, foreign], expires].concat();
            assert_eq!(ask(&url, &set).await.as_deref(), Some("+OK"));
            let other = BalanceResult {
                user_id: "bob".to_owned(),
                ..balance(2)
            };
            balances.put(&[balance(1), other.clone()], Utc::now()).await;
            assert_eq!(read(&url, &namespace, "ada").await, Some(balance(1)), "{foreign}");
            let neighbour = read(&url, &namespace, "bob").await;
            assert_eq!(neighbour, Some(other), "{foreign}");
        }
    }
    ask(&url, &["DEL", &key]).await;
    ask(&url, &["RPUSH", &key, "a list"]).await;
    balances.put(&[balance(1)], Utc::now()).await;
    assert_eq!(read(&url, &namespace, "ada").await, Some(balance(1)));
    ask(&url, &["DEL", &key]).await;
}

/// A worker with a Redis of its own, and a client of it.
struct Stage {
    namespace: String,
    redis: Server,
    worker: tests::process::Worker,
    client: Client,
    ledger: TestLedger,
    _broker: TestBroker,
    _deployment: Deployment,
}

impl Stage {
    async fn new() -> Self {
        let broker = TestBroker::start().await;
        let ledger = TestLedger::on(TestDatabase::postgres().await).await;
        let redis = Server::start("redis").await;
        let namespace = broker.topology().namespace().to_owned();
        let mut deployment = Deployment::on_servers(broker.url(), &ledger.database.worker_url(), &namespace);
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
            client: Client::connect(broker.url(), options).await.expect("a client"),
            namespace,
            redis,
            worker,
            ledger,
            _broker: broker,
            _deployment: deployment,
        }
    }

    /// Gives ada so many credits; her balance after it.
    async fn give(&self, amount: i64) -> i64 {
        let gift = Command::promotion(Uuid::now_v7().to_string(), "ada", amount);
        let outcome = self.client.send(&gift).await.expect("an outcome");
        outcome.balance.expect("a balance")
    }

    async fn balance(&self) -> i64 {
        self.client.balance("ada").await.expect("an answer").balance
    }

    /// Waits until Redis says that ada has so many credits. Nobody tells when it does.
    async fn wait_for(&self, expected: i64) {
        let start = Instant::now();
        loop {
            let found = read(self.redis.url(), &self.namespace, "ada").await;
            if found.as_ref().is_some_and(|found| found.balance == expected) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{found:?}, expected {expected}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn end(self) {
        self.client.close().await.expect("closed");
        assert!(self.worker.terminate().await.success());
        self.ledger.verify().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_read_balances_in_redis_and_an_emptied_redis_fills_again() {
    let stage = Stage::new().await;
    assert_eq!(stage.give(5).await, 5);
    stage.wait_for(5).await;
    assert_eq!(stage.give(6).await, 11);
    stage.wait_for(11).await;
    let asked = stage.client.balance("ada").await.expect("an answer");
    let read_there = read(stage.redis.url(), &stage.namespace, "ada").await;
    assert_eq!(read_there, Some(asked), "the same as the answer to a query");
    ask(stage.redis.url(), &["FLUSHALL"]).await;
    assert_eq!(stage.balance().await, 11);
    stage.wait_for(11).await;
    assert_eq!(stage.give(1).await, 12);
    stage.wait_for(12).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_has_the_sum_of_what_expires_next() {
    let stage = Stage::new().await;
    // 100 credits and a bonus of 10, which expire together.
    let purchase = Command::purchase_package("p-1", "ada", "lite", "pi-1");
    let outcome = stage.client.send(&purchase).await.expect("an outcome");
    assert_eq!(outcome.balance, Some(110));
    stage.wait_for(110).await;
    let known = read(stage.redis.url(), &stage.namespace, "ada")
        .await
        .expect("a value");
    assert_eq!(known.next_expiring_batch.expect("it expires").amount, 110);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balance_is_answered_from_redis_while_it_is_there() {
    let stage = Stage::new().await;
    assert_eq!(stage.give(5).await, 5);
    stage.wait_for(5).await;
    let known = read(stage.redis.url(), &stage.namespace, "ada")
        .await
        .expect("a value");
    let marked = BalanceResult {
        total_spent: 777,
        ..known
    };
    let balances = Balances::new(Redis::new(stage.redis.url(), &stage.namespace).expect("a URL"));
    balances.put(std::slice::from_ref(&marked), Utc::now()).await;
    assert_eq!(stage.client.balance("ada").await.expect("an answer"), marked);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_goes_on_while_redis_is_away_says_so_once_and_heals_by_itself() {
    let mut stage = Stage::new().await;
    assert_eq!(stage.give(5).await, 5);
    stage.wait_for(5).await;
    stage.redis.kill().await;
    for round in 1..=20 {
        assert_eq!(stage.give(1).await, 5 + round);
        assert_eq!(stage.balance().await, 5 + round);
    }
    stage.worker.wait_for("Redis is away").await;
    stage.redis.bring_back().await;
    // What it learns is new: it was told nothing while it was away.
    let start = Instant::now();
    let mut given = 25;
    while read(stage.redis.url(), &stage.namespace, "ada")
        .await
        .is_none_or(|found| found.balance != given)
    {
        assert!(
            start.elapsed() < PATIENCE,
            "Redis is not used again:\n{}",
            stage.worker.log()
        );
        given = stage.give(1).await;
        sleep(Duration::from_millis(50)).await;
    }
    stage.worker.wait_for("Redis is back").await;
    assert_eq!(stage.worker.log().matches("Redis is away").count(), 1);
    assert_eq!(stage.balance().await, given);
    stage.end().await;
}
