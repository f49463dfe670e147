//! The ledger inside a round's transaction, as the lane's pipeline sees it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use ledger::{Command, Decision, Rules};
use sea_orm::{DatabaseTransaction, DbErr, TransactionTrait};
use tokio::sync::Mutex;

use crate::{
    lane::{Ledger, Trouble},
    store::Store,
};

/// Writes into the transaction that it was lent: each group in a savepoint, so that one that fails leaves nothing
/// behind and the rest of the round stands.
#[derive(Debug)]
pub struct RoundLedger {
    store: Store,
    rules: Arc<Rules>,
    transaction: Mutex<Option<DatabaseTransaction>>,
}

impl RoundLedger {
    /// The ledger, before its first round.
    pub fn new(store: Store, rules: Arc<Rules>) -> Self {
        Self {
            store,
            rules,
            transaction: Mutex::new(None),
        }
    }

    /// The store behind it.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Lends it a round's transaction.
    pub async fn enter(&self, transaction: DatabaseTransaction) {
        *self.transaction.lock().await = Some(transaction);
    }

    /// Takes the transaction back.
    pub async fn leave(&self) -> Option<DatabaseTransaction> {
        self.transaction.lock().await.take()
    }

    /// Writes a group into the transaction; keeps it there if `keep`.
    async fn write(
        &self,
        commands: &[Command],
        now: DateTime<Utc>,
        keep: bool,
    ) -> Result<Vec<Decision>, Trouble> {
        let transaction = self.transaction.lock().await;
        let Some(transaction) = transaction.as_ref() else {
            let error = DbErr::Custom("there is no transaction".to_owned());
            return Err(Trouble::Infrastructure(error.into()));
        };
        let savepoint = transaction.begin().await.map_err(infrastructure)?;
        let decisions = self
            .store
            .commit_group_in(&savepoint, commands, &self.rules, now)
            .await;
        if keep && decisions.is_ok() {
            savepoint.commit().await.map_err(infrastructure)?;
        } else {
            savepoint.rollback().await.map_err(infrastructure)?;
        }
        Ok(decisions?)
    }
}

impl Ledger for RoundLedger {
    async fn commit_group(&self, commands: &[Command], now: DateTime<Utc>) -> Result<Vec<Decision>, Trouble> {
        self.write(commands, now, true).await
    }

    async fn rehearse(&self, commands: &[Command], now: DateTime<Utc>) -> Result<Vec<Decision>, Trouble> {
        self.write(commands, now, false).await
    }

    async fn probe(&self) -> Result<(), Trouble> {
        Ok(self.store.probe().await?)
    }
}

fn infrastructure(error: DbErr) -> Trouble {
    Trouble::Infrastructure(error.into())
}
