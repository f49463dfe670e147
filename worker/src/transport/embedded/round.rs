//! One round: a group is taken from the queue, decided, written and settled in one transaction.

use chrono::{DateTime, Utc};
use sea_orm::DatabaseTransaction;

use super::{EmbeddedError, lease, queue, round_ledger::RoundLedger};
use crate::{
    clock::Clock,
    pipeline::{CommitError, Pipeline, Stalled},
};

/// Serves up to `limit` commands and returns how many were taken. Fails if another worker holds the
/// lease or the ledger cannot continue. In the latter case the deliveries settled so far stay
/// settled, and the rest stays in the queue.
pub async fn serve(
    pipeline: &mut Pipeline<RoundLedger>,
    owner: &str,
    limit: u16,
    clock: &Clock,
) -> Result<usize, EmbeddedError> {
    let (transaction, now) = begin(pipeline, owner, clock).await?;
    let rows = queue::take(&transaction, "commands", limit, now).await?;
    let taken = rows.len();
    if let Some(first) = rows.first() {
        pipeline.stats().waited(first.age(now));
    }
    if taken == 0 {
        return Ok(0);
    }
    let group = rows
        .into_iter()
        .map(|row| pipeline.admit(row.into_delivery(now)))
        .collect();
    pipeline.ledger().enter(transaction).await;
    let pass = pipeline.pass(group, now).await;
    let transaction = pipeline
        .ledger()
        .leave()
        .await
        .ok_or(EmbeddedError::LostLease)?;
    match pass.stalled {
        // The content of the transaction is in doubt. Dropping the transaction rolls it back.
        Some(Stalled {
            trouble: error @ CommitError::Infrastructure(_),
            ..
        }) => Err(error.into()),
        stalled => {
            queue::settle(&transaction, pass.settled, now).await?;
            transaction
                .commit()
                .await
                .map_err(EmbeddedError::doing("commit a group"))?;
            stalled.map_or(Ok(taken), |stalled| Err(stalled.trouble.into()))
        }
    }
}

/// Delays or dead-letters the first command without processing it: `times` attempts took it, and
/// none of them settled it.
pub async fn set_apart(
    pipeline: &mut Pipeline<RoundLedger>,
    owner: &str,
    times: u32,
    clock: &Clock,
) -> Result<usize, EmbeddedError> {
    let (transaction, now) = begin(pipeline, owner, clock).await?;
    let rows = queue::take(&transaction, "commands", 1, now).await?;
    let settled: Vec<_> = rows
        .into_iter()
        .map(|row| pipeline.set_apart(row.into_delivery(now), times))
        .collect();
    let taken = settled.len();
    queue::settle(&transaction, settled, now).await?;
    transaction
        .commit()
        .await
        .map_err(EmbeddedError::doing("commit a group"))?;
    Ok(taken)
}

/// Begins a transaction in which this worker holds the lane, and reads the time. The clock is read
/// under the lock of the file, so that no new entry gets a time that a report has already covered:
/// see `read::report::horizon`.
async fn begin(
    pipeline: &Pipeline<RoundLedger>,
    owner: &str,
    clock: &Clock,
) -> Result<(DatabaseTransaction, DateTime<Utc>), EmbeddedError> {
    let transaction = pipeline.ledger().store().begin().await?;
    let now = clock.confirmed().await?;
    if lease::take(&transaction, owner, now).await? {
        return Ok((transaction, now));
    }
    Err(EmbeddedError::LostLease)
}
