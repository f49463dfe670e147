//! The first connection to PostgreSQL: an error says at once what is wrong, and what to do.
//!
//! A pool that cannot connect tries again until its time is over, and then reports only that.

use std::{str::FromStr, time::Duration};

use sea_orm::sqlx::{
    self, ConnectOptions as _, Connection,
    postgres::{PgConnectOptions, PgDatabaseError},
};
use tokio::time::timeout;

use super::{
    connect::{check_parameters, without_brackets},
    error::StoreError,
};

/// Makes one connection and closes it. Returns at once for SQLite.
pub async fn reach(url: &str, within: Duration) -> Result<(), StoreError> {
    if !url.starts_with("postgres") {
        return Ok(());
    }
    check_parameters(url)?;
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| StoreError::Url(format!("is not valid: {error}")))?;
    let address = address(&options);
    // Poolers refuse the parameter.
    let options = without_brackets(options).extra_float_digits(None);
    let failed = |why: String, is_transient, advice| StoreError::Unreachable {
        address: address.clone(),
        why,
        is_transient,
        advice,
    };
    match timeout(within, options.connect()).await {
        Ok(Ok(connection)) => {
            // The connection is dropped either way.
            let _ = connection.close().await;
            Ok(())
        }
        Ok(Err(error)) => {
            let (is_transient, advice) = advice(&error);
            Err(failed(reason(&error), is_transient, advice))
        }
        Err(_) => Err(failed(
            format!("no answer within {within:?}"),
            true,
            "check the host, the port and the firewall between",
        )),
    }
}

/// Host and port, or the socket's folder.
fn address(options: &PgConnectOptions) -> String {
    let port = options.get_port();
    match options.get_socket() {
        Some(folder) => format!("{}/.s.PGSQL.{port}", folder.display()),
        None => format!("{}:{port}", options.get_host()),
    }
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
        sqlx::Error::Database(error) => error
            .try_downcast_ref::<PgDatabaseError>()
            .map_or("", |error| error.code()),
        _ => "",
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
        "57P03" | "53300" => (true, "try again in a moment"),
        _ => (false, "correct `DATABASE_URL`"),
    }
}
