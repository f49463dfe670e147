//! The sessions that hold locks, and the stores that wait for them.

use std::future::Future;

use chrono::{DateTime, Utc};
use ledger::{Command, Decision, Outcome, Rules};
use scrip::{db::StoreError, store::Store};
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use testkit::ledger::settled;
use tokio::task::JoinHandle;

use super::fixture::one;

/// Locks that the test holds until it releases them.
pub struct Held {
    pub transaction: DatabaseTransaction,
    /// The process id of the session.
    pub pid: i32,
}

impl Held {
    pub async fn execute(&self, sql: &str) {
        let done = self.transaction.execute_unprepared(sql).await;
        done.unwrap_or_else(|error| panic!("{error}\n{sql}"));
    }

    /// Runs a statement in the background, because it may have to wait.
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

    pub async fn release(self) {
        self.transaction.rollback().await.expect("rolls back");
    }

    pub async fn commit(self) {
        self.transaction.commit().await.expect("commits");
    }
}

/// A store with one connection.
pub struct Writer {
    /// The name in the breakpoints.
    pub name: String,
    pub store: Store,
    pub rules: Rules,
    /// The time by the writer's clock.
    pub now: DateTime<Utc>,
}

impl Writer {
    /// Starts to commit a group, on the optimistic path if possible.
    pub async fn commits_optimistically(
        &self,
        commands: &[Command],
    ) -> Running<Result<Vec<Decision>, StoreError>> {
        let (commands, rules, now) = (commands.to_vec(), self.rules.clone(), self.now);
        self.does(|store| async move { store.commit_group(&commands, &rules, now).await })
            .await
    }

    /// Starts to commit a group on the pessimistic path.
    pub async fn commits_pessimistically(
        &self,
        commands: &[Command],
    ) -> Running<Result<Vec<Decision>, StoreError>> {
        let (commands, rules, now) = (commands.to_vec(), self.rules.clone(), self.now);
        self.does(|store| async move {
            store
                .commit_group_pessimistically(&commands, &rules, now)
                .await
        })
        .await
    }

    /// Starts a dry run of a group.
    pub async fn dry_runs(
        &self,
        commands: &[Command],
    ) -> Running<Result<Vec<Decision>, StoreError>> {
        let (commands, rules, now) = (commands.to_vec(), self.rules.clone(), self.now);
        self.does(|store| async move { store.dry_run_group(&commands, &rules, now).await })
            .await
    }

    /// Starts work with the store in the background.
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

/// The running work of a session.
pub struct Running<T> {
    pub name: String,
    /// The process id of the session.
    pub pid: i32,
    pub task: JoinHandle<T>,
}

impl<T> Running<T> {
    /// Waits for the result.
    pub async fn end(self) -> T {
        self.task.await.expect("no panic")
    }
}

impl Running<Result<Vec<Decision>, StoreError>> {
    /// Waits for the decisions.
    pub async fn decisions(self) -> Vec<Decision> {
        let name = self.name.clone();
        let decided = self.end().await;
        decided.unwrap_or_else(|error| panic!("{name} failed: {error:?}"))
    }

    /// Waits for the outcomes; panics unless all commands are settled.
    pub async fn outcomes(self) -> Vec<Outcome> {
        self.decisions().await.iter().map(settled).collect()
    }

    /// Waits for the error of the group. Panics if it succeeded or if a command caused the error.
    pub async fn error(self) -> StoreError {
        let error = self.end().await.expect_err("it fails");
        assert!(!error.is_poison(), "not an error of a command: {error:?}");
        error
    }
}
