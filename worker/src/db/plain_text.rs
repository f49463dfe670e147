//! Checks whether PostgreSQL is reached in plain text, by the URL and the environment (`PGHOST`,
//! `PGSSLMODE`) that the library reads.

use std::str::FromStr;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::connect::check_parameters;

/// The host of PostgreSQL if it is reached by TCP with an `sslmode` that allows plain text
/// (`disable`, `allow`, `prefer`). `None` with TLS, through a Unix socket, for SQLite, and for an
/// invalid URL.
pub fn plain_text_host(url: &str) -> Option<String> {
    if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
        return None;
    }
    // The library logs the values of unknown parameters, so it must not see them.
    check_parameters(url).ok()?;
    let options = PgConnectOptions::from_str(url).ok()?;
    let host = options.get_host();
    let is_socket = options.get_socket().is_some() || host.starts_with('/');
    let has_tls = !matches!(
        options.get_ssl_mode(),
        PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Prefer
    );
    (!is_socket && !has_tls).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_possible_unless_tls_is_required_or_a_socket_is_used() {
        for (query, host) in [
            ("", Some("db.example")),
            ("?sslmode=prefer", Some("db.example")),
            ("?sslmode=allow", Some("db.example")),
            ("?sslmode=disable", Some("db.example")),
            ("?sslmode=require", None),
            ("?sslmode=verify-ca", None),
            ("?sslmode=verify-full", None),
            ("?host=/run/postgresql", None),
            ("?host=other.example", Some("other.example")),
            ("?hostaddr=192.0.2.7", Some("192.0.2.7")),
        ] {
            let url = format!("postgres://u:p@db.example/scrip{query}");
            assert_eq!(plain_text_host(&url).as_deref(), host, "{url}");
        }
        assert_eq!(
            plain_text_host("postgres://u@%2Frun%2Fpostgresql/scrip"),
            None
        );
        assert_eq!(plain_text_host("sqlite:///scrip.db"), None);
    }
}
