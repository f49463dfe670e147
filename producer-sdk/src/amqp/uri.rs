//! Parses AMQP URLs.
//!
//! The client library (amq-protocol-uri 10.6.3) connects to `localhost` if it finds no host, and it
//! finds none in an IPv6 address. So the host comes from the URL parser, and a URL without a host
//! is an error. Errors do not contain the URL, because it may contain a password.

use lapin::uri::AMQPUri;
use url::{Host, Url};

use crate::server_url::check_url;

/// The allowed query parameters.
const PARAMETERS: [&str; 5] = [
    "auth_mechanism",
    "channel_max",
    "connection_timeout",
    "frame_max",
    "heartbeat",
];

/// Parses an `amqp://` or `amqps://` URL. The error describes the problem.
pub fn parse_amqp_url(text: &str) -> Result<AMQPUri, String> {
    check_url(text)?;
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    for (number, (name, _)) in (1..).zip(url.query_pairs()) {
        if !PARAMETERS.contains(&&*name) {
            let allowed = PARAMETERS.join(", ");
            return Err(format!(
                "parameter {number} of its query is unknown; allowed are {allowed}"
            ));
        }
    }
    let mut uri: AMQPUri = text
        .parse()
        .map_err(|reason: String| reason.replace(text, "***"))?;
    match url.host() {
        Some(Host::Ipv6(address)) => uri.authority.host = address.to_string(),
        Some(Host::Ipv4(address)) => uri.authority.host = address.to_string(),
        Some(Host::Domain(name)) if !name.is_empty() => {}
        _ => return Err("it names no host".to_owned()),
    }
    if uri.authority.host.contains('/') {
        return Err("it names a Unix socket; AMQP needs a host and a port".to_owned());
    }
    Ok(uri)
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// Scheme, user, password, host, port, virtual host.
    fn parsed(text: &str) -> [String; 6] {
        let uri = parse_amqp_url(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let authority = uri.authority;
        [
            uri.scheme.to_string(),
            authority.userinfo.username,
            authority.userinfo.password,
            authority.host,
            authority.port.to_string(),
            uri.vhost,
        ]
    }

    /// Conformance: Configuration and command line: A URL that has no host, or can be read as
    /// another host's, is refused without showing its password
    #[test]
    fn every_form_of_host_is_parsed_to_that_host() {
        for (url, expected) in [
            ("amqp://mq", ["amqp", "guest", "guest", "mq", "5672", "/"]),
            (
                "amqps://mq/%2f",
                ["amqps", "guest", "guest", "mq", "5671", "/"],
            ),
            (
                "amqp://u:p@10.0.0.7:5673/v",
                ["amqp", "u", "p", "10.0.0.7", "5673", "v"],
            ),
            (
                "amqp://u:p@[::1]:5672/%2f",
                ["amqp", "u", "p", "::1", "5672", "/"],
            ),
            (
                "amqp://[2001:db8::a]",
                ["amqp", "guest", "guest", "2001:db8::a", "5672", "/"],
            ),
            (
                "amqps://[::ffff:10.0.0.7]/v",
                ["amqps", "guest", "guest", "::ffff:10.0.0.7", "5671", "v"],
            ),
            (
                "amqp://u%40x:p%2F%3F%23%5B%5D%40%3A%25@mq.example:1/%2fa?heartbeat=7",
                ["amqp", "u@x", "p/?#[]@:%", "mq.example", "1", "/a"],
            ),
        ] {
            assert_eq!(parsed(url), expected, "{url}");
        }
    }

    /// Conformance: Configuration and command line: A URL that has no host, or can be read as
    /// another host's, is refused without showing its password
    #[test]
    fn a_url_that_names_no_tcp_host_is_refused_without_its_password() {
        for (url, reason) in [
            ("amqp://", "it names no host"),
            ("amqp:///%2f", "it names no host"),
            ("amqp://u:hunter2@/%2f", "it names no host"),
            ("amqp://u:hunter2@:5672/%2f", "it names no host"),
            (
                "amqp:hunter2",
                "it does not begin with a scheme, a colon and two slashes",
            ),
            (
                "amqp://u:hunter2@%2Frun%2Frabbitmq.sock/%2f",
                "it names a Unix socket",
            ),
            ("amqp://u:hunter2@[::1/%2f", "invalid IPv6 address"),
            ("amqp://u:hunter2@mq:65536/%2f", "invalid port number"),
            ("amqp://u:hunter%FF2@mq", "invalid utf-8"),
            ("amqp://u:hun#ter2@mq", "user or password"),
            ("amqp://u:12#hunter2@mq", "user or password"),
            ("amqp://u:12/hunter2@mq", "user or password"),
            ("amqp://u:12?hunter2@mq", "user or password"),
            ("amqp://mq/%2f#hunter2", "fragment"),
            (
                "amqp://mq/%2f?verify=hunter2",
                "parameter 1 of its query is unknown",
            ),
            ("amqp://mq?heartbeat=hunter2", "invalid digit"),
        ] {
            let error = parse_amqp_url(url).expect_err(url);
            assert!(error.contains(reason), "{url}: {error}");
            assert!(
                !error.contains("hunter") && !error.contains("ter2"),
                "{url}: {error}"
            );
        }
    }
}
