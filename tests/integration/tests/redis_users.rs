//! The users of Redis with least privilege: the commands that worker and apps can run, and those
//! that they cannot.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use producer_sdk::{Client, Command, Options};
use testkit::{broker::TestBroker, db::TestDatabase, process::Deployment};
use uuid::Uuid;

const TIMEOUT: Duration = Duration::from_mins(1);

/// `host:port` of the Redis of the tests.
fn address() -> String {
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
    let address = url.trim_start_matches("redis://").trim_end_matches('/');
    address.to_owned()
}

/// A client without our libraries.
struct Session(BufReader<TcpStream>);

impl Session {
    fn open() -> Self {
        let stream = TcpStream::connect(address()).expect("Redis answers");
        Self(BufReader::new(stream))
    }

    fn new(user: &str, password: &str) -> Self {
        let mut session = Self::open();
        assert_eq!(session.command(&format!("AUTH {user} {password}")), "+OK");
        session
    }

    /// Sends one command of plain words and returns the response. A bulk string is returned without
    /// its length.
    fn command(&mut self, command: &str) -> String {
        let line = format!("{command}\r\n");
        self.0
            .get_mut()
            .write_all(line.as_bytes())
            .expect("it listens");
        let mut head = String::new();
        self.0.read_line(&mut head).expect("it answers");
        let head = head.trim_end().to_owned();
        let Some(Ok(length)) = head.strip_prefix('$').map(str::parse::<usize>) else {
            return head;
        };
        let mut text = vec![0; length + 2];
        self.0.read_exact(&mut text).expect("the whole response");
        text.truncate(length);
        String::from_utf8(text).expect("UTF-8")
    }

    fn expect_refusals(&mut self, commands: &[String]) {
        for command in commands {
            let answer = self.command(command);
            assert!(answer.starts_with("-NOPERM"), "{command}: {answer}");
        }
    }
}

/// Users that belong to one test. They are removed when it ends.
struct TestUsers {
    worker: String,
    app: String,
}

impl TestUsers {
    async fn create(deployment: &Deployment) -> Self {
        let name = format!("scrip_test_{}", Uuid::now_v7().simple());
        let users = Self {
            worker: format!("{name}_worker"),
            app: format!("{name}_app"),
        };
        let grants = [
            "redis",
            "grants",
            "--worker",
            &users.worker,
            "--app",
            &users.app,
        ];
        let script = deployment.succeed(&grants).await;
        let mut administrator = Session::open();
        // The commands can run several times, and passwords stay.
        for round in 0..2 {
            assert_eq!(script.lines().count(), 2, "{script}");
            for line in script.lines() {
                assert_eq!(administrator.command(line), "+OK", "{line}");
            }
            if round == 0 {
                for user in [&users.worker, &users.app] {
                    let refused = Session::open().command(&format!("AUTH {user} of-{user}"));
                    assert!(refused.starts_with("-WRONGPASS"), "{refused}");
                    let set = format!("ACL SETUSER {user} >of-{user}");
                    assert_eq!(administrator.command(&set), "+OK");
                }
            }
        }
        users
    }

    fn session(user: &str) -> Session {
        Session::new(user, &format!("of-{user}"))
    }
}

impl Drop for TestUsers {
    fn drop(&mut self) {
        Session::open().command(&format!("ACL DELUSER {} {}", self.worker, self.app));
    }
}

#[tokio::test]
async fn a_worker_can_write_balances_and_an_app_can_read_them_and_neither_can_do_more() {
    let database = TestDatabase::postgres().await.migrated().await;
    let broker = TestBroker::start().await;
    let namespace = broker.topology().namespace();
    let mut deployment = Deployment::on_servers(broker.url(), &database.worker_url(), namespace);
    let users = TestUsers::create(&deployment).await;
    let url = format!("redis://{0}:of-{0}@{1}/0", users.worker, address());
    deployment.set("REDIS_URL", &url);
    let worker = deployment.ready_worker().await;

    let options = Options {
        namespace: namespace.to_owned(),
        ..Options::default()
    };
    let client = Client::connect(broker.url(), options)
        .await
        .expect("a client");
    let outcome = client.send(&Command::promotion("p-1", "ada", 5)).await;
    assert!(outcome.expect("an outcome").is_completed());
    let key = format!("{namespace}:balance:ada");
    let mut app = TestUsers::session(&users.app);
    let start = Instant::now();
    while !app.command(&format!("GET {key}")).contains("\"balance\":5") {
        assert!(
            start.elapsed() < TIMEOUT,
            "the balance is not written:\n{}",
            worker.log()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(client.balance("ada").await.expect("a balance").balance, 5);
    assert_eq!(app.command(&format!("EXISTS {key}")), ":1");
    assert_eq!(app.command("PING"), "+PONG");

    // A worker takes the lock of the scheduler soon after its start.
    let mut administrator = Session::open();
    let locks = format!("EVAL \"return #redis.call('KEYS',ARGV[1])\" 0 {namespace}:lock:*");
    while administrator.command(&locks) == ":0" {
        assert!(start.elapsed() < TIMEOUT, "no lock:\n{}", worker.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let log = worker.log();
    assert!(!log.contains("redis is unavailable"), "{log}");

    app.expect_refusals(&[
        format!("SET {key} 1"),
        format!("DEL {key}"),
        format!("EXPIRE {key} 1"),
        format!("GET {namespace}:lock:any"),
        "GET another:balance:ada".to_owned(),
        "EVAL return 0".to_owned(),
        "KEYS *".to_owned(),
        "SCAN 0".to_owned(),
        "FLUSHALL".to_owned(),
        "CONFIG GET *".to_owned(),
        "ACL WHOAMI".to_owned(),
        "SUBSCRIBE any".to_owned(),
    ]);
    TestUsers::session(&users.worker).expect_refusals(&[
        "SET another:balance:ada 1".to_owned(),
        format!("SET {namespace}:other 1"),
        format!("DEL {key}"),
        "EVAL return 0".to_owned(),
        "KEYS *".to_owned(),
        "FLUSHALL".to_owned(),
        "CONFIG GET *".to_owned(),
        "ACL WHOAMI".to_owned(),
        "PUBLISH any thing".to_owned(),
    ]);
    client.close().await.expect("closes");
    assert!(worker.terminate().await.success());
}

#[tokio::test]
async fn a_name_that_could_become_part_of_a_command_is_refused() {
    let deployment = Deployment::embedded();
    let refused = deployment
        .run(&["redis", "grants", "--app", "a\nFLUSHALL"])
        .await;
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "{error}");
    assert!(error.contains("allowed are 1 to 63 letters"), "{error}");
}
