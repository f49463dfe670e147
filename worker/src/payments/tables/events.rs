//! The table `payment_event`.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use serde_json::Value as Json;
use strum::{EnumString, IntoStaticStr, VariantArray};
use uuid::Uuid;

use super::{
    super::{Event, LinkKey, Provider},
    optional_instant, waits,
};
use crate::db::{Database, Sql, StoreError, bulk, get};

/// Open events that are read at once.
const PAGE: i64 = 500;
const MAX_DETAIL: usize = 1024;

const RECEIVE: Sql = Sql {
    postgres: "\
INSERT INTO payment_event (id, provider, event_id, kind, status, reference_ids, body, occurred_at,
                           received_at, updated_at)
VALUES ($1, $2, $3, $4, 'RECEIVED', CAST('[]' AS json), $5, $6, $7, $7)
ON CONFLICT (provider, event_id) DO NOTHING",
    sqlite: "\
INSERT INTO payment_event (id, provider, event_id, kind, status, reference_ids, body, occurred_at,
                           received_at, updated_at)
VALUES ($1, $2, $3, $4, 'RECEIVED', '[]', $5, $6, $7, $7)
ON CONFLICT (provider, event_id) DO NOTHING",
};

const FINISH: Sql = Sql {
    postgres: "\
UPDATE payment_event
   SET status = $2, reason = $3, detail = $4, waits_for = $5, user_id = $6,
       reference_ids = CAST($7 AS json), updated_at = $8
 WHERE id = $1 AND status IN ('RECEIVED', 'UNMAPPED')",
    sqlite: "\
UPDATE payment_event
   SET status = $2, reason = $3, detail = $4, waits_for = $5, user_id = $6, reference_ids = $7,
       updated_at = $8
 WHERE id = $1 AND status IN ('RECEIVED', 'UNMAPPED')",
};

const FIND: Sql = Sql {
    postgres: "\
SELECT id, provider, event_id, kind, status, reason, detail, waits_for, user_id,
       reference_ids::text AS reference_ids, body, occurred_at, received_at, updated_at
  FROM payment_event WHERE provider = $1 AND event_id = $2",
    sqlite: "\
SELECT id, provider, event_id, kind, status, reason, detail, waits_for, user_id, reference_ids,
       body, occurred_at, received_at, updated_at
  FROM payment_event WHERE provider = $1 AND event_id = $2",
};

/// A filter that is NULL filters nothing.
const LIST: Sql = Sql {
    postgres: "\
SELECT id, provider, event_id, kind, status, reason, detail, waits_for, user_id,
       reference_ids::text AS reference_ids, '-' AS body, occurred_at, received_at, updated_at
  FROM payment_event
 WHERE provider = COALESCE($1, provider) AND status = COALESCE($2, status)
   AND ($3::text IS NULL OR user_id = $3) AND ($4::text IS NULL OR reason = $4)
 ORDER BY received_at DESC, id DESC LIMIT $5",
    sqlite: "\
SELECT id, provider, event_id, kind, status, reason, detail, waits_for, user_id, reference_ids,
       '-' AS body, occurred_at, received_at, updated_at
  FROM payment_event
 WHERE provider = COALESCE($1, provider) AND status = COALESCE($2, status)
   AND ($3 IS NULL OR user_id = $3) AND ($4 IS NULL OR reason = $4)
 ORDER BY received_at DESC, id DESC LIMIT $5",
};

/// A page of the events that are not finished, oldest first.
const OPEN: &str = "\
SELECT event_id, received_at, id FROM payment_event
 WHERE provider = $1 AND status IN ('RECEIVED', 'UNMAPPED') AND (received_at, id) > ($2, $3)
 ORDER BY received_at, id LIMIT $4";

/// What became of an event.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "UPPERCASE")]
pub enum StoredStatus {
    /// The queue has its commands, or it brought links only.
    Applied,
    /// It brings nothing.
    Ignored,
    /// It is stored and nothing more.
    Received,
    /// It cannot be mapped.
    Unmapped,
}

impl StoredStatus {
    /// The name in the table.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether nothing more becomes of the event.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Applied | Self::Ignored)
    }
}

/// A stored event.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    pub id: Uuid,
    pub provider: Provider,
    pub event_id: String,
    pub kind: String,
    pub status: StoredStatus,
    pub reason: Option<String>,
    pub detail: Option<String>,
    /// One of the missing links, as `kind:id`.
    pub waits_for: Option<String>,
    pub user_id: Option<String>,
    /// The references of its commands.
    pub references: Json,
    /// As received. `-` in a list.
    pub body: String,
    pub occurred_at: Option<DateTime<Utc>>,
    pub received_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// What an event has become.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub status: StoredStatus,
    pub reason: Option<&'static str>,
    pub detail: Option<String>,
    /// The missing links.
    pub waits_for: Vec<LinkKey>,
    pub user: Option<String>,
    /// The references of its commands.
    pub references: Vec<String>,
}

impl Outcome {
    /// A status without anything else.
    pub const fn new(status: StoredStatus) -> Self {
        Self {
            status,
            reason: None,
            detail: None,
            waits_for: Vec::new(),
            user: None,
            references: Vec::new(),
        }
    }
}

/// The place of an open event among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenPosition {
    received_at: DateTime<Utc>,
    id: Uuid,
}

impl OpenPosition {
    /// Before all events.
    pub const START: Self = Self {
        received_at: DateTime::UNIX_EPOCH,
        id: Uuid::nil(),
    };
}

/// Which events are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub provider: Option<Provider>,
    pub status: Option<StoredStatus>,
    pub user: Option<String>,
    pub reason: Option<String>,
}

/// Stores an event unless it is stored already.
pub async fn receive(
    db: &Database,
    event: &Event,
    body: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let backend = db.backend();
    let values = vec![
        Uuid::now_v7().into(),
        event.provider.as_str().into(),
        event.id.as_str().into(),
        event.kind.as_str().into(),
        body.into(),
        optional_instant(backend, event.created),
        bulk::instant(backend, now),
    ];
    let statement = Statement::from_sql_and_values(backend, RECEIVE.text(backend), values);
    let stored = db.connection().execute_raw(statement);
    db.write("store a payment event", stored).await.map(drop)
}

/// Records what an open event has become, and for which links it waits. Returns whether it was
/// open: what is final stays.
pub async fn finish(
    db: &Database,
    stored: &Stored,
    outcome: &Outcome,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let backend = db.backend();
    if outcome.status.is_final() {
        waits::clear(db, stored.id).await?;
    } else {
        waits::put(db, stored.id, stored.provider, &outcome.waits_for).await?;
    }
    let detail = outcome.detail.as_deref().map(|text| cut(text).to_owned());
    let values = vec![
        stored.id.into(),
        outcome.status.as_str().into(),
        outcome.reason.map(ToOwned::to_owned).into(),
        detail.filter(|text| !text.is_empty()).into(),
        outcome.waits_for.last().map(LinkKey::text).into(),
        outcome.user.clone().into(),
        Json::from(outcome.references.clone()).to_string().into(),
        bulk::instant(backend, now),
    ];
    let statement = Statement::from_sql_and_values(backend, FINISH.text(backend), values);
    let recorded = db.connection().execute_raw(statement);
    let recorded = db
        .write("record what became of a payment event", recorded)
        .await?;
    Ok(recorded.rows_affected() > 0)
}

/// Reads an event, over the connections that write: an event that was just stored is found.
pub async fn find(
    db: &Database,
    provider: Provider,
    event_id: &str,
) -> Result<Option<Stored>, StoreError> {
    let backend = db.backend();
    let values = [provider.as_str().into(), event_id.into()];
    let statement = Statement::from_sql_and_values(backend, FIND.text(backend), values);
    let row = db.connection().query_one_raw(statement);
    let row = db.timeout().wait("read a payment event", row).await?;
    row.as_ref().map(stored).transpose()
}

/// Reads the newest events that pass a filter, without their bodies.
pub async fn list(db: &Database, filter: &Filter, limit: u32) -> Result<Vec<Stored>, StoreError> {
    let backend = db.backend();
    let text = |text: Option<&str>| Value::from(text.map(ToOwned::to_owned));
    let values = [
        text(filter.provider.map(Provider::as_str)),
        text(filter.status.map(StoredStatus::as_str)),
        text(filter.user.as_deref()),
        text(filter.reason.as_deref()),
        i64::from(limit).into(),
    ];
    let statement = Statement::from_sql_and_values(backend, LIST.text(backend), values);
    let rows = db.read_connection().query_all_raw(statement);
    let rows = db.timeout().wait("list the payment events", rows).await?;
    rows.iter().map(stored).collect()
}

/// A page of the events that are not finished, oldest first, after a position. Returns their ids
/// and the position of the next page, or `None` after the last one.
pub async fn open_events(
    db: &Database,
    provider: Provider,
    after: OpenPosition,
) -> Result<(Vec<String>, Option<OpenPosition>), StoreError> {
    let backend = db.backend();
    let values = [
        provider.as_str().into(),
        bulk::instant(backend, after.received_at),
        after.id.into(),
        PAGE.into(),
    ];
    let statement = Statement::from_sql_and_values(backend, OPEN, values);
    let rows = db.connection().query_all_raw(statement);
    let rows = db
        .timeout()
        .wait("list the open payment events", rows)
        .await?;
    let ids: Result<_, StoreError> = rows.iter().map(|row| get(row, "event_id")).collect();
    let last = rows.last().map(|row| {
        Ok::<_, StoreError>(OpenPosition {
            received_at: get(row, "received_at")?,
            id: get(row, "id")?,
        })
    });
    Ok((ids?, last.transpose()?))
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_DETAIL);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn stored(row: &QueryResult) -> Result<Stored, StoreError> {
    let id: Uuid = get(row, "id")?;
    let unusable = |column: &str| ledger::Inconsistency {
        table: "payment_event",
        id: id.to_string(),
        message: format!("{column} cannot be read"),
    };
    let (provider, status): (String, String) = (get(row, "provider")?, get(row, "status")?);
    let references: String = get(row, "reference_ids")?;
    Ok(Stored {
        id,
        provider: provider.parse().map_err(|_| unusable("provider"))?,
        event_id: get(row, "event_id")?,
        kind: get(row, "kind")?,
        status: status.parse().map_err(|_| unusable("status"))?,
        reason: get(row, "reason")?,
        detail: get(row, "detail")?,
        waits_for: get(row, "waits_for")?,
        user_id: get(row, "user_id")?,
        references: serde_json::from_str(&references).map_err(|_| unusable("reference_ids"))?,
        body: get(row, "body")?,
        occurred_at: get(row, "occurred_at")?,
        received_at: get(row, "received_at")?,
        updated_at: get(row, "updated_at")?,
    })
}
