//! One group: taken from the queue, decided, written and settled in one transaction of the file.

use chrono::{DateTime, Utc};
use sea_orm::DatabaseTransaction;

use super::{EmbeddedError, lease, queue, round_ledger::RoundLedger};
use crate::{
    clock::Clock,
    lane::{Halt, Pipeline, Trouble},
};

/// Serves up to `limit` commands; tells how many were taken. Fails when the lease is another's, or when the ledger
/// cannot go on; what was settled before stands, the rest waits where it is.
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
    let transaction = pipeline.ledger().leave().await.ok_or(EmbeddedError::LostLease)?;
    match pass.halt {
        // Whatever the transaction holds is in doubt: dropping it rolls it back.
        Some(Halt {
            trouble: trouble @ Trouble::Infrastructure(_),
            ..
        }) => Err(trouble.into()),
        halt => {
            queue::settle(&transaction, pass.settled, now).await?;
            transaction
                .commit()
                .await
                .map_err(EmbeddedError::doing("commit a group"))?;
            halt.map_or(Ok(taken), |halt| Err(halt.trouble.into()))
        }
    }
}

/// Sends the first command through the delay without looking into it: it was taken `times` times, and whoever took it
/// never answered.
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

/// A transaction in which the lane is this worker's, and what time it is in it. The clock is read under the lock of the
/// file, so that nothing is booked before what others have read by then: see `read::report::horizon`.
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
