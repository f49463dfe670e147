//! What holds places on the stage, and the stores that come there.

use std::future::Future;

use chrono::{DateTime, Utc};
use ledger::{Command, Decision, Outcome, Rules};
use scrip::store::{Store, StoreError};
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use tests::ledger::settled;
use tokio::task::JoinHandle;

use super::stage::one;

/// What the test holds until it lets go.
pub struct Held {
    pub transaction: DatabaseTransaction,
    /// Its session.
    pub pid: i32,
}

impl Held {
    pub async fn execute(&self, sql: &str) {
        let done = self.transaction.execute_unprepared(sql).await;
        done.unwrap_or_else(|error| panic!("{error}\n{sql}"));
    }

    /// The same while the test goes on, since it may have to wait.
    pub fn executes(self, sql: &'static str) -> Running<Self> {
        Running {
            name: "the test".to_owned(),
            pid: self.pid,
            task: tokio::spawn(async move {
                self.execute(sql).await;
                self
            }),
        }
    }

    pub async fn let_go(self) {
        self.transaction.rollback().await.expect("rolls back");
    }

    pub async fn commit(self) {
        self.transaction.commit().await.expect("commits");
    }
}

/// A store with one connection.
pub struct Writer {
    /// Places are called by it.
    pub name: String,
    pub store: Store,
    pub rules: Rules,
    /// Its clock.
    pub now: DateTime<Utc>,
}

impl Writer {
    /// Begins to commit a group, without a lock if it may be.
    pub async fn commits_quickly(&self, commands: &[Command]) -> Running<Result<Vec<Decision>, StoreError>> {
        let (commands, rules, now) = (commands.to_vec(), self.rules.clone(), self.now);
        self.does(|store| async move { store.commit_group(&commands, &rules, now).await })
            .await
    }

    /// Begins to commit a group by locking its wallets first.
    pub async fn commits(&self, commands: &[Command]) -> Running<Result<Vec<Decision>, StoreError>> {
        let (commands, rules, now) = (commands.to_vec(), self.rules.clone(), self.now);
        self.does(|store| async move { store.commit_group_carefully(&commands, &rules, now).await })
            .await
    }

    /// Begins to rehearse a group.
    pub async fn rehearses(&self, commands: &[Command]) -> Running<Result<Vec<Decision>, StoreError>> {
        let (commands, rules, now) = (commands.to_vec(), self.rules.clone(), self.now);
        self.does(|store| async move { store.rehearse_group(&commands, &rules, now).await })
            .await
    }

    /// Begins to do something with the store.
    pub async fn does<T, F, W>(&self, work: W) -> Running<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
        W: FnOnce(Store) -> F,
    {
        let row = one(self.store.connection(), "SELECT pg_backend_pid()", []).await;
        Running {
            name: self.name.clone(),
            pid: row.try_get_by_index(0).expect("a process id"),
            task: tokio::spawn(work(self.store.clone())),
        }
    }
}

/// Something that a session is doing.
pub struct Running<T> {
    pub name: String,
    /// The session.
    pub pid: i32,
    pub task: JoinHandle<T>,
}

impl<T> Running<T> {
    /// What came of it.
    pub async fn end(self) -> T {
        self.task.await.expect("no panic")
    }
}

impl Running<Result<Vec<Decision>, StoreError>> {
    /// What was decided.
    pub async fn decisions(self) -> Vec<Decision> {
        let name = self.name.clone();
        let decided = self.end().await;
        decided.unwrap_or_else(|error| panic!("{name} failed: {error:?}"))
    }

    /// The outcomes of commands that must all be settled.
    pub async fn outcomes(self) -> Vec<Outcome> {
        self.decisions().await.iter().map(settled).collect()
    }

    /// The error that it must have failed with, which must be no command's fault.
    pub async fn error(self) -> StoreError {
        let error = self.end().await.expect_err("it fails");
        assert!(!error.is_poison(), "a command is blamed: {error:?}");
        error
    }
}
