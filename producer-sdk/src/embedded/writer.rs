//! The task that inserts messages. It commits all waiting messages in one transaction and reports
//! the result of each.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};
use std::time::Duration;

use chrono::Utc;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait, Value,
};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::file::{Purpose, Source};
use super::pool::is_busy;
use crate::contract::{Command, Origin, headers};
use crate::envelope::Envelope;
use crate::error::{Cause, Error, Result};
use crate::handle::PublishHandle;
use crate::message::HeaderValue;
use crate::options::Options;
use crate::window::{Permit, Window};

/// The maximum number of rows in one statement. SQLite allows 32,766 parameters.
const GROUP: usize = 500;
/// The format of every instant in the file. The order of the texts is the order of time.
const INSTANT: &str = "%Y-%m-%dT%H:%M:%S%.6f+00:00";

const AFTER_FAILURE: &str = "a message before it, of the same call, was not stored";

/// The queues in the file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Queue {
    Commands,
    Queries,
}

/// A row to insert.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) queue: Queue,
    pub(super) origin: Origin,
    pub(super) envelope: Envelope,
}

impl Row {
    /// The row of a command.
    pub(super) fn of_command(command: &Command) -> Result<Self> {
        Ok(Self {
            queue: Queue::Commands,
            origin: command.origin(),
            envelope: Envelope::from_command(command)?,
        })
    }
}

struct Insert {
    row: Row,
    done: oneshot::Sender<Result<()>>,
    permit: Permit,
    /// Whether a row before it, of the same call, has failed.
    failed: Arc<AtomicBool>,
}

enum Request {
    Insert(Box<Insert>),
    Close(oneshot::Sender<()>),
}

/// The channel to the task. After the last clone is dropped, enqueued messages are still inserted.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    requests: mpsc::UnboundedSender<Request>,
    window: Window,
}

impl Writer {
    pub(super) async fn open(source: &Source, options: &Options) -> Result<Self> {
        let busy_timeout = options.confirm_timeout;
        let file = source
            .open(Purpose::Writing, busy_timeout, options.connect_timeout)
            .await?;
        let (requests, receiver) = mpsc::unbounded_channel();
        tokio::spawn(run(file, receiver, busy_timeout));
        Ok(Self {
            requests,
            window: Window::new(options),
        })
    }

    pub(super) async fn enqueue(&self, row: Row) -> Result<PublishHandle> {
        let mut handles = self.enqueue_all(vec![row]).await?;
        handles.pop().ok_or(Error::Closed)
    }

    /// Inserts rows in this order. After one that fails, none follows.
    pub(super) async fn enqueue_all(&self, rows: Vec<Row>) -> Result<Vec<PublishHandle>> {
        let permits = self.window.enter_all(rows.len()).await?;
        let failed = Arc::new(AtomicBool::new(false));
        let inserts = rows.into_iter().zip(permits).map(|(row, permit)| {
            let (done, result) = oneshot::channel();
            let insert = Insert {
                row,
                done,
                permit,
                failed: Arc::clone(&failed),
            };
            self.requests
                .send(Request::Insert(Box::new(insert)))
                .map_err(|_| Error::Closed)?;
            Ok(PublishHandle::new(result))
        });
        inserts.collect()
    }

    pub(super) async fn close(&self) {
        self.window.close();
        let (closer, closed) = oneshot::channel();
        if self.requests.send(Request::Close(closer)).is_ok() {
            let _ = closed.await;
        }
    }
}

async fn run(
    file: DatabaseConnection,
    mut requests: mpsc::UnboundedReceiver<Request>,
    busy_timeout: Duration,
) {
    let mut closers = Vec::new();
    let mut arrived = Vec::with_capacity(GROUP);
    while requests.recv_many(&mut arrived, GROUP).await > 0 {
        let mut group = Vec::with_capacity(arrived.len());
        for request in arrived.drain(..) {
            match request {
                Request::Insert(insert) if insert.failed.load(Relaxed) => {
                    drop(insert.permit);
                    let _ = insert.done.send(Err(Error::Queue(AFTER_FAILURE.into())));
                }
                Request::Insert(insert) => group.push(*insert),
                Request::Close(closer) => {
                    requests.close();
                    closers.push(closer);
                }
            }
        }
        if group.is_empty() {
            continue;
        }
        let result = insert(&file, &group).await;
        for insert in group {
            drop(insert.permit);
            insert.failed.fetch_or(result.is_err(), Relaxed);
            // The caller may have dropped the handle.
            let _ = insert.done.send(
                result
                    .as_ref()
                    .map_err(|error| explain(error, busy_timeout))
                    .copied(),
            );
        }
    }
    let _ = file.close().await;
    for closer in closers {
        let _ = closer.send(());
    }
}

/// Converts the error of a group for each of its messages.
fn explain(error: &DbErr, busy_timeout: Duration) -> Error {
    let cause = Cause::from(error.to_string());
    if is_busy(error) {
        return Error::Unconfirmed {
            after: busy_timeout,
            last: Some(cause),
        };
    }
    Error::Queue(cause)
}

async fn insert(file: &DatabaseConnection, group: &[Insert]) -> Result<(), DbErr> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let transaction = file.begin_with_options(options).await?;
    transaction.execute_raw(statement(group)).await?;
    transaction.commit().await
}

fn statement(group: &[Insert]) -> Statement {
    let mut sql = String::from(
        "INSERT INTO queue_message \
         (queue, origin, body, message_id, reply_to, correlation_id, headers, enqueued_at) VALUES ",
    );
    let now = Utc::now().format(INSTANT).to_string();
    let mut values: Vec<Value> = Vec::with_capacity(group.len() * 8);
    for (number, insert) in group.iter().enumerate() {
        sql.push_str(if number == 0 {
            "(?,?,?,?,?,?,?,?)"
        } else {
            ",(?,?,?,?,?,?,?,?)"
        });
        let Row {
            queue,
            origin,
            envelope,
        } = &insert.row;
        let queue = match queue {
            Queue::Commands => "commands",
            Queue::Queries => "queries",
        };
        let properties = &envelope.properties;
        values.extend([
            queue.into(),
            origin.as_str().into(),
            envelope.body.clone().into(),
            properties.message_id.clone().into(),
            properties.reply_to.clone().into(),
            properties.correlation_id.clone().into(),
            trace(envelope).into(),
            now.clone().into(),
        ]);
    }
    Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)
}

/// The trace context, which is the only header that producers send.
fn trace(envelope: &Envelope) -> Option<String> {
    envelope
        .properties
        .headers
        .iter()
        .find_map(|(name, value)| match value {
            HeaderValue::Str(trace) if name == headers::TRACEPARENT => {
                Some(json!({ headers::TRACEPARENT: trace }).to_string())
            }
            _ => None,
        })
}
