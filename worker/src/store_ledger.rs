//! The store as the ledger of a lane: each group is a commit of its own.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use ledger::{Command, Decision, Rules};

use crate::{
    cache::Mirror,
    db::StoreError,
    pipeline::{Cause, CommitError, Ledger, chain},
    position::Positions,
    store::Store,
};

/// The store, and the rules by which it decides.
#[derive(Clone, Debug)]
pub struct StoreLedger {
    store: Store,
    rules: Arc<Rules>,
    mirror: Option<Mirror>,
    positions: Option<Positions>,
}

impl StoreLedger {
    /// A ledger that decides by `rules`. `mirror` receives the users whose wallets have changed.
    pub const fn new(store: Store, rules: Arc<Rules>, mirror: Option<Mirror>) -> Self {
        Self {
            store,
            rules,
            mirror,
            positions: None,
        }
    }

    /// Remembers in `positions` what was committed.
    #[must_use]
    pub fn remembering(self, positions: Option<Positions>) -> Self {
        Self { positions, ..self }
    }
}

impl Ledger for StoreLedger {
    async fn commit_group(
        &self,
        commands: &[Command],
        now: DateTime<Utc>,
    ) -> Result<Vec<Decision>, CommitError> {
        let decisions = self.store.commit_group(commands, &self.rules, now).await?;
        if let Some(positions) = &self.positions {
            positions.record(commands, &decisions);
        }
        if let Some(mirror) = &self.mirror {
            mirror.touch(commands.iter().map(|command| command.user_id.as_str()));
        }
        Ok(decisions)
    }

    async fn dry_run(
        &self,
        commands: &[Command],
        now: DateTime<Utc>,
    ) -> Result<Vec<Decision>, CommitError> {
        Ok(self.store.dry_run_group(commands, &self.rules, now).await?)
    }

    async fn record_attempt(&self, queue: &str, message: &str) -> Result<u32, CommitError> {
        Ok(self
            .store
            .record_attempt(queue, message, Utc::now())
            .await?)
    }

    async fn clear_attempts(&self, queue: &str) -> Result<(), CommitError> {
        Ok(self.store.clear_attempts(queue).await?)
    }

    async fn probe(&self) -> Result<(), CommitError> {
        Ok(self.store.probe().await?)
    }

    async fn available(&self) {
        self.store.available().await;
    }
}

impl From<StoreError> for CommitError {
    fn from(error: StoreError) -> Self {
        let cause = Cause {
            kind: error.kind(),
            code: error.code(),
            message: chain(&error),
        };
        if error.is_poison() {
            Self::Poison(cause)
        } else {
            Self::Infrastructure(cause)
        }
    }
}
