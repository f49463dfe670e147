//! Checks whether PostgreSQL is reached in plain text, by the URL and the environment (`PGHOST`,
//! `PGSSLMODE`) that the library reads.

use super::addresses::Addresses;

/// The hosts of PostgreSQL that are reached by TCP with an `sslmode` that allows plain text
/// (`disable`, `allow`, `prefer`). Empty with TLS, through a Unix socket, for SQLite, and for an
/// invalid URL.
pub fn plain_text_hosts(url: &str) -> Vec<String> {
    if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
        return Vec::new();
    }
    let parsed = Addresses::parse(url);
    let hosts = parsed.iter().flat_map(Addresses::plain_text);
    hosts.map(str::to_owned).collect()
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
            let found = plain_text_hosts(&url);
            assert_eq!(found.first().map(String::as_str), host, "{url}");
        }
        for url in [
            "postgres://u@%2Frun%2Fpostgresql/scrip",
            "sqlite:///scrip.db",
        ] {
            assert!(plain_text_hosts(url).is_empty(), "{url}");
        }
        assert_eq!(plain_text_hosts("postgres://a,b:2/scrip"), ["a", "b"]);
    }
}
