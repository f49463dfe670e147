//! A worker that listens, and asking it.

use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use sea_orm::{ConnectionTrait, DatabaseTransaction, Statement, TransactionTrait};
use serde_json::Value;
use tests::{
    broker::{PATIENCE, TestBroker, broker_url},
    db::TestDatabase,
    process::{Deployment, Worker},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

/// Health answers within this whatever happens.
const QUICK: Duration = Duration::from_secs(1);

/// A database, a namespace, and where the worker listens.
pub struct Stage {
    pub deployment: Deployment,
    pub broker: TestBroker,
    pub database: TestDatabase,
    pub address: SocketAddr,
}

impl Stage {
    pub async fn new() -> Self {
        Self::at(&broker_url()).await
    }

    /// On another broker, or behind a proxy.
    pub async fn at(amqp_url: &str) -> Self {
        let database = TestDatabase::postgres().await.migrated().await;
        let broker = TestBroker::at(amqp_url).await;
        let mut deployment =
            Deployment::on_servers(amqp_url, &database.worker_url(), broker.topology().namespace());
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
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let row = self.database.connection().query_one_raw(statement.clone()).await;
            let row = row.unwrap().unwrap();
            if row.try_get::<i64>("", "n").unwrap() > 0 {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("no commit is blocked");
    }
}

/// Tells the next worker to listen on a free port.
pub fn listen(deployment: &mut Deployment) -> SocketAddr {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("bound");
    deployment.set("SCRIP__HEALTH__LISTEN", &address.to_string());
    address
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// The checks of a report.
    pub fn checks(&self) -> Value {
        let report: Value = serde_json::from_str(&self.body).expect("a report");
        report["checks"].clone()
    }
}

/// Sends these bytes, and reads until the other end closes; `None` if it does so without a word.
pub async fn say(address: SocketAddr, request: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(request).await.ok()?;
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    // A connection that is closed before all was read from it is reset.
    let _ = read.expect("an end in time");
    let text = String::from_utf8(answer).expect("text");
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1).expect("a status");
    Some(Answer {
        status: status.parse().expect("a number"),
        head: head.to_lowercase(),
        body: body.to_owned(),
    })
}

/// Asks for a path; the answer is quick.
pub async fn get(address: SocketAddr, path: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: scrip\r\n\r\n");
    let answer = timeout(QUICK, say(address, request.as_bytes())).await;
    answer.expect("an answer within a second").expect("an answer")
}

/// Waits until `/readyz` says what is expected; there is no event for this.
pub async fn wait_for_ready(address: SocketAddr, expected: impl Fn(u16, &Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    let mut last = String::from("nothing at all");
    while Instant::now() < deadline {
        if TcpStream::connect(address).await.is_ok() {
            let answer = get(address, "/readyz").await;
            let checks = answer.checks();
            if expected(answer.status, &checks) {
                return checks;
            }
            last = answer.body;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("it never became so; at last it said {last}");
}

/// Waits until the worker is ready.
pub async fn ready(address: SocketAddr) -> Value {
    wait_for_ready(address, |status, _| status == 200).await
}

/// Waits until this check, and only the named others, are bad.
pub async fn unready_by(address: SocketAddr, bad: &str, also: &[&str]) -> Value {
    let is_expected = |(name, check): (&String, &Value)| {
        check["ok"] == (name != bad) || (name != bad && also.contains(&name.as_str()))
    };
    wait_for_ready(address, |status, checks| {
        status == 503 && checks.as_object().expect("checks").iter().all(is_expected)
    })
    .await
}

/// The worker is alive.
pub async fn assert_alive(address: SocketAddr) {
    let answer = get(address, "/livez").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// The value of one sample; none if it is not told.
pub async fn metric(address: SocketAddr, sample: &str) -> Option<f64> {
    let told = get(address, "/metrics").await.body;
    told.lines()
        .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '))
        .map(|value| value.parse().expect("a number"))
}

/// Waits until a sample has that value; there is no event for this.
pub async fn wait_for_metric(address: SocketAddr, sample: &str, expected: f64) {
    let deadline = Instant::now() + PATIENCE;
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

/// A worker that is ready.
pub async fn ready_worker(stage: &Stage) -> Worker {
    let worker = stage.deployment.worker();
    ready(stage.address).await;
    worker
}
