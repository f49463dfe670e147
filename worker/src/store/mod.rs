//! The store: the group commit. A group of commands is decided in memory and written in one transaction by a
//! constant number of statements, whatever its size. Most groups go the quick way, by one statement (`quick`); this is
//! the careful one:
//!
//! | step | statement | rows touched | why |
//! |---|---|---|---|
//! | 1 | prepare wallets | wallets of commands that open one | a row to lock; only if a command opens a wallet |
//! | 2 | lock wallets | one for each user, in the order of users | one writer a wallet; the order prevents deadlocks |
//! | 3 | known references | those that were applied before | exactly once; **after** the lock, so it sees what the writer before us committed |
//! | 3a | what belongs to them, allocations | those of known references | a replay repeats the whole outcome; only if there is one |
//! | 3b | registered | users who had the bonus | only if a command is a registration bonus |
//! | 3c | credited payments | those that purchases report | one payment is credited once; only if a command is a purchase |
//! | 3d | subscriptions | those of the users, with their events and grants | only if a command is about one or a period is due |
//! | 4 | batches | the first of each user in spending order | what the commands may spend; read again, larger, only where that is not enough |
//! | – | decide | – | [`ledger::Book`], in memory, nothing awaits |
//! | 5 | insert transactions | one for each posting, in the order of references | the unique reference is the last guard |
//! | 6 | insert batches | new ones | |
//! | 7 | insert allocations | which batch funded what | |
//! | 8 | update batches | those spent from | |
//! | 9 | update wallets | those changed, each from the version that was read | |
//! | 10 | write subscriptions, drop unopened wallets | few | only if there are any |
//!
//! The steps are separate statements under READ COMMITTED: a statement that both locks a wallet and reads its
//! batches would see the batches as they were before it waited for the lock.
//!
//! On SQLite the transaction is `BEGIN IMMEDIATE`, which locks the whole file, and the same steps follow.

mod answer;
mod backup;
mod begin;
pub(crate) mod bulk;
mod checkpoint;
mod connect;
mod detail;
mod durability;
mod error;
mod from_row;
mod identity;
mod job_run;
mod kept;
mod load;
mod operator_action;
mod pooler;
mod quick;
mod roles;
mod rows;
mod scratch;
mod session;
pub mod sockets;
mod spending;
pub mod sql;
pub(crate) mod subscriptions;
mod time;
mod transport;
mod trial;
mod ways;
mod write;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use ledger::{Command, Decision, Rules};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode, Statement,
    TransactionOptions,
};
use uuid::Uuid;

use answer::Patience;
pub(crate) use begin::begin;
pub use bulk::sqlite_instant;
pub use checkpoint::checkpoint;
pub use connect::{BookingClock, Purpose, StoreOptions, connect};
use durability::Durability;
pub use durability::Risk;
pub use error::StoreError;
pub(crate) use error::{code as code_of, kind as kind_of};
pub use job_run::{Claim, JobRun};
use kept::Keeper;
pub use operator_action::{IntendedAction, OperatorAction};
use quick::Quickly;
pub use roles::{RoleNameError, RoleNames};
pub use scratch::ScratchSchema;
use session::Sessions;
pub use transport::plain_text_host;
use ways::Way;
pub use ways::Ways;

/// How often a group is decided again after another writer took one of its references.
const UNIQUE_RETRIES: u32 = 3;

/// The ledger in the database.
#[derive(Clone, Debug)]
pub struct Store {
    commit: DatabaseConnection,
    read: DatabaseConnection,
    patience: Patience,
    booking_clock: BookingClock,
    kept: Arc<Mutex<Keeper>>,
    ways: Arc<Ways>,
    sessions: Sessions,
    durability: Durability,
}

impl Store {
    /// Connects to `postgres://…` or `sqlite:…`.
    pub async fn connect(url: &str, options: &StoreOptions) -> Result<Self, StoreError> {
        let kept: Arc<Mutex<Keeper>> = Arc::default();
        let forgetful = kept.clone();
        let forget = move || keeper(&forgetful).clear();
        let sessions = Sessions::default();
        let commit = connect::connect_and(url, Purpose::Commit, options, &sessions, forget).await?;
        let read = connect::connect_and(url, Purpose::Read, options, &sessions, || {}).await?;
        if commit.get_database_backend() != DbBackend::Sqlite {
            pooler::require_search_path(url, &read).await?;
            pooler::require_own_sessions(&commit, &read).await?;
        }
        let patience = Patience::with(&commit, options);
        Ok(Self {
            commit,
            read,
            patience,
            booking_clock: options.booking_clock,
            kept,
            ways: Arc::default(),
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

    /// Whether the database answers and takes writes.
    pub async fn probe(&self) -> Result<(), StoreError> {
        let sql = match self.backend() {
            DbBackend::Sqlite => "SELECT 0 AS read_only",
            _ => {
                "SELECT CASE WHEN pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' THEN 1 ELSE 0 END AS read_only"
            }
        };
        let asked = self
            .commit
            .query_one_raw(Statement::from_string(self.backend(), sql));
        let row = self.patience.wait("probe the database", asked).await?;
        let read_only = row
            .and_then(|row| row.try_get_by::<i32, _>("read_only").ok())
            .unwrap_or(0);
        if read_only == 0 {
            return Ok(());
        }
        self.reconnect_if_read_only(Err(StoreError::ReadOnly))
    }

    /// Fails on PostgreSQL unless the database can store every text.
    pub async fn require_utf8(&self) -> Result<(), StoreError> {
        let doing = "read the database's encoding";
        if self.backend() == DbBackend::Sqlite {
            return Ok(());
        }
        let statement = Statement::from_string(self.backend(), "SELECT current_setting('server_encoding')");
        let row = self
            .patience
            .wait(doing, self.read.query_one_raw(statement))
            .await?;
        let found = row.map_or(Ok("unknown".to_owned()), |row| row.try_get_by_index::<String>(0));
        let found = found.map_err(StoreError::database(doing))?;
        if found == "UTF8" {
            return Ok(());
        }
        Err(StoreError::Encoding { found })
    }

    /// A session that cannot write may be so since it was opened, and a new one would not be: none
    /// that is open is used again.
    fn reconnect_if_read_only<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if result.as_ref().is_err_and(StoreError::is_read_only) {
            self.sessions.replace();
        }
        result
    }

    /// Decides a group of commands in order and commits it as one transaction: all or nothing.
    ///
    /// After an error nothing is known to be written; deciding the same commands again is always safe.
    pub async fn commit_group(
        &self,
        commands: &[Command],
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Result<Vec<Decision>, StoreError> {
        let now = now.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(now);
        let committed = self.commit_group_either_way(commands, rules, now).await;
        self.reconnect_if_read_only(committed)
    }

    async fn commit_group_either_way(
        &self,
        commands: &[Command],
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Result<Vec<Decision>, StoreError> {
        let way = match self.commit_quickly(commands, rules, now).await? {
            Quickly::Committed(decisions) => {
                self.ways.took(Way::Quick, commands.len());
                return Ok(decisions);
            }
            Quickly::Declined => Way::Careful,
            Quickly::InVain => Way::InVain,
        };
        let decisions = self.commit_group_carefully(commands, rules, now).await?;
        self.ways.took(way, commands.len());
        Ok(decisions)
    }

    /// How many groups were committed which way.
    pub fn ways(&self) -> &Ways {
        &self.ways
    }

    /// The same as [`Self::commit_group`], always by locking the wallets before anything is looked at.
    pub async fn commit_group_carefully(
        &self,
        commands: &[Command],
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Result<Vec<Decision>, StoreError> {
        {
            // What is kept of them will be out of date.
            let mut keeper = self.keeper();
            for command in commands {
                keeper.take(&command.user_id);
            }
        }
        let mut tries = 0;
        loop {
            tries += 1;
            let transaction = self.begin().await?;
            match self.commit_group_in(&transaction, commands, rules, now).await {
                Ok(decisions) => {
                    self.patience.wait("commit", transaction.commit()).await?;
                    return Ok(decisions);
                }
                // Whoever does not answer need not be told; the transaction is given up with its connection.
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

    /// What would become of a group now: it is decided and written as [`Self::commit_group`] does, and rolled back.
    pub async fn rehearse_group(
        &self,
        commands: &[Command],
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Result<Vec<Decision>, StoreError> {
        let transaction = self.begin().await?;
        let rehearsed = self.commit_group_in(&transaction, commands, rules, now).await;
        self.roll_back(transaction).await;
        self.reconnect_if_read_only(rehearsed)
    }

    /// Wallets that were written last.
    fn keeper(&self) -> MutexGuard<'_, Keeper> {
        keeper(&self.kept)
    }

    /// The connection may be gone; then there is nothing to roll back.
    async fn roll_back(&self, transaction: DatabaseTransaction) {
        let _ = self.patience.wait("roll back", transaction.rollback()).await;
    }

    /// Begins a transaction that writes: `BEGIN IMMEDIATE` on SQLite. May be called off.
    pub async fn begin(&self) -> Result<DatabaseTransaction, StoreError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let begun = begin(&self.commit, options);
        self.patience.wait("begin a transaction", begun).await
    }

    /// The same as [`Self::commit_group`] inside the caller's transaction, which commits it.
    pub async fn commit_group_in(
        &self,
        transaction: &DatabaseTransaction,
        commands: &[Command],
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Result<Vec<Decision>, StoreError> {
        let now = now.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(now);
        let mut book = load::Loader {
            connection: transaction,
            patience: self.patience,
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
            patience: self.patience,
            booking_clock: self.booking_clock,
            now,
        }
        .write(book.into_changes())
        .await?;
        Ok(decisions)
    }
}

fn keeper(kept: &Mutex<Keeper>) -> MutexGuard<'_, Keeper> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
