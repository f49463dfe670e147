//! Reads the history of a user: the transactions, newest first, each with its allocations.

mod cursor;
mod rows;

use std::collections::{HashMap, HashSet};

use entity::credits_transaction;
use producer_sdk::contract::{AllocationItem, MAX_PAGE_SIZE, MAX_PAGED_ROWS, TransactionItem};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbErr, EntityTrait, FromQueryResult, Statement,
    prelude::Uuid,
};
use serde::Serialize;

pub use cursor::{Cursor, CursorError};

use super::{ReadError, sql};
use crate::db::{
    Sql,
    bulk::{self, Column},
};

/// Maximum of transactions on one page.
pub const MAX_PAGE: u32 = MAX_PAGE_SIZE;

/// The requested part of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Maximum of transactions. Clamped to 1 to [`MAX_PAGE`].
    pub limit: u32,
    /// Only transactions older than this. `None` starts with the newest.
    pub before: Option<Cursor>,
    /// Number of the newest transactions to leave out, for pages by number. Ignored with `before`.
    pub skip: u32,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self {
            limit: 20,
            before: None,
            skip: 0,
        }
    }
}

/// A transaction with the fields that only operators see.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryItem {
    /// The fields that apps see, too.
    #[serde(flatten)]
    pub transaction: TransactionItem,
    /// The account of the broker that sent the command. Absent if the command named none. Apps do
    /// not see it, because it is one half of another app's credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
}

/// A page of a history, newest first.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// The transactions, including refused ones.
    pub items: Vec<HistoryItem>,
    /// The cursor at which the next page begins. Absent on the last page.
    #[serde(rename = "nextCursor", skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
}

// Both statements list the columns by name, because a migration that adds a column must not change
// the result of a cached prepared statement.
const NEWEST: &str = "\
SELECT id, user_id, type, amount, debit_account, credit_account, origin, reference_id, fingerprint, status, error_code,
       balance_after, service, quantity, purchase_id, purchase_line, duplicate_of, subscription_id, period_start,
       related_id, description, metadata, detail, occurred_at, sender, created_at, debt_change
  FROM credits_transaction
 WHERE user_id = $1
 ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3";

const OLDER: &str = "\
SELECT id, user_id, type, amount, debit_account, credit_account, origin, reference_id, fingerprint, status, error_code,
       balance_after, service, quantity, purchase_id, purchase_line, duplicate_of, subscription_id, period_start,
       related_id, description, metadata, detail, occurred_at, sender, created_at, debt_change
  FROM credits_transaction
 WHERE user_id = $1 AND (created_at, id) < ($3, $4)
 ORDER BY created_at DESC, id DESC LIMIT $2";

/// The requested transactions of `user`.
pub async fn history(
    db: &DatabaseConnection,
    user: &str,
    request: &PageRequest,
) -> Result<Page, ReadError> {
    page(db, user, request)
        .await
        .map_err(ReadError::reading("history"))
}

async fn page(db: &DatabaseConnection, user: &str, request: &PageRequest) -> Result<Page, DbErr> {
    let limit = request.limit.clamp(1, MAX_PAGE);
    let mut models = transactions(db, user, limit + 1, request).await?;
    let more = models.len() > limit as usize;
    models.truncate(limit as usize);
    let Some(oldest) = models.last().map(Cursor::from_row) else {
        return Ok(Page {
            items: Vec::new(),
            next: None,
        });
    };
    let mut allocations = allocations(db, &models).await?;
    let references = related_references(db, &models).await?;
    let items = models.into_iter().map(|mut model| {
        let allocations = allocations.remove(&model.id).unwrap_or_default();
        let related = model.related_id.and_then(|id| references.get(&id).cloned());
        HistoryItem {
            sender: model.sender.take(),
            transaction: rows::item(model, allocations, related),
        }
    });
    Ok(Page {
        items: items.collect(),
        next: more.then_some(oldest),
    })
}

async fn transactions(
    db: &DatabaseConnection,
    user: &str,
    limit: u32,
    request: &PageRequest,
) -> Result<Vec<credits_transaction::Model>, DbErr> {
    let backend = db.get_database_backend();
    let mut values = vec![user.into(), i64::from(limit).into()];
    let text = match &request.before {
        None => {
            values.push(i64::from(request.skip).into());
            NEWEST
        }
        Some(cursor) => {
            values.extend([bulk::instant(backend, cursor.created_at), cursor.id.into()]);
            OLDER
        }
    };
    let statement = Statement::from_sql_and_values(backend, text, values);
    credits_transaction::Entity::find()
        .from_raw_sql(statement)
        .all(db)
        .await
}

const COUNT: &str = "\
SELECT count(*) AS n FROM (SELECT 1 FROM credits_transaction WHERE user_id = $1 LIMIT $2) AS counted";

/// The number of transactions of `user`, counted up to [`MAX_PAGED_ROWS`], and whether there are
/// more.
pub async fn count(db: &DatabaseConnection, user: &str) -> Result<(u64, bool), ReadError> {
    let values = [user.into(), i64::from(MAX_PAGED_ROWS + 1).into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), COUNT, values);
    let row = db
        .query_one_raw(statement)
        .await
        .map_err(ReadError::reading("history"))?;
    let counted: i64 = row
        .map_or(Ok(0), |row| row.try_get_by("n"))
        .map_err(ReadError::reading("history"))?;
    let counted = u64::try_from(counted).unwrap_or_default();
    let most = u64::from(MAX_PAGED_ROWS);
    Ok((counted.min(most), counted > most))
}

const REFERENCES: Sql = Sql {
    postgres: "SELECT id, reference_id FROM credits_transaction WHERE id = ANY($1)",
    sqlite: "SELECT id, reference_id FROM credits_transaction
              WHERE id IN (SELECT unhex(value ->> 0) FROM jsonb_each($1))",
};

/// The references of the transactions that these belong to, by id.
async fn related_references(
    db: &DatabaseConnection,
    transactions: &[credits_transaction::Model],
) -> Result<HashMap<Uuid, String>, DbErr> {
    let ids: HashSet<Uuid> = transactions
        .iter()
        .filter_map(|transaction| transaction.related_id)
        .collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let backend = db.get_database_backend();
    let values = bulk::rows(backend, vec![Column::Id(ids.into_iter().collect())]);
    let statement = Statement::from_sql_and_values(backend, REFERENCES.text(backend), values);
    let rows = db.query_all_raw(statement).await?;
    let references = rows
        .iter()
        .map(|row| Ok((row.try_get_by("id")?, row.try_get_by("reference_id")?)));
    references.collect()
}

#[derive(FromQueryResult)]
struct AllocationRow {
    transaction_id: Uuid,
    batch_id: Uuid,
    amount: i64,
    batch_remaining: i64,
}

/// The allocations of these transactions, by transaction, in spending order.
///
/// The query lists the ids of the transactions: the planner cannot estimate how many transactions
/// are in a range of a long history.
async fn allocations(
    db: &DatabaseConnection,
    transactions: &[credits_transaction::Model],
) -> Result<HashMap<Uuid, Vec<AllocationItem>>, DbErr> {
    let backend = db.get_database_backend();
    let ids = transactions
        .iter()
        .map(|transaction| transaction.id)
        .collect();
    let values = bulk::rows(backend, vec![Column::Id(ids)]);
    let statement = Statement::from_sql_and_values(backend, sql::ALLOCATIONS.text(backend), values);
    let mut found: HashMap<Uuid, Vec<AllocationItem>> = HashMap::new();
    for row in AllocationRow::find_by_statement(statement).all(db).await? {
        let AllocationRow {
            transaction_id,
            batch_id,
            amount,
            batch_remaining,
        } = row;
        found
            .entry(transaction_id)
            .or_default()
            .push(AllocationItem {
                batch_id,
                amount,
                batch_remaining,
            });
    }
    Ok(found)
}
