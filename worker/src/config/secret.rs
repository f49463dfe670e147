//! URLs whose text form does not show their password.

use std::fmt;

/// A URL with credentials. `Display` omits the password and the query. `Debug` omits everything.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(String);

impl SecretUrl {
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The URL itself, for connecting.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((scheme, rest)) = self.0.split_once("://") else {
            let scheme = self.0.split(':').next().unwrap_or_default();
            return write!(f, "{scheme}:***");
        };
        // Split at the last `@`: an unescaped password may contain an `@`, and other characters
        // that end the host of a URL.
        let (credentials, host) = match rest.rsplit_once('@') {
            None => (None, rest),
            Some((credentials, host)) => (Some(credentials), host),
        };
        write!(f, "{scheme}://")?;
        if let Some(credentials) = credentials {
            let user = plain(credentials).split(':').next().unwrap_or_default();
            let password = if credentials.contains(':') {
                ":***"
            } else {
                ""
            };
            write!(f, "{user}{password}@")?;
        }
        f.write_str(plain(host))
    }
}

/// The part before a query or a fragment.
fn plain(text: &str) -> &str {
    text.split(['?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_printed() {
        for (url, printed) in [
            (
                "postgres://scrip:hunter2@db/scrip",
                "postgres://scrip:***@db/scrip",
            ),
            ("amqp://a:p@hunter2@mq:5672/%2f", "amqp://a:***@mq:5672/%2f"),
            (
                "postgres://db/scrip?password=hunter2",
                "postgres://db/scrip",
            ),
            ("redis://:hunter2@cache", "redis://:***@cache"),
            ("postgres:hunter2", "postgres:***"),
            (
                "postgres://a:hun?ter2@db/scrip",
                "postgres://a:***@db/scrip",
            ),
            (
                "postgres://db/scrip?password=hunter2&mail=a@b",
                "postgres://db/scrip@b",
            ),
            ("amqp://mq", "amqp://mq"),
        ] {
            let secret = SecretUrl::new(url);
            assert_eq!(secret.to_string(), printed);
            assert_eq!(format!("{secret:?}"), "***");
        }
    }
}
