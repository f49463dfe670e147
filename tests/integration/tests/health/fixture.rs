//! A worker with a health server, and a client for it.

use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use sea_orm::{ConnectionTrait, DatabaseTransaction, Statement, TransactionTrait};
use serde_json::Value;
use testkit::{
    broker::{TIMEOUT, TestBroker, broker_url},
    db::TestDatabase,
    process::{Deployment, Worker},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

/// The time limit for every response of the health server.
const RESPONSE_LIMIT: Duration = Duration::from_secs(1);

/// A database, a namespace, and the address of the health server.
pub struct Fixture {
    pub deployment: Deployment,
    pub broker: TestBroker,
    pub database: TestDatabase,
    pub address: SocketAddr,
}

impl Fixture {
    pub async fn new() -> Self {
        Self::at(&broker_url()).await
    }

    /// A fixture on another broker, or behind a relay.
    pub async fn at(amqp_url: &str) -> Self {
        let database = TestDatabase::postgres().await.migrated().await;
        let broker = TestBroker::at(amqp_url).await;
        let mut deployment = Deployment::on_servers(
            amqp_url,
            &database.worker_url(),
            broker.topology().namespace(),
        );
        let address = listen(&mut deployment);
        Self {
            deployment,
            broker,
            database,
            address,
        }
    }

    /// Makes every commit wait until the transaction is rolled back.
    pub async fn block_commits(&self) -> DatabaseTransaction {
        let transaction = self.database.connection().begin().await.unwrap();
        transaction
            .execute_unprepared("LOCK TABLE credits_balance IN ACCESS EXCLUSIVE MODE")
            .await
            .unwrap();
        transaction
    }

    /// Waits until a commit waits for [`Self::block_commits`]. The database has no event for this.
    pub async fn wait_for_blocked_commit(&self) {
        let sql = "SELECT count(*) AS n FROM pg_locks WHERE NOT granted \
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let statement = Statement::from_string(self.database.backend(), sql);
        let deadline = Instant::now() + TIMEOUT;
        while Instant::now() < deadline {
            let row = self
                .database
                .connection()
                .query_one_raw(statement.clone())
                .await;
            let row = row.unwrap().unwrap();
            if row.try_get::<i64>("", "n").unwrap() > 0 {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("no commit is blocked");
    }
}

/// Configures the next worker to listen on a free port.
pub fn listen(deployment: &mut Deployment) -> SocketAddr {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("bound");
    deployment.set("SCRIP__HEALTH__LISTEN", &address.to_string());
    address
}

/// An HTTP response.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Response {
    /// The checks of a report.
    pub fn checks(&self) -> Value {
        let report: Value = serde_json::from_str(&self.body).expect("a report");
        report["checks"].clone()
    }
}

/// Sends these bytes and reads until the server closes the connection. Returns `None` if there is
/// no response.
pub async fn send_raw(address: SocketAddr, request: &[u8]) -> Option<Response> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(request).await.ok()?;
    let mut answer = Vec::new();
    let read = timeout(TIMEOUT, stream.read_to_end(&mut answer)).await;
    // The server resets the connection if it closes it before it has read the whole request.
    let _ = read.expect("an end in time");
    let text = String::from_utf8(answer).expect("text");
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1).expect("a status");
    Some(Response {
        status: status.parse().expect("a number"),
        head: head.to_lowercase(),
        body: body.to_owned(),
    })
}

/// Requests a path. Panics if the response takes longer than [`RESPONSE_LIMIT`].
pub async fn get(address: SocketAddr, path: &str) -> Response {
    let request = format!("GET {path} HTTP/1.1\r\nHost: scrip\r\n\r\n");
    let answer = timeout(RESPONSE_LIMIT, send_raw(address, request.as_bytes())).await;
    answer
        .expect("an answer within a second")
        .expect("an answer")
}

/// Waits until `/readyz` reports the expected checks, and returns them.
pub async fn wait_for_ready(address: SocketAddr, expected: impl Fn(u16, &Value) -> bool) -> Value {
    let report = wait_for_report(address, |status, report| {
        expected(status, &report["checks"])
    });
    report.await["checks"].take()
}

/// Waits until `/readyz` reports the expected state, and returns the report. There is no event for
/// this.
pub async fn wait_for_report(address: SocketAddr, expected: impl Fn(u16, &Value) -> bool) -> Value {
    let deadline = Instant::now() + TIMEOUT;
    let mut last = String::from("no response");
    while Instant::now() < deadline {
        if TcpStream::connect(address).await.is_ok() {
            let answer = get(address, "/readyz").await;
            let report: Value = serde_json::from_str(&answer.body).expect("a report");
            if expected(answer.status, &report) {
                return report;
            }
            last = answer.body;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("the worker did not reach the state; its last report is {last}");
}

/// Waits until the worker is ready.
pub async fn ready(address: SocketAddr) -> Value {
    wait_for_ready(address, |status, _| status == 200).await
}

/// Waits until the check `bad` fails. Only it and the checks `also` may fail.
pub async fn unready_by(address: SocketAddr, bad: &str, also: &[&str]) -> Value {
    let is_expected = |(name, check): (&String, &Value)| {
        check["ok"] == (name != bad) || (name != bad && also.contains(&name.as_str()))
    };
    wait_for_ready(address, |status, checks| {
        status == 503 && checks.as_object().expect("checks").iter().all(is_expected)
    })
    .await
}

/// Panics unless the worker is alive.
pub async fn assert_alive(address: SocketAddr) {
    let answer = get(address, "/livez").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// The value of one sample; `None` if there is no such sample.
pub async fn metric(address: SocketAddr, sample: &str) -> Option<f64> {
    let metrics = get(address, "/metrics").await.body;
    metrics
        .lines()
        .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '))
        .map(|value| value.parse().expect("a number"))
}

/// Waits until a sample has this value. There is no event for this.
pub async fn wait_for_metric(address: SocketAddr, sample: &str, expected: f64) {
    let deadline = Instant::now() + TIMEOUT;
    let mut last = None;
    while Instant::now() < deadline {
        last = metric(address, sample).await;
        if last.is_some_and(|last| (last - expected).abs() < f64::EPSILON) {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("{sample} is {last:?}, expected {expected}");
}

/// The exit code of `scrip health`.
pub async fn health(deployment: &Deployment, arguments: &[&str]) -> i32 {
    let output = deployment.run(&[&["health"], arguments].concat()).await;
    output.status.code().expect("an exit code")
}

/// Starts a worker and waits until it is ready.
pub async fn ready_worker(fixture: &Fixture) -> Worker {
    let worker = fixture.deployment.worker();
    ready(fixture.address).await;
    worker
}
