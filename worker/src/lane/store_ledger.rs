//! The store as a lane sees it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use ledger::{Command, Decision, Rules};

use super::{Ledger, Trouble};
use crate::{
    cache::Mirror,
    store::{Store, StoreError},
};

/// The store, and the rules by which it decides.
#[derive(Clone, Debug)]
pub struct StoreLedger {
    store: Store,
    rules: Arc<Rules>,
    mirror: Option<Mirror>,
}

impl StoreLedger {
    /// The store, deciding by `rules`. `mirror` is told which wallets changed.
    pub const fn new(store: Store, rules: Arc<Rules>, mirror: Option<Mirror>) -> Self {
        Self { store, rules, mirror }
    }
}

impl Ledger for StoreLedger {
    async fn commit_group(&self, commands: &[Command], now: DateTime<Utc>) -> Result<Vec<Decision>, Trouble> {
        let decisions = self.store.commit_group(commands, &self.rules, now).await?;
        if let Some(mirror) = &self.mirror {
            mirror.touch(commands.iter().map(|command| command.user_id.as_str()));
        }
        Ok(decisions)
    }

    async fn rehearse(&self, commands: &[Command], now: DateTime<Utc>) -> Result<Vec<Decision>, Trouble> {
        Ok(self.store.rehearse_group(commands, &self.rules, now).await?)
    }

    async fn take_alone(&self, queue: &str, message: &str) -> Result<u32, Trouble> {
        Ok(self.store.take_alone(queue, message, Utc::now()).await?)
    }

    async fn forget_alone(&self, queue: &str) -> Result<(), Trouble> {
        Ok(self.store.forget_alone(queue).await?)
    }

    async fn probe(&self) -> Result<(), Trouble> {
        Ok(self.store.probe().await?)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        if error.is_poison() {
            Self::Poison(error.into())
        } else {
            Self::Infrastructure(error.into())
        }
    }
}
