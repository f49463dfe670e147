//! The ledger inside the transaction of a round, as the pipeline of the lane uses it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use ledger::{Command, Decision, Rules};
use sea_orm::{DatabaseTransaction, DbErr, TransactionTrait};
use tokio::sync::Mutex;

use crate::{
    pipeline::{Cause, CommitError, Ledger},
    store::Store,
};

/// Writes into the transaction of the round. Each group has a savepoint, so that a group that fails
/// leaves nothing behind and the rest of the round stays.
#[derive(Debug)]
pub struct RoundLedger {
    store: Store,
    rules: Arc<Rules>,
    transaction: Mutex<Option<DatabaseTransaction>>,
}

impl RoundLedger {
    /// A ledger without a transaction.
    pub fn new(store: Store, rules: Arc<Rules>) -> Self {
        Self {
            store,
            rules,
            transaction: Mutex::new(None),
        }
    }

    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Hands over the transaction of a round.
    pub async fn enter(&self, transaction: DatabaseTransaction) {
        *self.transaction.lock().await = Some(transaction);
    }

    /// Takes the transaction back.
    pub async fn leave(&self) -> Option<DatabaseTransaction> {
        self.transaction.lock().await.take()
    }

    /// Writes a group into the transaction, and rolls it back unless `keep`.
    async fn write(
        &self,
        commands: &[Command],
        now: DateTime<Utc>,
        keep: bool,
    ) -> Result<Vec<Decision>, CommitError> {
        let transaction = self.transaction.lock().await;
        let Some(transaction) = transaction.as_ref() else {
            let error = DbErr::Custom("there is no transaction".to_owned());
            return Err(infrastructure(&error));
        };
        let savepoint = transaction
            .begin()
            .await
            .map_err(|error| infrastructure(&error))?;
        let decisions = self
            .store
            .commit_group_in(&savepoint, commands, &self.rules, now)
            .await;
        if keep && decisions.is_ok() {
            savepoint
                .commit()
                .await
                .map_err(|error| infrastructure(&error))?;
        } else {
            savepoint
                .rollback()
                .await
                .map_err(|error| infrastructure(&error))?;
        }
        Ok(decisions?)
    }
}

impl Ledger for RoundLedger {
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

fn infrastructure(error: &DbErr) -> CommitError {
    CommitError::Infrastructure(Cause::other(error))
}
