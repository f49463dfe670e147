//! Secrets, and URLs whose text form does not show their password.

use std::fmt;

/// A secret, such as a key. It is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

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
        // A list of brokers. A comma that is not followed by a scheme is a part of a URL.
        for (number, url) in entries(&self.0).into_iter().enumerate() {
            if number > 0 {
                f.write_str(",")?;
            }
            write_without_password(url, f)?;
        }
        Ok(())
    }
}

/// The URLs of a list of brokers; any other text as a whole. If only some of the URLs name a user,
/// a comma may be part of a password.
fn entries(text: &str) -> Vec<&str> {
    let starts = text
        .match_indices(',')
        .map(|(at, _)| at + 1)
        .filter(|start| {
            ["amqp://", "amqps://"]
                .iter()
                .any(|scheme| text[*start..].starts_with(scheme))
        });
    let mut entries = Vec::new();
    let mut begin = 0;
    for start in starts.chain([text.len() + 1]) {
        entries.push(&text[begin..start - 1]);
        begin = start;
    }
    let users = entries.iter().filter(|entry| entry.contains('@')).count();
    if users == 0 || users == entries.len() {
        entries
    } else {
        vec![text]
    }
}

fn write_without_password(url: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some((scheme, rest)) = url.split_once("://") else {
        let scheme = url.split(':').next().unwrap_or_default();
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
            (
                "amqps://a:hunter2@x:5671/v?heartbeat=5,amqps://a:hunter2@y",
                "amqps://a:***@x:5671/v,amqps://a:***@y",
            ),
            ("amqp://x,amqp://y", "amqp://x,amqp://y"),
            (
                "postgres://a:hunter2@x:5432,y/scrip",
                "postgres://a:***@x:5432,y/scrip",
            ),
            ("amqp://a:hun,amqp://ter2@mq", "amqp://a:***@mq"),
        ] {
            let secret = SecretUrl::new(url);
            assert_eq!(secret.to_string(), printed);
            assert_eq!(format!("{secret:?}"), "***");
        }
    }
}
