//! One round: a group is taken from the queue, decided, written and settled in one transaction.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use ledger::Rules;
use sea_orm::DatabaseTransaction;

use super::{EmbeddedError, lease, queue, round_ledger::RoundLedger};
use crate::{
    clock::Clock,
    pipeline::{CommitError, Pipeline, Stalled},
    store::Store,
};

/// Serves the commands of the queue, in rounds.
#[derive(Debug)]
pub struct Rounds {
    pub store: Store,
    /// The rules by which the ledger decides.
    pub rules: Arc<Rules>,
    /// Processes commands.
    pub pipeline: Pipeline,
    /// The name of this worker, which no other worker has.
    pub owner: String,
    pub clock: Clock,
}

impl Rounds {
    /// Serves up to `limit` commands and returns how many were taken. Fails if another worker holds
    /// the lease or the ledger cannot continue. In the latter case the deliveries settled so far
    /// stay settled, and the rest stays in the queue.
    pub async fn serve(&mut self, limit: u16) -> Result<usize, EmbeddedError> {
        let (transaction, now) = self.begin().await?;
        let rows = queue::take(&transaction, "commands", limit, now).await?;
        let taken = rows.len();
        if let Some(first) = rows.first() {
            self.pipeline.stats().waited(first.age(now));
        }
        if taken == 0 {
            return Ok(0);
        }
        let group = rows
            .into_iter()
            .map(|row| self.pipeline.admit(row.into_delivery(now)))
            .collect();
        let ledger = RoundLedger {
            store: &self.store,
            rules: &self.rules,
            transaction: &transaction,
        };
        let result = self.pipeline.pass(&ledger, group, now).await;
        match result.stalled {
            // The content of the transaction is in doubt. Dropping the transaction rolls it back.
            Some(Stalled {
                error: error @ CommitError::Infrastructure(_),
                ..
            }) => Err(error.into()),
            stalled => {
                queue::settle(&transaction, result.settled, now).await?;
                commit(transaction).await?;
                stalled.map_or(Ok(taken), |stalled| Err(stalled.error.into()))
            }
        }
    }

    /// Delays or dead-letters the first command without processing it: `times` attempts took it,
    /// and none of them settled it.
    pub async fn quarantine_first(&mut self, times: u32) -> Result<usize, EmbeddedError> {
        let (transaction, now) = self.begin().await?;
        let rows = queue::take(&transaction, "commands", 1, now).await?;
        let settled: Vec<_> = rows
            .into_iter()
            .map(|row| self.pipeline.quarantine(row.into_delivery(now), times))
            .collect();
        let taken = settled.len();
        queue::settle(&transaction, settled, now).await?;
        commit(transaction).await?;
        Ok(taken)
    }

    /// Begins a transaction in which this worker holds the lane, and reads the time. The clock is
    /// read under the lock of the file, so that no new entry gets a time that a report has already
    /// covered: see `read::report::horizon`.
    async fn begin(&self) -> Result<(DatabaseTransaction, DateTime<Utc>), EmbeddedError> {
        let transaction = self.store.begin().await?;
        let now = self.clock.confirmed().await?;
        if lease::take(&transaction, &self.owner, now).await? {
            return Ok((transaction, now));
        }
        Err(EmbeddedError::LostLease)
    }
}

async fn commit(transaction: DatabaseTransaction) -> Result<(), EmbeddedError> {
    let committed = transaction.commit().await;
    committed.map_err(EmbeddedError::doing("commit a group"))
}
