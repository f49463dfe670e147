//! The statements on the tables of the queue. Rows are passed as one JSON document, so that a group
//! costs as many statements as a single message.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use producer_sdk::contract::{bucket, headers};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, Statement, Value};
use serde::Deserialize;
use serde_json::json;

use super::EmbeddedError;
use crate::{
    db::sqlite_instant,
    pipeline::{Delivery, Reply, ReplyTo, Settled, Settlement},
};

/// Delay of a poison command before it is retried.
const DELAY: TimeDelta = TimeDelta::seconds(10);
/// Age at which a query is deleted: its sender does not wait any longer.
const QUERY_LIFETIME: TimeDelta = TimeDelta::seconds(30);
/// Age at which a reply is deleted: its receiver does not fetch it any more.
const REPLY_LIFETIME: TimeDelta = TimeDelta::minutes(10);

const VERSION: &str = "PRAGMA data_version";

const WAITING: &str = "\
SELECT EXISTS (SELECT 1 FROM queue_message
                WHERE queue IN ('commands', 'queries')
                  AND (not_before IS NULL OR not_before <= $1)) AS waiting";

const FIRST: &str = "\
SELECT id FROM queue_message
 WHERE queue = $1 AND (not_before IS NULL OR not_before <= $2) ORDER BY id LIMIT 1";

const TAKE: &str = "\
SELECT id, origin, body, reply_to, correlation_id, attempt, enqueued_at,
       headers ->> 'x-scrip-first-seen' AS first_seen
  FROM queue_message
 WHERE queue = $1 AND (not_before IS NULL OR not_before <= $2) ORDER BY id LIMIT $3";

/// Answered from the index alone.
const DEPTHS: &str = "SELECT queue, count(*) AS length FROM queue_message GROUP BY queue";

const DONE: &str = "DELETE FROM queue_message WHERE id IN (SELECT value FROM json_each($1))";

const MOVE: &str = "\
UPDATE queue_message
   SET queue = json_extract(e.value, '$.queue'), attempt = json_extract(e.value, '$.attempt'),
       not_before = json_extract(e.value, '$.not_before'),
       headers = json_patch(coalesce(headers, '{}'), json_extract(e.value, '$.headers')),
       body = substr(body, 1, json_extract(e.value, '$.kept_bytes'))
  FROM json_each($1) e WHERE queue_message.id = json_extract(e.value, '$.id')";

const REPLY: &str = "\
INSERT INTO queue_reply (reply_to, correlation_id, body, created_at)
SELECT json_extract(value, '$.reply_to'), json_extract(value, '$.correlation_id'),
       CAST(json_extract(value, '$.body') AS BLOB), $2
  FROM json_each($1) ORDER BY key";

const STALE_REPLIES: &str = "DELETE FROM queue_reply WHERE created_at < $1";
const STALE_QUERIES: &str =
    "DELETE FROM queue_message WHERE queue = 'queries' AND enqueued_at < $1";

/// Identifies a message of the queue, to settle it.
#[derive(Clone, Debug)]
pub struct Ticket {
    id: i64,
    origin: String,
}

/// A message in the file.
#[derive(Debug, FromQueryResult)]
pub struct Row {
    id: i64,
    origin: String,
    pub body: Vec<u8>,
    reply_to: Option<String>,
    correlation_id: Option<String>,
    attempt: i32,
    enqueued_at: DateTime<Utc>,
    /// Written by a worker; `None` until a worker has settled the message once.
    first_seen: Option<String>,
}

impl Row {
    /// Time since the message was enqueued.
    pub fn age(&self, now: DateTime<Utc>) -> std::time::Duration {
        // `enqueued_at` is by the sender's clock, which may be ahead.
        (now - self.enqueued_at).to_std().unwrap_or_default()
    }

    /// The ticket that settles the message.
    pub fn ticket(&self) -> Ticket {
        Ticket {
            id: self.id,
            origin: self.origin.clone(),
        }
    }

    /// The address of the reply; `None` if no reply is requested.
    pub fn reply_to(&self) -> Option<ReplyTo> {
        self.reply_to.clone().map(|queue| ReplyTo {
            queue,
            correlation_id: self.correlation_id.clone(),
        })
    }

    /// Converts the row into a delivery that is received at `now`, unless a worker received it
    /// before.
    pub fn into_delivery(self, now: DateTime<Utc>) -> Delivery<Ticket> {
        let first_seen = self.first_seen.as_deref().and_then(|at| at.parse().ok());
        Delivery {
            ticket: self.ticket(),
            unreadable: None,
            origin: self.origin.parse().ok(),
            sender: None,
            reply: self.reply_to(),
            attempt: u32::try_from(self.attempt).unwrap_or_default(),
            first_seen: first_seen.unwrap_or(now),
            body: self.body,
        }
    }
}

/// A number that changes when another connection commits.
pub async fn version<C: ConnectionTrait>(connection: &C) -> Result<i64, EmbeddedError> {
    scalar(connection, VERSION, [], "data_version").await
}

/// Whether a command or a query is due.
pub async fn is_waiting<C: ConnectionTrait>(
    connection: &C,
    now: DateTime<Utc>,
) -> Result<bool, EmbeddedError> {
    let waiting: i64 = scalar(connection, WAITING, [instant(now)], "waiting").await?;
    Ok(waiting != 0)
}

/// Number of messages by queue. An empty queue has no entry.
pub async fn queue_depth<C: ConnectionTrait>(
    connection: &C,
) -> Result<BTreeMap<String, u64>, EmbeddedError> {
    let doing = || EmbeddedError::doing("count the messages of the queue");
    let rows = connection
        .query_all_raw(statement(DEPTHS, []))
        .await
        .map_err(doing())?;
    rows.iter()
        .map(|row| {
            let length: i64 = row.try_get("", "length").map_err(doing())?;
            let queue = row.try_get("", "queue").map_err(doing())?;
            Ok((queue, u64::try_from(length).unwrap_or_default()))
        })
        .collect()
}

/// The id of the first message of a queue that is due.
pub async fn first<C: ConnectionTrait>(
    connection: &C,
    queue: &str,
    now: DateTime<Utc>,
) -> Result<Option<i64>, EmbeddedError> {
    let doing = || EmbeddedError::doing("check the queue");
    let row = connection
        .query_one_raw(statement(FIRST, [queue.into(), instant(now)]))
        .await
        .map_err(doing())?;
    row.map(|row| row.try_get("", "id"))
        .transpose()
        .map_err(doing())
}

/// The first messages of a queue that are due. They stay in the queue until they are settled.
pub async fn take<C: ConnectionTrait>(
    connection: &C,
    queue: &str,
    limit: u16,
    now: DateTime<Utc>,
) -> Result<Vec<Row>, EmbeddedError> {
    let values = [queue.into(), instant(now), i64::from(limit).into()];
    Row::find_by_statement(statement(TAKE, values))
        .all(connection)
        .await
        .map_err(EmbeddedError::doing("read the queue"))
}

/// Carries out settlements and writes replies.
pub async fn settle<C: ConnectionTrait>(
    connection: &C,
    settled: Vec<Settled<Ticket>>,
    now: DateTime<Utc>,
) -> Result<(), EmbeddedError> {
    let mut done = Vec::new();
    let mut moved = Vec::new();
    let mut replies = Vec::new();
    for Settled {
        delivery,
        settlement,
        reply,
    } in settled
    {
        match moved_row(&delivery, &settlement, now) {
            None => done.push(delivery.ticket),
            Some(row) => moved.push(row),
        }
        replies.extend(reply);
    }
    reply(connection, &replies, now).await?;
    if !moved.is_empty() {
        execute(
            connection,
            MOVE,
            [serde_json::Value::Array(moved).to_string().into()],
        )
        .await?;
    }
    self::done(connection, &done).await
}

/// Deletes messages that are finished.
pub async fn done<C: ConnectionTrait>(
    connection: &C,
    tickets: &[Ticket],
) -> Result<(), EmbeddedError> {
    if tickets.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = tickets.iter().map(|ticket| ticket.id).collect();
    execute(connection, DONE, [json!(ids).to_string().into()]).await
}

/// Writes replies, which their receivers fetch.
pub async fn reply<C: ConnectionTrait>(
    connection: &C,
    replies: &[Reply],
    now: DateTime<Utc>,
) -> Result<(), EmbeddedError> {
    if replies.is_empty() {
        return Ok(());
    }
    let rows: Vec<serde_json::Value> = replies
        .iter()
        .map(|reply| {
            json!({
                "reply_to": reply.to.queue,
                "correlation_id": reply.to.correlation_id,
                "body": String::from_utf8_lossy(&reply.body),
            })
        })
        .collect();
    execute(
        connection,
        REPLY,
        [json!(rows).to_string().into(), instant(now)],
    )
    .await
}

/// Deletes old replies and queries, which are not awaited any more.
pub async fn purge<C: ConnectionTrait>(
    connection: &C,
    now: DateTime<Utc>,
) -> Result<(), EmbeddedError> {
    execute(connection, STALE_REPLIES, [instant(now - REPLY_LIFETIME)]).await?;
    execute(connection, STALE_QUERIES, [instant(now - QUERY_LIFETIME)]).await
}

/// An instant in the text format of the file.
pub fn instant(at: DateTime<Utc>) -> Value {
    sqlite_instant(at).into()
}

/// The new values of a message that is delayed or dead-lettered; `None`: it is finished.
fn moved_row(
    delivery: &Delivery<Ticket>,
    settlement: &Settlement,
    now: DateTime<Utc>,
) -> Option<serde_json::Value> {
    let mut headers = json!({
        headers::EXCHANGE: delivery.ticket.origin,
        headers::ORIGIN: delivery.ticket.origin,
        headers::ROUTING_KEY: routing_key(&delivery.body),
        headers::FIRST_SEEN: sqlite_instant(delivery.first_seen),
    });
    let (queue, attempt, not_before) = match settlement {
        Settlement::Ack => return None,
        Settlement::Delay(delay) => {
            headers[headers::REASON] = "poison".into();
            headers[headers::ERROR] = delay.error.as_str().into();
            ("commands", delay.attempt, Some(sqlite_instant(now + DELAY)))
        }
        Settlement::Dead(dead) => {
            headers[headers::REASON] = dead.reason.as_ref().into();
            headers[headers::ERROR] = dead.error.as_str().into();
            headers[headers::FIELD] = dead.field.as_deref().into();
            headers[headers::LAST_SEEN] = sqlite_instant(now).into();
            if let Some(cut) = &dead.cut {
                headers[headers::BODY_LENGTH] = cut.body_length.into();
                headers[headers::BODY_SHA256] = cut.body_sha256.as_str().into();
            }
            ("dead", delivery.attempt, None)
        }
    };
    headers[headers::ATTEMPT] = attempt.into();
    Some(json!({
        "id": delivery.ticket.id,
        "queue": queue,
        "attempt": attempt,
        "not_before": not_before,
        "headers": headers,
        "kept_bytes": delivery.body.len(),
    }))
}

/// The routing key of a message on a broker: the bucket of its user; `None` if it names no user.
fn routing_key(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Addressed {
        user_id: String,
    }
    let addressed: Addressed = serde_json::from_slice(body).ok()?;
    Some(bucket(&addressed.user_id).to_string())
}

async fn execute<C: ConnectionTrait, const N: usize>(
    connection: &C,
    sql: &str,
    values: [Value; N],
) -> Result<(), EmbeddedError> {
    connection
        .execute_raw(statement(sql, values))
        .await
        .map(drop)
        .map_err(EmbeddedError::doing("write the queue"))
}

async fn scalar<C: ConnectionTrait, const N: usize>(
    connection: &C,
    sql: &str,
    values: [Value; N],
    column: &str,
) -> Result<i64, EmbeddedError> {
    let row = connection.query_one_raw(statement(sql, values)).await;
    row.and_then(|row| row.ok_or_else(|| DbErr::RecordNotFound(column.to_owned())))
        .and_then(|row| row.try_get("", column))
        .map_err(EmbeddedError::doing("check the queue"))
}

fn statement<const N: usize>(sql: &str, values: [Value; N]) -> Statement {
    Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)
}
