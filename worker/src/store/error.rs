//! What can go wrong in the store, and whether it is the message's fault.

use std::{io, path::PathBuf, time::Duration};

use ledger::Inconsistency;
use producer_sdk::ForeignLink;
use sea_orm::{DbErr, RuntimeErr, sqlx};

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database did not do what it was asked to.
    #[error("cannot {doing}")]
    Database {
        /// What the store was doing.
        doing: &'static str,
        /// Why not.
        #[source]
        source: DbErr,
    },
    /// The database said nothing for longer than anything may take: nobody knows what it did.
    #[error("cannot {doing}: no answer within {waited:?}")]
    NoAnswer {
        /// What the store was doing.
        doing: &'static str,
        /// How long it waited.
        waited: Duration,
    },
    /// It answers, and takes no writes.
    #[error("cannot write to the database: it is read-only")]
    ReadOnly,
    /// Connections do not keep their sessions.
    #[error(
        "a connection pooler gives every transaction another session (PgBouncer: `pool_mode = transaction`), \
         so that settings and prepared statements are lost; allowed are sessions of their own: set \
         `pool_mode = session` for this database, or let `DATABASE_URL` name the server itself"
    )]
    SharedSessions,
    /// What the URL asks for is not in force.
    #[error(
        "`DATABASE_URL` asks for the search_path {asked}, and {found} is in force, because a connection pooler ignores \
         `options`; set it for the role or the database instead (`ALTER ROLE … SET search_path = …`)"
    )]
    SearchPath {
        /// What the URL asks for.
        asked: String,
        /// What is in force.
        found: String,
    },
    /// The database cannot store every text.
    #[error(
        "the database's encoding is {found}, which cannot store every text; allowed is UTF8: create a database with \
         `CREATE DATABASE scrip ENCODING 'UTF8' TEMPLATE template0` and let `DATABASE_URL` name it"
    )]
    Encoding {
        /// As PostgreSQL calls it.
        found: String,
    },
    /// Rows contradict each other.
    #[error(transparent)]
    Inconsistent(#[from] Inconsistency),
    /// A wallet changed under the lock that should have kept it.
    #[error(
        "wallets changed while they were locked: {expected} rows should have been updated, {updated} were"
    )]
    LostLock {
        /// Rows that should have been updated.
        expected: u64,
        /// Rows that were.
        updated: u64,
    },
    /// The database URL cannot be used.
    #[error("`DATABASE_URL` {0}")]
    Url(String),
    /// Another user of this machine could have put the SQLite file elsewhere.
    #[error(transparent)]
    ForeignLink(#[from] ForeignLink),
    /// The SQLite file cannot be created.
    #[error("cannot create {path}")]
    Create {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// SQLSTATE of a unique violation on PostgreSQL.
const UNIQUE: &str = "23505";
/// SQLSTATE with which the statement that writes a whole group says that a wallet was written by somebody else.
const SERIALIZATION: &str = "40001";
/// SQLSTATE of a function that does not exist.
const NO_FUNCTION: &str = "42883";
/// SQLSTATE of a deadlock.
const DEADLOCK: &str = "40P01";
/// Extended result codes of a unique violation on SQLite: unique index, primary key.
const SQLITE_UNIQUE: [&str; 2] = ["2067", "1555"];

/// It cannot be reached, or the connection broke.
const CONNECTION: &str = "connection";
/// It takes no writes.
const READ_ONLY: &str = "read_only";
/// None of the others.
const OTHER: &str = "other";

impl StoreError {
    pub(super) const fn database(doing: &'static str) -> impl FnOnce(DbErr) -> Self {
        move |source| Self::Database { doing, source }
    }

    /// What kind of trouble it is, for those who count it: one of a closed list.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Database { source, .. } => kind(source),
            Self::ReadOnly => READ_ONLY,
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

    /// The database's code: SQLSTATE on PostgreSQL, the extended result code on SQLite.
    pub fn code(&self) -> Option<String> {
        let Self::Database { source, .. } = self else {
            return None;
        };
        code(source)
    }

    /// Two writers wrote the same reference; deciding again sees the other's.
    pub fn is_unique_violation(&self) -> bool {
        self.code()
            .is_some_and(|code| code == UNIQUE || SQLITE_UNIQUE.contains(&code.as_str()))
    }

    /// A statement found that rows are not as they were read.
    pub fn is_stale(&self) -> bool {
        self.code().is_some_and(|code| code == SERIALIZATION)
    }

    /// The database or the session takes no writes.
    pub fn is_read_only(&self) -> bool {
        self.kind() == READ_ONLY
    }

    /// The schema is older than what was asked of it.
    pub fn is_ahead_of_schema(&self) -> bool {
        self.code().is_some_and(|code| code == NO_FUNCTION)
    }

    /// Two writers waited for each other, and this one had to give way.
    pub fn is_deadlock(&self) -> bool {
        self.code().is_some_and(|code| code == DEADLOCK)
    }

    /// Whether one of the group's commands cannot be written however often it is tried: a value that the database
    /// refuses (SQLSTATE classes 22 and 23; on SQLite a constraint, a mismatch, a value too big) or rows found
    /// inconsistent. Everything else is infrastructure, and passes.
    pub fn is_poison(&self) -> bool {
        if matches!(self, Self::Inconsistent(_)) {
            return true;
        }
        let Some(code) = self.code() else { return false };
        if code.len() == 5 && !self.is_sqlite() {
            return code.starts_with("22") || code.starts_with("23");
        }
        // SQLite: the low byte is the primary code.
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
        matches!(error.as_ref(), sqlx::Error::Database(error) if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some())
    }
}

/// The database's code of an error: SQLSTATE on PostgreSQL, the extended result code on SQLite.
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

/// What kind of trouble an error of the database is.
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
            if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
                sqlite_kind(&code)
            } else {
                postgres_kind(&code)
            }
        }
        _ => OTHER,
    }
}

/// By SQLSTATE.
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

/// By the primary code, the low byte of the extended one.
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
    fn what_happens_often_has_a_kind_of_its_own() {
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
