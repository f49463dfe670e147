//! The time limit of a wait for the database.
//!
//! The server itself cancels a statement that runs too long. If no response arrives for a while
//! after that limit, the connection is dead without notice: a firewall dropped it, a proxy hangs,
//! or the machine is gone. Without a limit the worker would wait for ever. It is unknown whether
//! the statement was executed, as after any lost connection.

use std::{future::Future, time::Duration};

use sea_orm::{DatabaseConnection, DbBackend, DbErr};

use super::{StoreError, StoreOptions};

/// Time added to the server's own limit before a response counts as missing.
const GRACE: Duration = Duration::from_secs(5);

/// Maximum wait for a response. Unlimited on SQLite, which has no connection to lose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeout(Duration);

impl Timeout {
    pub(super) fn with(connection: &DatabaseConnection, options: &StoreOptions) -> Self {
        Self(match connection.get_database_backend() {
            DbBackend::Sqlite => Duration::MAX,
            _ => options.statement_timeout.saturating_add(GRACE),
        })
    }

    pub(crate) async fn wait<T>(
        self,
        doing: &'static str,
        answer: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(self.0, answer).await {
            Ok(answer) => answer.map_err(StoreError::database(doing)),
            Err(_) => Err(StoreError::NoAnswer {
                doing,
                waited: self.0,
            }),
        }
    }
}
