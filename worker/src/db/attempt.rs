//! Attempts to reach the addresses of PostgreSQL that failed: an error names each address with its
//! cause, and says what to do.

use std::{fmt, time::Duration};

use sea_orm::sqlx::{self, postgres::PgDatabaseError};

use super::{error::StoreError, guard::Refused};

/// What the server at an address replied to an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// No reply, or an error that says nothing about open connections.
    Nothing,
    /// The server has no connection left. Open ones may work.
    Full,
    /// The server must not be used: it is a standby, outdated, or of another cluster.
    Unusable,
}

/// SQLSTATE of a server that has no connection left.
const FULL: &str = "53300";

/// A failed attempt to reach one address.
#[derive(Debug)]
pub(super) struct Attempt {
    address: String,
    why: String,
    /// Whether it may pass by itself.
    is_transient: bool,
    advice: &'static str,
    reply: Reply,
}

impl Attempt {
    /// The connection could not be made, or the server answered with an error.
    pub fn failed(address: String, error: &sqlx::Error) -> Self {
        let (is_transient, advice) = advice(error);
        Self {
            address,
            why: reason(error),
            is_transient,
            advice,
            reply: Reply::from_code(code(error)),
        }
    }

    /// There was no answer.
    pub fn silent(address: String, within: Duration) -> Self {
        Self {
            address,
            why: format!("no answer within {within:?}"),
            is_transient: true,
            advice: "check the host, the port and the firewall between",
            reply: Reply::Nothing,
        }
    }

    /// The server is a standby, and the URL requires a primary.
    pub fn standby(address: String) -> Self {
        Self {
            address,
            why: "a standby, which accepts no writes".to_owned(),
            is_transient: true,
            advice: "promote a standby, or add the address of the primary to `DATABASE_URL`",
            reply: Reply::Unusable,
        }
    }

    /// The server must not be used.
    pub fn refused(address: String, refused: &Refused) -> Self {
        Self {
            address,
            why: refused.why().to_owned(),
            is_transient: false,
            advice: "stop that server, or remove its address from `DATABASE_URL`",
            reply: Reply::Unusable,
        }
    }
}

impl Reply {
    fn from_code(code: &str) -> Self {
        match code {
            FULL => Self::Full,
            _ => Self::Nothing,
        }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address, self.why)
    }
}

/// No address can be used: the attempt at each.
#[derive(Debug)]
pub(super) struct NotFound(pub Vec<Attempt>);

impl NotFound {
    /// The reply of an address.
    pub fn reply_of(&self, address: &str) -> Reply {
        let attempt = self.0.iter().find(|attempt| attempt.address == address);
        attempt.map_or(Reply::Nothing, |attempt| attempt.reply)
    }
}

impl From<NotFound> for StoreError {
    fn from(NotFound(attempts): NotFound) -> Self {
        unreachable(attempts)
    }
}

/// The error if no address can be used. Its advice is that of the first attempt that does not pass
/// by itself, if there is one.
fn unreachable(mut attempts: Vec<Attempt>) -> StoreError {
    attempts.sort_by(|one, other| one.address.cmp(&other.address));
    let is_transient = attempts.iter().any(|attempt| attempt.is_transient);
    let lasting = attempts.iter().find(|attempt| !attempt.is_transient);
    let advice = lasting
        .or(attempts.first())
        .map_or("correct `DATABASE_URL`", |attempt| attempt.advice);
    let (address, why) = match attempts.as_slice() {
        [only] => (only.address.clone(), only.why.clone()),
        all => {
            let whys: Vec<String> = all.iter().map(Attempt::to_string).collect();
            (format!("any of {} addresses", all.len()), whys.join("; "))
        }
    };
    StoreError::Unreachable {
        address,
        why,
        is_transient,
        advice,
    }
}

/// The SQLSTATE of an error, or an empty text.
fn code(error: &sqlx::Error) -> &str {
    let error = error.as_database_error();
    let error = error.and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    error.map_or("", PgDatabaseError::code)
}

/// Why it failed, in the server's or the system's own words.
fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => match error.kind() {
            std::io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
            _ => error.to_string(),
        },
        error => error.to_string(),
    }
}

/// Whether it may pass by itself, and what to do.
fn advice(error: &sqlx::Error) -> (bool, &'static str) {
    let code = match error {
        sqlx::Error::Io(_) => {
            return (
                true,
                "start PostgreSQL there, or correct host and port in `DATABASE_URL`",
            );
        }
        sqlx::Error::Tls(_) => {
            return (
                false,
                "check `sslmode` and the certificates (`sslrootcert`, `SSL_CERT_FILE`)",
            );
        }
        error => code(error),
    };
    match code {
        "28P01" => (false, "correct user and password in `DATABASE_URL`"),
        "28000" => (
            false,
            "correct the user in `DATABASE_URL`, create the role, or allow it in `pg_hba.conf`",
        ),
        "3D000" => (
            false,
            "create the database, or correct its name in `DATABASE_URL`",
        ),
        "42501" => (false, "grant the role the right to connect to the database"),
        "57P03" | FULL => (true, "try again in a moment"),
        _ => (false, "correct `DATABASE_URL`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_names_each_address_with_its_cause() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let error = unreachable(vec![
            Attempt::standby("h2:5432".to_owned()),
            Attempt::failed("h1:5432".to_owned(), &refused.into()),
            Attempt::silent("h3:5432".to_owned(), Duration::from_secs(3)),
        ]);
        assert_eq!(
            error.to_string(),
            "cannot connect to PostgreSQL at any of 3 addresses: h1:5432: connection refused; \
             h2:5432: a standby, which accepts no writes; h3:5432: no answer within 3s; start \
             PostgreSQL there, or correct host and port in `DATABASE_URL`"
        );
        assert_eq!(error.kind(), "connection");
    }

    #[test]
    fn the_reply_of_an_address_tells_a_full_server_from_one_that_must_not_be_used() {
        assert_eq!(Reply::from_code("53300"), Reply::Full);
        assert_eq!(Reply::from_code("28P01"), Reply::Nothing);
        let not_found = NotFound(vec![
            Attempt::standby("h1:5432".to_owned()),
            Attempt::silent("h2:5432".to_owned(), Duration::from_secs(1)),
        ]);
        for (address, reply) in [
            ("h1:5432", Reply::Unusable),
            ("h2:5432", Reply::Nothing),
            ("h3:5432", Reply::Nothing),
        ] {
            assert_eq!(not_found.reply_of(address), reply, "{address}");
        }
    }
}
