//! The ledger inside the transaction of a round, as the pipeline of the lane uses it.

use chrono::{DateTime, Utc};
use ledger::{Command, Decision, Rules};
use sea_orm::{DatabaseTransaction, DbErr, TransactionTrait};

use crate::{
    pipeline::{Cause, CommitError, Ledger},
    store::Store,
};

/// Writes into the transaction of the round. Each group has a savepoint, so that a group that fails
/// leaves nothing behind and the rest of the round stays.
#[derive(Debug)]
pub struct RoundLedger<'a> {
    pub store: &'a Store,
    /// The rules by which the ledger decides.
    pub rules: &'a Rules,
    pub transaction: &'a DatabaseTransaction,
}

impl RoundLedger<'_> {
    /// Writes a group into the transaction, and rolls it back unless `keep`.
    async fn write(
        &self,
        commands: &[Command],
        now: DateTime<Utc>,
        keep: bool,
    ) -> Result<Vec<Decision>, CommitError> {
        let infrastructure = |error: DbErr| CommitError::Infrastructure(Cause::other(&error));
        let savepoint = self.transaction.begin().await.map_err(infrastructure)?;
        let decisions = self
            .store
            .commit_group_in(&savepoint, commands, self.rules, now)
            .await;
        let ended = if keep && decisions.is_ok() {
            savepoint.commit().await
        } else {
            savepoint.rollback().await
        };
        ended.map_err(infrastructure)?;
        Ok(decisions?)
    }
}

impl Ledger for RoundLedger<'_> {
    async fn commit_group(
        &self,
        commands: &[Command],
        now: DateTime<Utc>,
    ) -> Result<Vec<Decision>, CommitError> {
        self.write(commands, now, true).await
    }

    async fn dry_run(
        &self,
        commands: &[Command],
        now: DateTime<Utc>,
    ) -> Result<Vec<Decision>, CommitError> {
        self.write(commands, now, false).await
    }

    async fn probe(&self) -> Result<(), CommitError> {
        Ok(self.store.probe().await?)
    }
}
