//! `[http]`: the HTTP server. `scrip http` and `scrip run --http` serve it.

use std::{net::SocketAddr, ops::RangeInclusive, time::Duration};

use toml::{Table, Value};

use super::{
    duration,
    http_tls::HttpTls,
    secret::Secret,
    section::{self, Section},
};

const ORIGINS: &str = "a list of origins in quotes, such as [\"https://shop.example\"], or [\"*\"]";
const MAX_CONNECTIONS: u32 = 100_000;
const MAX_RATE: u32 = 1_000_000;
/// The length of the key of user tokens. A shorter one could be guessed.
const SECRET_BYTES: RangeInclusive<usize> = 32..=1024;
/// The largest body that may be allowed: 1,000 commands of 64 KiB.
const MAX_BODY_BYTES: i64 = 64 * 1024 * 1000;

/// The HTTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// The address of `scrip http`.
    pub listen: SocketAddr,
    /// The files for TLS. `None`: requests and responses are plain text.
    pub tls: Option<HttpTls>,
    /// Whether the API is served.
    pub api: bool,
    /// Maximum of open connections. Further ones wait.
    pub max_connections: u32,
    /// Maximum size of the body of a batch, in bytes.
    pub max_body: usize,
    /// Maximum time to receive a request, and to wait for the next one on a connection.
    pub request_timeout: Duration,
    /// Maximum time for the confirm of the queue.
    pub confirm_timeout: Duration,
    /// Maximum time that `Prefer: wait` may ask for.
    pub max_wait: Duration,
    /// Requests per second of each token that has no rate of its own. `None`: no limit.
    pub rate: Option<u32>,
    /// Origins of web pages that browsers may call from.
    pub cors_origins: Vec<String>,
    /// The key that signs user tokens. `None`: there are no user tokens.
    pub user_token_secret: Option<Secret>,
    /// Time for which a new user token is valid.
    pub user_token_validity: Duration,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            tls: None,
            api: true,
            max_connections: 1000,
            max_body: 4 * 1024 * 1024,
            request_timeout: Duration::from_secs(10),
            confirm_timeout: Duration::from_secs(10),
            max_wait: Duration::from_secs(30),
            rate: None,
            cors_origins: Vec::new(),
            user_token_secret: None,
            user_token_validity: Duration::from_mins(15),
        }
    }
}

impl Http {
    pub(super) fn read(section: Section<'_>) -> Self {
        let default = Self::default();
        let times = Duration::from_millis(100)..=Duration::from_mins(5);
        let max_body = i64::try_from(default.max_body).unwrap_or(MAX_BODY_BYTES);
        let max_body = section.integer("max_body", 1024..=MAX_BODY_BYTES, max_body);
        let rate = section.optional_integer("rate", 1..=i64::from(MAX_RATE));
        let read = Self {
            listen: listen(&section).unwrap_or(default.listen),
            tls: HttpTls::read(&section),
            api: section.boolean("api", default.api),
            max_connections: section.count(
                "max_connections",
                MAX_CONNECTIONS,
                default.max_connections,
            ),
            max_body: usize::try_from(max_body).unwrap_or(default.max_body),
            request_timeout: section.duration(
                "request_timeout",
                times.clone(),
                default.request_timeout,
            ),
            confirm_timeout: section.duration(
                "confirm_timeout",
                times.clone(),
                default.confirm_timeout,
            ),
            max_wait: section.duration("max_wait", times, default.max_wait),
            rate: rate.and_then(|rate| u32::try_from(rate).ok()),
            cors_origins: cors_origins(&section),
            user_token_secret: user_token_secret(&section),
            user_token_validity: section.duration(
                "user_token_validity",
                Duration::from_secs(1)..=Duration::from_hours(24),
                default.user_token_validity,
            ),
        };
        section.finish();
        read
    }

    pub(super) fn show(&self) -> Table {
        let origins = self.cors_origins.iter().cloned().map(Value::String);
        let max_body = i64::try_from(self.max_body).unwrap_or(i64::MAX);
        let mut table = Table::from_iter([
            ("listen".to_owned(), self.listen.to_string().into()),
            ("api".to_owned(), self.api.into()),
            (
                "max_connections".to_owned(),
                i64::from(self.max_connections).into(),
            ),
            ("max_body".to_owned(), max_body.into()),
            (
                "request_timeout".to_owned(),
                duration::format(self.request_timeout).into(),
            ),
            (
                "confirm_timeout".to_owned(),
                duration::format(self.confirm_timeout).into(),
            ),
            (
                "max_wait".to_owned(),
                duration::format(self.max_wait).into(),
            ),
            ("cors_origins".to_owned(), Value::Array(origins.collect())),
            (
                "user_token_validity".to_owned(),
                duration::format(self.user_token_validity).into(),
            ),
        ]);
        if let Some(tls) = &self.tls {
            for (name, path) in [("tls_certificate", &tls.certificate), ("tls_key", &tls.key)] {
                let path = path.to_string_lossy().into_owned();
                table.insert(name.to_owned(), path.into());
            }
        }
        if let Some(rate) = self.rate {
            table.insert("rate".to_owned(), i64::from(rate).into());
        }
        if self.user_token_secret.is_some() {
            table.insert("user_token_secret".to_owned(), "***".into());
        }
        table
    }
}

/// The secret is never shown, also if it is wrong.
fn user_token_secret(section: &Section<'_>) -> Option<Secret> {
    let text = section.text("user_token_secret")?;
    if SECRET_BYTES.contains(&text.len()) {
        return Some(Secret::new(text));
    }
    let found = format!("a text of {} bytes", text.len());
    let allowed = format!(
        "a random text of {} to {} bytes",
        SECRET_BYTES.start(),
        SECRET_BYTES.end()
    );
    section.wrong("user_token_secret", found, allowed, None)
}

fn listen(section: &Section<'_>) -> Option<SocketAddr> {
    let text = section.text("listen")?;
    text.parse().ok().or_else(|| {
        let allowed =
            "an IP address with a port in quotes, such as \"127.0.0.1:8080\" or \"[::]:8080\"";
        section.wrong("listen", format!("{text:?}"), allowed, None)
    })
}

fn cors_origins(section: &Section<'_>) -> Vec<String> {
    let origins = match section.value("cors_origins") {
        None => return Vec::new(),
        Some(Value::Array(origins)) => origins,
        Some(other) => {
            return section.wrong("cors_origins", section::found(other), ORIGINS, Vec::new());
        }
    };
    let texts: Option<Vec<String>> = origins
        .iter()
        .map(|origin| origin.as_str().filter(|text| is_origin(text)))
        .map(|text| text.map(ToOwned::to_owned))
        .collect();
    texts.unwrap_or_else(|| {
        let found = "a list with other values than origins";
        section.wrong("cors_origins", found, ORIGINS, Vec::new())
    })
}

/// Whether a text is `*`, or scheme, host and port as browsers send them.
fn is_origin(text: &str) -> bool {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let is_host = |host: &str| {
        let allowed = |byte: u8| byte.is_ascii_graphic() && !b"/?#@\\\"*".contains(&byte);
        !host.is_empty() && host.bytes().all(allowed)
    };
    text == "*" || host.is_some_and(is_host)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{load, problems};
    use super::*;

    #[test]
    fn a_secret_has_at_least_32_bytes_and_is_not_shown() {
        let variable = "SCRIP_USER_TOKEN_SECRET";
        let found = problems("", &[(variable, "hunter2-hunter2")]);
        assert_eq!(found.len(), 1, "{found:?}");
        let begin = "`http.user_token_secret` (set by SCRIP_USER_TOKEN_SECRET) is a text of 15";
        assert!(found[0].starts_with(begin), "{found:?}");
        let secret = "hunter2-".repeat(4);
        let settings = load("", &[(variable, &secret)]).expect("valid");
        let shown = format!("{settings:?} {:?}", settings.show());
        assert!(!shown.contains("hunter2"), "{shown}");
        let known = settings.http.user_token_secret.expect("a secret");
        assert_eq!(known.expose(), secret);
    }

    #[test]
    fn an_origin_has_a_scheme_and_a_host_and_no_path() {
        for origin in ["*", "https://shop.example", "http://localhost:5173"] {
            assert!(is_origin(origin), "{origin}");
        }
        for text in [
            "",
            "shop.example",
            "https://",
            "https://shop.example/",
            "https://*.example",
            "https://shop.example\n",
            "null",
        ] {
            assert!(!is_origin(text), "{text}");
        }
    }
}
