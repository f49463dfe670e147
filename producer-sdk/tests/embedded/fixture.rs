//! A temporary file, and a responder in place of the worker.

use std::{future::Future, path::PathBuf, time::Duration};

use producer_sdk::{
    Client, Command, Options, Producer, Query,
    contract::{Answer, BalanceResult, Outcome, Reply, Status},
};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement,
};
use uuid::Uuid;

/// A temporary file that is deleted at the end.
pub struct File {
    pub folder: PathBuf,
    pub path: PathBuf,
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl File {
    pub fn missing() -> Self {
        let folder = std::env::temp_dir().join(format!("scrip-sdk-{}", Uuid::now_v7()));
        std::fs::create_dir(&folder).expect("a folder");
        let path = folder.join("a file, 100% ours.db");
        Self { folder, path }
    }

    pub async fn migrated() -> Self {
        let file = Self::missing();
        let connection = file.connect().await;
        migration::up(&connection).await.expect("migrated");
        connection.close().await.expect("closed");
        file
    }

    /// A separate connection to the file. It creates the file if it does not exist.
    pub async fn connect(&self) -> DatabaseConnection {
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

    pub async fn producer(&self) -> Producer {
        Producer::open(&self.path, Options::default())
            .await
            .expect("a producer")
    }

    pub async fn client(&self) -> Client {
        Client::open(&self.path, Options::default())
            .await
            .expect("a client")
    }
}

pub fn consume(number: usize) -> Command {
    Command::consume(format!("req-{number:06}"), "user_1", "google:chat")
}

pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let limit = Duration::from_mins(1);
    let Ok(value) = tokio::time::timeout(limit, future).await else {
        panic!("{what} did not happen within {limit:?}");
    };
    value
}

/// A waiting message, as the worker reads it.
pub struct Waiting {
    pub id: i64,
    pub queue: String,
    pub origin: String,
    pub body: Vec<u8>,
    pub message_id: Option<String>,
    pub reply_to: Option<String>,
    pub correlation_id: Option<String>,
    pub headers: Option<String>,
}

pub async fn messages(connection: &DatabaseConnection) -> Vec<Waiting> {
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

pub async fn count(connection: &DatabaseConnection, table: &str) -> i64 {
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
pub async fn respond(connection: DatabaseConnection) {
    respond_with(connection, |message| Some(answer(message))).await;
}

/// Like [`respond`], with these replies. `None` takes the message without a reply.
pub async fn respond_with(
    connection: DatabaseConnection,
    mut answer: impl FnMut(&Waiting) -> Option<Reply>,
) {
    loop {
        for message in messages(&connection).await {
            let delete = "DELETE FROM queue_message WHERE id = ?";
            let delete =
                Statement::from_sql_and_values(DbBackend::Sqlite, delete, [message.id.into()]);
            connection.execute_raw(delete).await.expect("taken");
            let Some(reply) = answer(&message) else {
                continue;
            };
            let insert = "INSERT INTO queue_reply (reply_to, correlation_id, body, created_at) \
                          VALUES (?, ?, ?, '2026-11-22T10:00:00.000000+00:00')";
            let values = [
                message.reply_to.into(),
                message.correlation_id.into(),
                reply.to_json().into(),
            ];
            let insert = Statement::from_sql_and_values(DbBackend::Sqlite, insert, values);
            connection.execute_raw(insert).await.expect("a reply");
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
                holds_end_at: None,
                debt: 0,
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
        held: None,
        hold_expires_at: None,
        uncaptured: None,
        revoked: None,
        taken: None,
        indebted: None,
        restored: None,
        cancelled: None,
        forgiven: None,
        repaid: None,
        debt: None,
        default_price: None,
        skipped: None,
        stale: None,
        error: None,
    })
}
