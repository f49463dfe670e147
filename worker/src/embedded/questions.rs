//! Queries: answered from committed state, outside of the write lock.

use std::time::Duration;

use super::{EmbeddedError, queue};
use crate::{
    clock::Clock,
    lane::{self, Reply, StoreQuestions},
    store::Store,
};

const AT_ONCE: u16 = 100;
const DEADLINE: Duration = Duration::from_secs(5);

/// Answers the queries that wait; tells how many.
pub async fn serve(store: &Store, questions: &StoreQuestions, clock: &Clock) -> Result<usize, EmbeddedError> {
    let now = clock.now();
    let rows = queue::take(store.read_connection(), "queries", AT_ONCE, now).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let mut replies = Vec::new();
    for row in &rows {
        if let Some(to) = row.reply_to() {
            let body = lane::answer(questions, &row.body, |_| Ok(()), clock, DEADLINE)
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
