//! The store: it reads and writes the ledger in the database, and commits groups of commands.
//!
//! A group is decided in memory and written in one transaction. The number of statements is
//! constant, regardless of the size of the group. Most groups take the optimistic path, which writes
//! by one statement (`optimistic`). The pessimistic path locks the wallets first:
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
//!    - the subscriptions of the users with their events and grants, if a command is about one or
//!      a period is due.
//! 4. Read the first batches of each user in spending order: what the commands may spend. Read
//!    more, in a larger window, only for users whose demand they do not cover.
//! 5. Decide in memory ([`ledger::Book`]). Nothing awaits here.
//! 6. Insert transactions, one for each posting, in the order of references. The unique reference
//!    is the last guard.
//! 7. Insert new batches.
//! 8. Insert allocations: which batch funded which transaction.
//! 9. Update the batches that were spent from.
//! 10. Update the changed wallets, each from the version that was read.
//! 11. Write subscriptions and delete the wallets that stayed unopened, only if there are any.
//!
//! The steps are separate statements under READ COMMITTED. A statement that both locks a wallet
//! and reads its batches would see the batches as they were before it waited for the lock.
//!
//! On SQLite the transaction is `BEGIN IMMEDIATE`, which locks the whole file. The same steps
//! follow.

mod backup;
pub(crate) mod bulk;
mod checkpoint;
mod commit_path;
mod connect;
mod delivery_attempt;
mod detail;
mod durability;
mod error;
mod from_row;
mod identity;
mod job_run;
mod load;
mod operator_action;
mod optimistic;
mod options;
mod pooler;
mod reach;
mod roles;
mod rows;
mod session;
mod single_consume;
pub mod sockets;
pub mod sql;
pub(crate) mod subscriptions;
mod temp_schema;
mod time;
mod timeout;
mod transaction;
mod transport;
mod wallet_cache;
mod write;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use ledger::{Command, Decision, Rules};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode,
    Statement, TransactionOptions,
};
use uuid::Uuid;

pub use bulk::sqlite_instant;
pub use checkpoint::checkpoint;
use commit_path::CommitPath;
pub use commit_path::CommitPathCounters;
pub use connect::connect;
use durability::Durability;
pub use durability::Risk;
pub use error::StoreError;
pub(crate) use error::{code as code_of, kind as kind_of};
pub use job_run::{Claim, JobRun};
pub use operator_action::{IntendedAction, OperatorAction};
use optimistic::OptimisticResult;
pub use options::{BookingClock, Purpose, StoreOptions};
pub use reach::reach;
pub use roles::{RoleNameError, RoleNames};
use session::Sessions;
pub use temp_schema::TempSchema;
use timeout::Timeout;
pub(crate) use transaction::begin;
pub use transport::plain_text_host;
use wallet_cache::WalletCache;

/// How many times a group is decided again after another writer took one of its references.
const UNIQUE_RETRIES: u32 = 3;

/// The ledger in the database.
#[derive(Clone, Debug)]
pub struct Store {
    commit: DatabaseConnection,
    read: DatabaseConnection,
    timeout: Timeout,
    booking_clock: BookingClock,
    cache: Arc<Mutex<WalletCache>>,
    commit_paths: Arc<CommitPathCounters>,
    sessions: Sessions,
    durability: Durability,
}

impl Store {
    /// Connects to `postgres://…` or `sqlite:…`.
    pub async fn connect(url: &str, options: &StoreOptions) -> Result<Self, StoreError> {
        reach(url, options.acquire_timeout).await?;
        let cache: Arc<Mutex<WalletCache>> = Arc::default();
        let cache_to_clear = cache.clone();
        let clear_cache = move || wallet_cache(&cache_to_clear).clear();
        let sessions = Sessions::default();
        let commit =
            connect::connect_and(url, Purpose::Commit, options, &sessions, clear_cache).await?;
        let read = connect::connect_and(url, Purpose::Read, options, &sessions, || {}).await?;
        if commit.get_database_backend() != DbBackend::Sqlite {
            pooler::require_search_path(url, &read).await?;
            pooler::require_own_sessions(&commit, &read).await?;
        }
        let timeout = Timeout::with(&commit, options);
        Ok(Self {
            commit,
            read,
            timeout,
            booking_clock: options.booking_clock,
            cache,
            commit_paths: Arc::default(),
            sessions,
            durability: Durability::default(),
        })
    }

    /// Closes all connections.
    pub async fn close(self) -> Result<(), StoreError> {
        let doing = || StoreError::database("close the connections");
        self.commit.close().await.map_err(doing())?;
        self.read.close().await.map_err(doing())
    }

    /// The connections of the group commit.
    pub const fn connection(&self) -> &DatabaseConnection {
        &self.commit
    }

    /// The connections for reading.
    pub const fn read_connection(&self) -> &DatabaseConnection {
        &self.read
    }

    /// The kind of database.
    pub fn backend(&self) -> DbBackend {
        self.commit.get_database_backend()
    }

    /// Checks that the database answers and accepts writes.
    pub async fn probe(&self) -> Result<(), StoreError> {
        let sql = match self.backend() {
            DbBackend::Sqlite => "SELECT 0 AS read_only",
            _ => {
                "SELECT CASE WHEN pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' THEN 1 ELSE 0 END AS read_only"
            }
        };
        let queried = self
            .commit
            .query_one_raw(Statement::from_string(self.backend(), sql));
        let row = self.timeout.wait("probe the database", queried).await?;
        let read_only = row
            .and_then(|row| row.try_get_by::<i32, _>("read_only").ok())
            .unwrap_or(0);
        if read_only == 0 {
            return Ok(());
        }
        self.reconnect_if_read_only(Err(StoreError::ReadOnly))
    }

    /// Fails on PostgreSQL unless the encoding of the database can store every text.
    pub async fn require_utf8(&self) -> Result<(), StoreError> {
        let doing = "read the database's encoding";
        if self.backend() == DbBackend::Sqlite {
            return Ok(());
        }
        let statement =
            Statement::from_string(self.backend(), "SELECT current_setting('server_encoding')");
        let row = self
            .timeout
            .wait(doing, self.read.query_one_raw(statement))
            .await?;
        let found = row.map_or(Ok("unknown".to_owned()), |row| {
            row.try_get_by_index::<String>(0)
        });
        let found = found.map_err(StoreError::database(doing))?;
        if found == "UTF8" {
            return Ok(());
        }
        Err(StoreError::Encoding { found })
    }

    /// Replaces all open sessions after a read-only error: a session may have become read-only
    /// when it was opened, and a new session may be able to write.
    fn reconnect_if_read_only<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if result.as_ref().is_err_and(StoreError::is_read_only) {
            self.sessions.replace();
        }
        result
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
        let committed = self.commit_on_either_path(commands, rules, now).await;
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
                    self.timeout.wait("commit", transaction.commit()).await?;
                    return Ok(decisions);
                }
                // No rollback is sent: the connection is dropped, and its transaction with it.
                Err(error @ StoreError::NoAnswer { .. }) => return Err(error),
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
        let _ = self.timeout.wait("roll back", transaction.rollback()).await;
    }

    /// Begins a transaction that writes: `BEGIN IMMEDIATE` on SQLite. Cancellation-safe.
    pub async fn begin(&self) -> Result<DatabaseTransaction, StoreError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let begun = begin(&self.commit, options);
        self.timeout.wait("begin a transaction", begun).await
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
            timeout: self.timeout,
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
            timeout: self.timeout,
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
