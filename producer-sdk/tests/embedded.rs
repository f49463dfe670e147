//! The producer and the client over a real file. A responder replaces the worker.
#![cfg(feature = "embedded")]
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::future::Future;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use producer_sdk::contract::{Answer, BalanceResult, Outcome, Reply, Status};
use producer_sdk::{Client, Command, Error, Options, Producer, Query, WhenFull};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement,
};
use tokio::task::JoinSet;
use uuid::Uuid;

/// A temporary file that is deleted at the end.
struct File {
    folder: PathBuf,
    path: PathBuf,
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl File {
    fn missing() -> Self {
        let folder = std::env::temp_dir().join(format!("scrip-sdk-{}", Uuid::now_v7()));
        std::fs::create_dir(&folder).expect("a folder");
        let path = folder.join("a file, 100% ours.db");
        Self { folder, path }
    }

    async fn migrated() -> Self {
        let file = Self::missing();
        let connection = file.connect().await;
        migration::up(&connection).await.expect("migrated");
        connection.close().await.expect("closed");
        file
    }

    /// A separate connection to the file. It creates the file if it does not exist.
    async fn connect(&self) -> DatabaseConnection {
        let path = self.path.clone();
        let mut options = ConnectOptions::new("sqlite://");
        options
            .max_connections(1)
            .sqlx_logging(false)
            .map_sqlx_sqlite_opts(move |options| {
                options
                    .filename(&path)
                    .create_if_missing(true)
                    .busy_timeout(Duration::from_secs(10))
            });
        Database::connect(options).await.expect("a connection")
    }

    async fn producer(&self) -> Producer {
        Producer::open(&self.path, Options::default())
            .await
            .expect("a producer")
    }

    async fn client(&self) -> Client {
        Client::open(&self.path, Options::default())
            .await
            .expect("a client")
    }
}

fn consume(number: usize) -> Command {
    Command::consume(format!("req-{number:06}"), "user_1", "google:chat")
}

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let limit = Duration::from_mins(1);
    let Ok(value) = tokio::time::timeout(limit, future).await else {
        panic!("{what} did not happen within {limit:?}");
    };
    value
}

/// A waiting message, as the worker reads it.
struct Waiting {
    id: i64,
    queue: String,
    origin: String,
    body: Vec<u8>,
    message_id: Option<String>,
    reply_to: Option<String>,
    correlation_id: Option<String>,
    headers: Option<String>,
}

async fn messages(connection: &DatabaseConnection) -> Vec<Waiting> {
    let select = "SELECT id, queue, origin, body, message_id, reply_to, correlation_id, headers \
                  FROM queue_message ORDER BY id";
    let statement = Statement::from_string(DbBackend::Sqlite, select);
    let rows = connection.query_all_raw(statement).await.expect("rows");
    rows.iter()
        .map(|row| Waiting {
            id: row.try_get("", "id").expect("id"),
            queue: row.try_get("", "queue").expect("queue"),
            origin: row.try_get("", "origin").expect("origin"),
            body: row.try_get("", "body").expect("body"),
            message_id: row.try_get("", "message_id").expect("message_id"),
            reply_to: row.try_get("", "reply_to").expect("reply_to"),
            correlation_id: row.try_get("", "correlation_id").expect("correlation_id"),
            headers: row.try_get("", "headers").expect("headers"),
        })
        .collect()
}

async fn count(connection: &DatabaseConnection, table: &str) -> i64 {
    let select = format!("SELECT count(*) AS n FROM {table}");
    let statement = Statement::from_string(DbBackend::Sqlite, select);
    let row = connection
        .query_one_raw(statement)
        .await
        .expect("a query")
        .expect("a row");
    row.try_get("", "n").expect("a number")
}

/// Replaces the worker: replies to all messages until it is aborted.
async fn respond(connection: DatabaseConnection) {
    loop {
        for message in messages(&connection).await {
            let reply = answer(&message);
            let insert = "INSERT INTO queue_reply (reply_to, correlation_id, body, created_at) \
                          VALUES (?, ?, ?, '2026-11-22T10:00:00.000000+00:00')";
            let values = [
                message.reply_to.into(),
                message.correlation_id.into(),
                reply.to_json().into(),
            ];
            let insert = Statement::from_sql_and_values(DbBackend::Sqlite, insert, values);
            connection.execute_raw(insert).await.expect("a reply");
            let delete = "DELETE FROM queue_message WHERE id = ?";
            let delete =
                Statement::from_sql_and_values(DbBackend::Sqlite, delete, [message.id.into()]);
            connection.execute_raw(delete).await.expect("taken");
        }
        tokio::task::yield_now().await;
    }
}

fn answer(message: &Waiting) -> Reply {
    if message.queue == "queries" {
        let Query::Balance { user_id } = Query::from_json(&message.body).expect("a query") else {
            panic!("not a balance query");
        };
        return Reply::Answer(Answer::ok(
            "balance",
            &BalanceResult {
                user_id,
                available_credits: 7,
                balance: 7,
                held: 0,
                total_earned: 10,
                total_spent: 3,
                status: "ACTIVE".to_owned(),
                next_expiring_batch: None,
                next_grant_info: None,
                version: 1,
            },
        ));
    }
    let command = Command::from_json(&message.body).expect("a command");
    if command.reference_id == "reject-me" {
        return Reply::Rejected(Command::from_json(b"{}").expect_err("a rejection"));
    }
    Reply::Outcome(Outcome {
        reference_id: command.reference_id.clone(),
        kind: command.kind().as_str().to_owned(),
        user_id: command.user_id,
        status: Status::Completed,
        replayed: false,
        amount: Some(-1),
        balance: Some(1),
        available: None,
        transactions: Vec::new(),
        allocations: Vec::new(),
        granted: None,
        clipped: None,
        over_cap: None,
        default_price: None,
        skipped: None,
        stale: None,
        error: None,
    })
}

/// An environment variable that is set in the process that works in the folder of the file.
const RELATIVE: &str = "SCRIP_TEST_RELATIVE";

/// Conformance: Embedded deployment: The data folder can be relative, and its name can have spaces
/// and characters special in URLs
#[tokio::test]
async fn a_relative_url_works_with_any_character_in_its_path() {
    if std::env::var_os(RELATIVE).is_some() {
        for url in [
            "sqlite://a file, 100%25 ours.db",
            "sqlite:a%20file%2C 100%25 ours.db?mode=rw",
        ] {
            let producer = Producer::connect(url, Options::default()).await;
            let producer = producer.unwrap_or_else(|error| panic!("{url}: {error:?}"));
            producer.publish(&consume(1)).await.expect("confirmed");
            producer.close().await.expect("closed");
        }
        return;
    }
    let file = File::migrated().await;
    let output = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args([
            "--exact",
            "a_relative_url_works_with_any_character_in_its_path",
        ])
        .env(RELATIVE, "yes")
        .current_dir(&file.folder)
        .output()
        .expect("it runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

/// Here SQLite reports "locked" at once, not after the busy timeout.
#[tokio::test]
async fn opening_waits_for_a_file_that_another_process_is_creating() {
    let file = File::migrated().await;
    let foreign = file.connect().await;
    foreign
        .execute_unprepared("BEGIN IMMEDIATE")
        .await
        .expect("begun");
    let timeout = Duration::from_millis(300);
    let options = Options {
        connect_timeout: timeout,
        ..Options::default()
    };
    let started = Instant::now();
    let error = Producer::open(&file.path, options)
        .await
        .expect_err("it is held");
    assert!(matches!(error, Error::Connect(_)), "{error:?}");
    let waited = started.elapsed();
    assert!(waited >= timeout, "gave up after {waited:?}: {error:?}");
    foreign
        .execute_unprepared("COMMIT")
        .await
        .expect("committed");
    let producer = file.producer().await;
    producer.publish(&consume(1)).await.expect("enqueued");
    producer.close().await.expect("closed");
}

/// Conformance: Amounts, time and spending order: The SDK sets `occurredAt` to the current time if
/// the caller does not
#[tokio::test]
async fn a_confirmed_command_is_in_the_file_with_all_its_properties() {
    let file = File::migrated().await;
    let producer = file.producer().await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    producer
        .publish(&consume(0).traceparent(trace))
        .await
        .expect("committed");
    producer
        .publish(&Command::registration_bonus("g", "user_1"))
        .await
        .expect("committed");
    let messages = messages(&file.connect().await).await;
    let [consumed, granted] = messages.as_slice() else {
        panic!("two messages")
    };
    assert_eq!(
        (consumed.queue.as_str(), consumed.origin.as_str()),
        ("commands", "usage")
    );
    assert_eq!(consumed.message_id.as_deref(), Some("req-000000"));
    assert_eq!(
        consumed.headers.as_deref(),
        Some(format!(r#"{{"traceparent":"{trace}"}}"#).as_str())
    );
    let command = Command::from_json(&consumed.body).expect("a command");
    assert!(command.occurred_at.is_some(), "occurredAt is stamped");
    assert_eq!(
        (granted.origin.as_str(), granted.headers.as_deref()),
        ("funding", None)
    );
}

#[tokio::test]
async fn five_thousand_commands_are_in_the_file_in_their_order() {
    let file = File::migrated().await;
    let url = format!(
        "sqlite://{}",
        file.path.display().to_string().replace('%', "%25")
    );
    let producer = Producer::connect(&url, Options::default())
        .await
        .expect("a producer");
    for number in 0..5000 {
        drop(producer.enqueue(&consume(number)).await.expect("a permit"));
    }
    soon("closing", producer.close()).await.expect("closed");
    assert!(
        producer
            .publish(&consume(5000))
            .await
            .expect_err("closed")
            .is_closed()
    );
    let messages = messages(&file.connect().await).await;
    let references: Vec<_> = messages
        .into_iter()
        .filter_map(|message| message.message_id)
        .collect();
    let expected: Vec<_> = (0..5000)
        .map(|number| consume(number).reference_id)
        .collect();
    assert_eq!(references, expected);
}

#[tokio::test]
async fn two_producers_write_to_one_file_at_once() {
    let file = File::migrated().await;
    let (one, two) = (file.producer().await, file.producer().await);
    let mut publishing = JoinSet::new();
    for number in 0..200 {
        let producer = if number % 2 == 0 {
            one.clone()
        } else {
            two.clone()
        };
        publishing.spawn(async move { producer.publish(&consume(number)).await });
    }
    for result in soon("all commits", publishing.join_all()).await {
        result.expect("committed");
    }
    assert_eq!(count(&file.connect().await, "queue_message").await, 200);
}

#[tokio::test]
async fn a_locked_file_and_a_full_window_are_timeouts() {
    let file = File::migrated().await;
    let options = Options {
        window: 1,
        when_full: WhenFull::Timeout(Duration::from_millis(20)),
        confirm_timeout: Duration::from_secs(1),
        ..Options::default()
    };
    let producer = Producer::open(&file.path, options)
        .await
        .expect("a producer");
    let other = file.connect().await;
    other
        .execute_unprepared("BEGIN IMMEDIATE")
        .await
        .expect("locked");
    let handle = producer.enqueue(&consume(0)).await.expect("a permit");
    let error = producer.enqueue(&consume(1)).await.expect_err("no permit");
    assert!(matches!(error, Error::WindowFull(_)));
    let error = soon("giving up", handle).await.expect_err("locked");
    assert!(error.is_timeout(), "{error}");
    other
        .execute_unprepared("ROLLBACK")
        .await
        .expect("unlocked");
    soon("the commit", producer.publish(&consume(2)))
        .await
        .expect("committed");
}

#[tokio::test]
async fn a_command_gets_its_outcome_and_a_query_its_answer() {
    let file = File::migrated().await;
    let worker = tokio::spawn(respond(file.connect().await));
    let client = file.client().await;
    let outcome = soon("the outcome", client.send(&consume(1)))
        .await
        .expect("an outcome");
    assert_eq!(outcome.reference_id, "req-000001");
    let balance = soon("the balance", client.balance("user_1"))
        .await
        .expect("a balance");
    assert_eq!(
        (balance.user_id.as_str(), balance.available_credits),
        ("user_1", 7)
    );
    let error = client
        .send(&Command::consume("reject-me", "u", "s"))
        .await
        .expect_err("rejected");
    assert_eq!(
        error
            .rejection()
            .and_then(|rejection| rejection.field.as_deref()),
        Some("type")
    );
    client.close().await.expect("closed");
    assert!(
        client
            .send(&consume(2))
            .await
            .expect_err("closed")
            .is_closed()
    );
    worker.abort();
    assert_eq!(
        count(&file.connect().await, "queue_reply").await,
        0,
        "replies that were read are deleted"
    );
}

#[tokio::test]
async fn two_clients_each_get_their_own_outcomes() {
    let file = File::migrated().await;
    let worker = tokio::spawn(respond(file.connect().await));
    let clients = [
        std::sync::Arc::new(file.client().await),
        std::sync::Arc::new(file.client().await),
    ];
    let mut sending = JoinSet::new();
    for number in 0..200 {
        let client = std::sync::Arc::clone(&clients[number % 2]);
        sending.spawn(async move { (number, client.send(&consume(number)).await) });
    }
    for (number, outcome) in soon("all outcomes", sending.join_all()).await {
        assert_eq!(
            outcome.expect("an outcome").reference_id,
            consume(number).reference_id
        );
    }
    worker.abort();
}

#[tokio::test]
async fn without_a_worker_the_deadline_ends_the_wait_and_the_command_stays_in_the_file() {
    let file = File::migrated().await;
    let client = file.client().await;
    let error = client
        .send_within(&consume(1), Duration::from_secs(1))
        .await
        .expect_err("no reply");
    assert!(matches!(error, Error::NoReply(_)) && error.is_timeout());
    assert_eq!(count(&file.connect().await, "queue_message").await, 1);
}

#[tokio::test]
async fn opening_a_file_without_a_queue_fails_with_advice_and_creates_no_file() {
    let file = File::missing();
    let error = Producer::open(&file.path, Options::default())
        .await
        .expect_err("no file");
    assert!(matches!(error, Error::NotMigrated));
    assert!(!file.path.exists());
    file.connect()
        .await
        .execute_unprepared("CREATE TABLE other (id INTEGER)")
        .await
        .expect("a file");
    let error = Client::open(&file.path, Options::default())
        .await
        .expect_err("no tables");
    assert!(error.to_string().contains("scrip migrate up"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_in_a_folder_that_other_users_can_write_to_is_refused() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let file = File::migrated().await;
    let folder = std::env::temp_dir().join(format!("scrip-link-{}", Uuid::now_v7().simple()));
    std::fs::create_dir(&folder).expect("the temporary folder is writable");
    let link = folder.join("scrip.db");
    symlink(&file.path, &link).expect("a link");
    for (mode, is_refused) in [(0o700, false), (0o777, true)] {
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode))
            .expect("its owner may");
        let opened = Producer::open(&link, Options::default()).await;
        match opened {
            Ok(producer) => {
                assert!(!is_refused);
                producer.close().await.expect("closes");
            }
            Err(error) => {
                assert!(is_refused, "{error:?}");
                let source = std::error::Error::source(&error)
                    .expect("a cause")
                    .to_string();
                assert!(
                    source.contains("is a symbolic link in the folder"),
                    "{source}"
                );
            }
        }
    }
    std::fs::remove_dir_all(&folder).expect("removed");
}
