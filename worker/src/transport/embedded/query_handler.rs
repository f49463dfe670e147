//! Answers queries from committed state, outside the write lock.

use std::time::Duration;

use super::{EmbeddedError, queue};
use crate::{
    clock::Clock,
    pipeline::Reply,
    queries::{self, StoreQueryHandler},
    store::Store,
};

const MAX_QUERIES: u16 = 100;
const DEADLINE: Duration = Duration::from_secs(5);

/// Answers the waiting queries and returns their number.
pub async fn serve(
    store: &Store,
    handler: &StoreQueryHandler,
    clock: &Clock,
) -> Result<usize, EmbeddedError> {
    let now = clock.now();
    let rows = queue::take(store.read_connection(), "queries", MAX_QUERIES, now).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let mut replies = Vec::new();
    for row in &rows {
        if let Some(to) = row.reply_to() {
            let body = queries::answer(handler, &row.body, |_| Ok(()), clock, DEADLINE)
                .await
                .to_json();
            replies.push(Reply { to, body });
        }
    }
    let tickets: Vec<queue::Ticket> = rows.iter().map(queue::Row::ticket).collect();
    let transaction = store.begin().await?;
    queue::reply(&transaction, &replies, now).await?;
    queue::done(&transaction, &tickets).await?;
    transaction
        .commit()
        .await
        .map_err(EmbeddedError::doing("commit the answers"))?;
    Ok(tickets.len())
}
