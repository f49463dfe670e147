//! The dead letters in the file, one by one.

use chrono::{DateTime, Utc};
use producer_sdk::contract::headers;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, FromQueryResult, Statement, Value};
use tokio::time::Instant;

use super::EmbeddedError;
use crate::{
    dead_letters::{Counts, CutBody, DeadLetter, Disposition},
    rate_limit::rate_limit,
};

const PAGE: i64 = 500;

const LETTERS: &str = "\
SELECT id, origin, body, message_id, attempt, headers FROM queue_message
 WHERE queue = 'dead' AND id > $1 AND id <= $2 ORDER BY id LIMIT $3";

const NEWEST: &str = "\
SELECT coalesce(max(id), 0) AS newest, count(*) AS letters
  FROM queue_message WHERE queue = 'dead'";

/// Replays the original message. It keeps the trace context and the time at which a worker first
/// received it.
const REPLAY: &str = "\
UPDATE queue_message SET queue = 'commands', attempt = 0, not_before = NULL,
       headers = json_patch('{}', json_object(
           'traceparent', headers ->> 'traceparent',
           'x-scrip-first-seen', headers ->> 'x-scrip-first-seen'))
 WHERE id = $1 AND queue = 'dead'";

const DROP: &str = "DELETE FROM queue_message WHERE id = $1 AND queue = 'dead'";

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    origin: String,
    body: Vec<u8>,
    message_id: Option<String>,
    attempt: i32,
    headers: Option<String>,
}

#[derive(FromQueryResult)]
struct Newest {
    newest: i64,
    letters: i64,
}

/// Number of dead letters.
pub async fn count(db: &DatabaseConnection) -> Result<u64, EmbeddedError> {
    Ok(newest(db).await?.letters.unsigned_abs())
}

/// Passes each dead letter that exists now to `disposition`, in order, and carries out the result,
/// until `disposition` returns `None`. At most `rate` dead letters per second are replayed. After
/// an error `counts` holds what was done before.
pub async fn each(
    db: &DatabaseConnection,
    rate: Option<u32>,
    counts: &mut Counts,
    mut disposition: impl FnMut(&DeadLetter) -> Option<Disposition> + Send,
) -> Result<(), EmbeddedError> {
    let last = newest(db).await?.newest;
    let began = Instant::now();
    let mut after = 0;
    loop {
        let page = statement(LETTERS, [after.into(), last.into(), PAGE.into()]);
        let rows = Row::find_by_statement(page)
            .all(db)
            .await
            .map_err(EmbeddedError::doing("read the dead letters"))?;
        let Some(behind) = rows.last().map(|row| row.id) else {
            return Ok(());
        };
        for row in rows {
            counts.seen += 1;
            let id = row.id;
            let letter = letter(row);
            let (sql, count) = match disposition(&letter) {
                None => return Ok(()),
                Some(Disposition::Keep) => continue,
                Some(Disposition::Replay) if letter.cut.is_some() => {
                    counts.failed += 1;
                    continue;
                }
                Some(Disposition::Drop) => (DROP, &mut counts.dropped),
                Some(Disposition::Replay) => {
                    rate_limit(began, counts.replayed, rate).await;
                    (REPLAY, &mut counts.replayed)
                }
            };
            let changed = db
                .execute_raw(statement(sql, [id.into()]))
                .await
                .map_err(EmbeddedError::doing("move a dead letter"))?;
            *count += changed.rows_affected();
        }
        after = behind;
    }
}

async fn newest(db: &DatabaseConnection) -> Result<Newest, EmbeddedError> {
    let newest = Newest::find_by_statement(statement(NEWEST, []))
        .one(db)
        .await;
    let newest = newest.map_err(EmbeddedError::doing("count the dead letters"))?;
    Ok(newest.unwrap_or(Newest {
        newest: 0,
        letters: 0,
    }))
}

fn letter(row: Row) -> DeadLetter {
    let fields: serde_json::Value = row
        .headers
        .and_then(|headers| serde_json::from_str(&headers).ok())
        .unwrap_or_default();
    let text = |name: &str| fields[name].as_str().map(str::to_owned);
    let at = |name: &str| text(name).and_then(|at| at.parse::<DateTime<Utc>>().ok());
    let mut letter = DeadLetter::from_body(row.body);
    letter.reference_id = letter.reference_id.or(row.message_id);
    letter.reason = text(headers::REASON).unwrap_or_else(|| "unknown".to_owned());
    letter.error = text(headers::ERROR);
    letter.field = text(headers::FIELD);
    letter.attempts = u32::try_from(row.attempt).unwrap_or_default();
    letter.cut = CutBody::from_headers(
        fields[headers::BODY_LENGTH].as_u64(),
        text(headers::BODY_SHA256),
    );
    letter.first_seen = at(headers::FIRST_SEEN);
    letter.last_seen = at(headers::LAST_SEEN);
    letter.origin = row.origin.parse().ok();
    letter
}

fn statement<const N: usize>(sql: &str, values: [Value; N]) -> Statement {
    Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)
}
