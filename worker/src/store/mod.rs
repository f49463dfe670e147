//! The store: it commits groups of commands.
//!
//! A group is decided in memory and written in one transaction. The number of statements is
//! constant, regardless of the size of the group. Most groups take the optimistic path
//! (`optimistic`). The pessimistic path locks the wallets first:
//!
//! 1. Insert the missing wallets of commands that open one, so that there is a row to lock.
//! 2. Lock one wallet per user, in the order of users. One writer at a time owns a wallet, and the
//!    order prevents deadlocks.
//! 3. Read known references **after** the lock, so that they include what the previous writer of
//!    the wallet committed. This makes each command apply exactly once. Only if they are needed,
//!    read also:
//!    - the related transactions and allocations of known references, because a replay returns the
//!      whole outcome;
//!    - the users who had the registration bonus, if a command is a registration bonus;
//!    - the credited payments that purchases report, because a payment is credited once;
//!    - the consumptions and captures that refunds name, with the batches that they took from;
//!    - the deposits that revocations name, and the revocations that reinstatements name, with
//!      their batches;
//!    - the open debts of wallets that have some;
//!    - the subscriptions of the users with their events and grants, if a command is about one or
//!      a period is due.
//!    - the open holds of wallets that have some, and closed holds that captures and releases name.
//! 4. Read the first batches of each user in spending order: what the commands may spend. Read
//!    more, in a larger window, only for users whose demand they do not cover.
//! 5. Decide in memory ([`ledger::Book`]). Nothing awaits here.
//! 6. Write the changed wallets, each from the version that was read; transactions, one for each
//!    posting, in the order of references, with their allocations; new batches, and the batches
//!    that were spent from. The unique reference is the last guard. On PostgreSQL both paths write
//!    these rows by the same statement.
//! 7. Write subscriptions, the counts of refunds, revocations and debts, and delete the wallets that stayed unopened,
//!    only if there are any.
//!
//! The steps are separate statements under READ COMMITTED. A statement that both locks a wallet
//! and reads its batches would see the batches as they were before it waited for the lock.
//!
//! On SQLite the transaction is `BEGIN IMMEDIATE`, which locks the whole file. The same steps
//! follow, and step 6 is a statement for each kind of row, because SQLite has no statement that
//! writes several tables.

mod commit_path;
mod detail;
mod from_row;
mod load;
mod load_batches;
mod load_debts;
mod load_holds;
mod load_originals;
mod need;
mod optimistic;
mod rows;
mod rows_debts;
mod single_consume;
pub mod sql;
mod stored_outcome;
mod wallet_cache;
mod write;

use std::{
    ops::Deref,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use ledger::{Command, Decision, Rules};
use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use commit_path::CommitPath;
pub use commit_path::CommitPathCounters;
use optimistic::OptimisticResult;
use wallet_cache::WalletCache;

use crate::db::{BookingClock, Database, StoreError, StoreOptions};

/// How many times a group is decided again after another writer took one of its references.
const UNIQUE_RETRIES: u32 = 3;

/// The ledger in the database. It offers everything that its [`Database`] does.
#[derive(Clone, Debug)]
pub struct Store {
    database: Database,
    booking_clock: BookingClock,
    cache: Arc<Mutex<WalletCache>>,
    commit_paths: Arc<CommitPathCounters>,
    opened: Arc<AtomicU64>,
}

impl Deref for Store {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.database
    }
}

impl Store {
    /// Connects to `postgres://…` or `sqlite:…`.
    pub async fn connect(url: &str, options: &StoreOptions) -> Result<Self, StoreError> {
        let cache: Arc<Mutex<WalletCache>> = Arc::default();
        let cache_to_clear = cache.clone();
        let opened: Arc<AtomicU64> = Arc::default();
        let opened_now = opened.clone();
        let and_then = move || {
            wallet_cache(&cache_to_clear).clear();
            opened_now.fetch_add(1, Relaxed);
        };
        Ok(Self {
            database: Database::connect(url, options, and_then).await?,
            booking_clock: options.booking_clock,
            cache,
            commit_paths: Arc::default(),
            opened,
        })
    }

    /// Number of connections for committing that were opened so far. A new one may lead to another
    /// server.
    pub fn opened_connections(&self) -> u64 {
        self.opened.load(Relaxed)
    }

    /// Closes all connections.
    pub async fn close(self) -> Result<(), StoreError> {
        self.database.close().await
    }

    /// The connections to the database, for those who read or write without the group commit.
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// Decides a group of commands in order and commits it as one transaction: all or nothing.
    ///
    /// After an error it is unknown whether the group was written. Deciding the same commands
    /// again is always safe.
    pub async fn commit_group(
        &self,
        commands: &[Command],
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Result<Vec<Decision>, StoreError> {
        let now = now
            .duration_trunc(TimeDelta::microseconds(1))
            .unwrap_or(now);
        let mut committed = self.commit_on_either_path(commands, rules, now).await;
        if matches!(committed, Err(StoreError::Moved { .. })) {
            committed = self.commit_on_either_path(commands, rules, now).await;
        }
        self.reconnect_if_read_only(committed)
    }

    async fn commit_on_either_path(
        &self,
        commands: &[Command],
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Result<Vec<Decision>, StoreError> {
        let path = match self.commit_optimistically(commands, rules, now).await? {
            OptimisticResult::Committed(decisions) => {
                self.commit_paths
                    .record(CommitPath::Optimistic, commands.len());
                return Ok(decisions);
            }
            OptimisticResult::Declined => CommitPath::Pessimistic,
            OptimisticResult::Conflict => CommitPath::Conflict,
        };
        let decisions = self
            .commit_group_pessimistically(commands, rules, now)
            .await?;
        self.commit_paths.record(path, commands.len());
        Ok(decisions)
    }

    /// Counts of the committed groups, by path.
    pub fn commit_paths(&self) -> &CommitPathCounters {
        &self.commit_paths
    }

    /// Commits a group like [`Self::commit_group`], but always on the pessimistic path: it locks
    /// the wallets before it reads anything.
    pub async fn commit_group_pessimistically(
        &self,
        commands: &[Command],
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Result<Vec<Decision>, StoreError> {
        {
            // The cached copies of these wallets will be out of date.
            let mut wallet_cache = self.wallet_cache();
            for command in commands {
                wallet_cache.take(&command.user_id);
            }
        }
        let mut tries = 0;
        loop {
            tries += 1;
            let transaction = self.begin().await?;
            match self
                .commit_group_in(&transaction, commands, rules, now)
                .await
            {
                Ok(decisions) => {
                    self.timeout().wait("commit", transaction.commit()).await?;
                    return Ok(decisions);
                }
                // No rollback is sent: the connection is dropped, and its transaction with it.
                Err(error) if error.is_unanswered() => return Err(error),
                Err(error) => {
                    self.roll_back(transaction).await;
                    if !error.is_unique_violation() || tries > UNIQUE_RETRIES {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Dry run: decides and writes a group like [`Self::commit_group`], then rolls it back.
    /// Returns what the decisions would be now.
    pub async fn dry_run_group(
        &self,
        commands: &[Command],
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Result<Vec<Decision>, StoreError> {
        let transaction = self.begin().await?;
        let decided = self
            .commit_group_in(&transaction, commands, rules, now)
            .await;
        self.roll_back(transaction).await;
        self.reconnect_if_read_only(decided)
    }

    fn wallet_cache(&self) -> MutexGuard<'_, WalletCache> {
        wallet_cache(&self.cache)
    }

    /// Rolls back and ignores an error: if the connection is gone, there is nothing to roll back.
    async fn roll_back(&self, transaction: DatabaseTransaction) {
        let _ = self
            .timeout()
            .wait("roll back", transaction.rollback())
            .await;
    }

    /// Decides and writes a group inside the caller's transaction, on the pessimistic path. The
    /// caller commits it.
    pub async fn commit_group_in(
        &self,
        transaction: &DatabaseTransaction,
        commands: &[Command],
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Result<Vec<Decision>, StoreError> {
        let now = now
            .duration_trunc(TimeDelta::microseconds(1))
            .unwrap_or(now);
        let mut book = load::Loader {
            connection: transaction,
            timeout: self.timeout(),
            rules,
            now,
        }
        .load(commands)
        .await?;
        let mut decisions = Vec::with_capacity(commands.len());
        for command in commands {
            decisions.push(book.decide(command, rules, now, &mut Uuid::now_v7)?);
        }
        write::Writer {
            connection: transaction,
            timeout: self.timeout(),
            booking_clock: self.booking_clock,
            now,
        }
        .write(&book.changes())
        .await?;
        Ok(decisions)
    }
}

fn wallet_cache(cache: &Mutex<WalletCache>) -> MutexGuard<'_, WalletCache> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}
