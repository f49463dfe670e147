//! Errors of the database, and whether a command causes an error or the infrastructure does.

use std::{io, path::PathBuf, time::Duration};

use ledger::Inconsistency;
use producer_sdk::ForeignLink;
use sea_orm::{DbErr, RuntimeErr, sqlx};

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database returned an error, or could not be reached.
    #[error("cannot {doing}")]
    Database {
        /// The operation of the store, as a phrase that follows "cannot".
        doing: &'static str,
        /// The error of the library.
        #[source]
        source: DbErr,
    },
    /// The first connection to PostgreSQL failed.
    #[error("cannot connect to PostgreSQL at {address}: {why}; {advice}")]
    Unreachable {
        /// Host and port, or the socket.
        address: String,
        /// What the system or the server said.
        why: String,
        /// Whether it may pass by itself.
        is_transient: bool,
        /// What to do.
        advice: &'static str,
    },
    /// The database sent no response within the time limit. It is unknown whether it executed the
    /// statement.
    #[error("cannot {doing}: no answer within {waited:?}")]
    NoAnswer {
        /// The operation of the store, as a phrase that follows "cannot".
        doing: &'static str,
        /// The time limit.
        waited: Duration,
    },
    /// Another server has become the primary during the wait. It is unknown whether the old one
    /// executed the statement.
    #[error("cannot {doing}: another database server has become the primary")]
    Moved {
        /// The operation of the store, as a phrase that follows "cannot".
        doing: &'static str,
    },
    /// The database responds, but accepts no writes.
    #[error("cannot write to the database: it is read-only")]
    ReadOnly,
    /// A pooler shares sessions between connections.
    #[error(
        "a connection pooler gives every transaction another session (PgBouncer: `pool_mode = \
         transaction`), which loses settings and prepared statements; every connection must have \
         its own session: set `pool_mode = session` for this database, or set `DATABASE_URL` to \
         the server itself"
    )]
    SharedSessions,
    /// The `search_path` of the URL is not in force.
    #[error(
        "`DATABASE_URL` requests the search_path {asked}, but {found} is in force, because a \
         connection pooler ignores `options`; set it for the role or the database instead \
         (`ALTER ROLE … SET search_path = …`)"
    )]
    SearchPath {
        /// The path in the URL.
        asked: String,
        /// The path of the session.
        found: String,
    },
    /// The encoding of the database cannot store every text.
    #[error(
        "the database's encoding must be UTF8 to store every text, got {found}; create a database \
         with `CREATE DATABASE scrip ENCODING 'UTF8' TEMPLATE template0` and set `DATABASE_URL` to \
         it"
    )]
    Encoding {
        /// The name that PostgreSQL gives the encoding.
        found: String,
    },
    /// Rows contradict each other.
    #[error(transparent)]
    Inconsistent(#[from] Inconsistency),
    /// A statement changed another number of rows than expected, although the wallets were locked.
    #[error(
        "wallets changed while they were locked: {expected} rows should have been written, but \
         {updated} were"
    )]
    LostLock {
        /// Rows that should have been written.
        expected: u64,
        /// Rows that were written.
        updated: u64,
    },
    /// The database URL cannot be used.
    #[error("`DATABASE_URL` {0}")]
    Url(String),
    /// Another user of this machine could have redirected the path of the SQLite file.
    #[error(transparent)]
    ForeignLink(#[from] ForeignLink),
    /// The SQLite file cannot be created.
    #[error("cannot create {path}")]
    Create {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

/// SQLSTATE of a unique violation on PostgreSQL.
const UNIQUE: &str = "23505";
/// SQLSTATE of a serialization failure. The statement that writes a whole group raises it if
/// another writer changed a wallet.
const SERIALIZATION: &str = "40001";
/// SQLSTATE of a deadlock.
const DEADLOCK: &str = "40P01";
/// Extended result codes of a unique violation on SQLite: unique index, primary key.
const SQLITE_UNIQUE: [&str; 2] = ["2067", "1555"];

/// The database cannot be reached, or the connection broke.
const CONNECTION: &str = "connection";
/// The database accepts no writes.
const READ_ONLY: &str = "read_only";
/// Any other error.
const OTHER: &str = "other";

impl StoreError {
    pub(crate) const fn database(doing: &'static str) -> impl FnOnce(DbErr) -> Self {
        move |source| Self::Database { doing, source }
    }

    /// The kind of the error for metrics: one of a closed list.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Database { source, .. } => kind(source),
            Self::ReadOnly => READ_ONLY,
            Self::Unreachable { .. } | Self::Moved { .. } => CONNECTION,
            Self::NoAnswer { .. } => "timeout",
            Self::SharedSessions
            | Self::SearchPath { .. }
            | Self::Encoding { .. }
            | Self::Inconsistent(_)
            | Self::LostLock { .. }
            | Self::Url(_)
            | Self::ForeignLink(_)
            | Self::Create { .. } => OTHER,
        }
    }

    /// The error code of the database: SQLSTATE on PostgreSQL, the extended result code on SQLite.
    pub fn code(&self) -> Option<String> {
        let Self::Database { source, .. } = self else {
            return None;
        };
        code(source)
    }

    /// Whether two writers wrote the same reference. Deciding again sees the other writer's row.
    pub fn is_unique_violation(&self) -> bool {
        self.code()
            .is_some_and(|code| code == UNIQUE || SQLITE_UNIQUE.contains(&code.as_str()))
    }

    /// Whether a statement found that rows have changed since they were read.
    pub fn is_stale(&self) -> bool {
        self.code().is_some_and(|code| code == SERIALIZATION)
    }

    /// Whether the database or the session accepts no writes.
    pub fn is_read_only(&self) -> bool {
        self.kind() == READ_ONLY
    }

    /// Whether another server may have become the primary.
    pub(super) fn is_of_server(&self) -> bool {
        matches!(self.kind(), CONNECTION | READ_ONLY)
    }

    /// Whether the connection does not answer, so nothing may be sent over it either.
    pub fn is_unanswered(&self) -> bool {
        matches!(self, Self::NoAnswer { .. } | Self::Moved { .. })
    }

    /// Whether two writers waited for each other and the database aborted this one.
    pub fn is_deadlock(&self) -> bool {
        self.code().is_some_and(|code| code == DEADLOCK)
    }

    /// Whether the error is poison: one of the group's commands fails on every retry.
    ///
    /// Poison is a value that the database refuses (SQLSTATE classes 22 and 23; on SQLite a
    /// constraint, a mismatch, a value too big), or rows that contradict each other. Every other
    /// error comes from the infrastructure and is temporary.
    pub fn is_poison(&self) -> bool {
        if matches!(self, Self::Inconsistent(_)) {
            return true;
        }
        let Some(code) = self.code() else {
            return false;
        };
        if code.len() == 5 && !self.is_sqlite() {
            return code.starts_with("22") || code.starts_with("23");
        }
        // On SQLite the low byte is the primary code.
        code.parse::<i32>()
            .is_ok_and(|code| matches!(code & 0xff, 18..=20))
    }

    fn is_sqlite(&self) -> bool {
        let Self::Database {
            source: DbErr::Exec(inner) | DbErr::Query(inner),
            ..
        } = self
        else {
            return false;
        };
        let RuntimeErr::SqlxError(error) = inner else {
            return false;
        };
        error.as_database_error().is_some_and(|error| {
            error
                .try_downcast_ref::<sqlx::sqlite::SqliteError>()
                .is_some()
        })
    }
}

/// The error code of the database: SQLSTATE on PostgreSQL, the extended result code on SQLite.
pub(crate) fn code(error: &DbErr) -> Option<String> {
    let (DbErr::Conn(inner) | DbErr::Exec(inner) | DbErr::Query(inner)) = error else {
        return None;
    };
    let RuntimeErr::SqlxError(error) = inner else {
        return None;
    };
    match error.as_ref() {
        sqlx::Error::Database(error) => error.code().map(std::borrow::Cow::into_owned),
        _ => None,
    }
}

/// The kind of an error of the database, for metrics.
pub(crate) fn kind(error: &DbErr) -> &'static str {
    let inner = match error {
        DbErr::ConnectionAcquire(_) => return CONNECTION,
        DbErr::Conn(inner) | DbErr::Exec(inner) | DbErr::Query(inner) => inner,
        _ => return OTHER,
    };
    let RuntimeErr::SqlxError(error) = inner else {
        return OTHER;
    };
    match error.as_ref() {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => CONNECTION,
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            if error
                .try_downcast_ref::<sqlx::sqlite::SqliteError>()
                .is_some()
            {
                sqlite_kind(&code)
            } else {
                postgres_kind(&code)
            }
        }
        _ => OTHER,
    }
}

/// The kind by SQLSTATE.
fn postgres_kind(code: &str) -> &'static str {
    match code {
        "57014" | "55P03" => "timeout",
        "53100" => "full",
        "25006" => READ_ONLY,
        "42501" => "rights",
        _ => match code.get(..2) {
            Some("08" | "57") => CONNECTION,
            Some("40") => "conflict",
            Some("53") => "resources",
            _ => OTHER,
        },
    }
}

/// The kind by the primary code, which is the low byte of the extended code.
fn sqlite_kind(code: &str) -> &'static str {
    match code.parse::<i32>().map(|code| code & 0xff) {
        Ok(5 | 6) => "conflict",
        Ok(8) => READ_ONLY,
        Ok(10 | 14) => CONNECTION,
        Ok(13) => "full",
        _ => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_errors_have_their_own_kind() {
        for (code, kind) in [
            ("57P01", CONNECTION),
            ("08006", CONNECTION),
            ("57014", "timeout"),
            ("40P01", "conflict"),
            ("53100", "full"),
            ("53300", "resources"),
            ("25006", "read_only"),
            ("42501", "rights"),
            ("XX000", OTHER),
            ("", OTHER),
        ] {
            assert_eq!(postgres_kind(code), kind, "{code}");
        }
        for (code, kind) in [
            ("5", "conflict"),
            ("517", "conflict"),
            ("13", "full"),
            ("1544", "read_only"),
            ("1", OTHER),
        ] {
            assert_eq!(sqlite_kind(code), kind, "{code}");
        }
    }
}
