//! Waiting for the database no longer than an answer can take.
//!
//! The server itself gives up a statement that takes too long. Where nothing at all comes for a while after that, the
//! connection is dead and nobody has told: a firewall forgot it, a proxy hangs, the machine is gone. Whoever waits on would
//! wait for ever. What became of the statement is unknown then, as after any lost connection.

use std::{future::Future, time::Duration};

use sea_orm::{DatabaseConnection, DbBackend, DbErr};

use super::{StoreError, StoreOptions};

/// How much later than the server's own limit an answer may be.
const GRACE: Duration = Duration::from_secs(5);

/// How long to wait for an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience(Duration);

impl Patience {
    pub(super) fn with(connection: &DatabaseConnection, options: &StoreOptions) -> Self {
        Self(match connection.get_database_backend() {
            DbBackend::Sqlite => Duration::MAX,
            _ => options.statement_timeout.saturating_add(GRACE),
        })
    }

    pub(super) async fn wait<T>(
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
