//! Parses AMQP URLs.
//!
//! The client library (amq-protocol-uri 10.6.3) connects to `localhost` if it finds no host, and it
//! finds none in an IPv6 address. So the host comes from the URL parser, and a URL without a host
//! is an error. Errors do not contain the URL, because it may contain a password.
//!
//! Several URLs are separated by commas. They are the addresses of one cluster, so they differ in
//! host and port only. A comma always separates: with another rule, a comma in a password or a
//! virtual host would have two meanings.

use lapin::uri::{AMQPAuthority, AMQPUri};
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

/// Parses one `amqp://` or `amqps://` URL, or several that are separated by commas and differ in
/// host and port only. The error describes the problem and names the entry.
pub fn parse_amqp_urls(text: &str) -> Result<Vec<AMQPUri>, String> {
    let entries: Vec<&str> = text.split(',').collect();
    if let [url] = entries[..] {
        return Ok(vec![parse_amqp_url(url)?]);
    }
    let number_of_entries = entries.len();
    let refused = |number: usize, why: &str| format!("entry {number} of {number_of_entries} {why}");
    for (number, entry) in (1..).zip(&entries) {
        if !["amqp://", "amqps://"]
            .iter()
            .any(|scheme| entry.starts_with(scheme))
        {
            return Err(refused(
                number,
                "is not a whole URL: each entry begins with its scheme, without spaces; in a \
                 user, password or virtual host, write a comma as %2C",
            ));
        }
    }
    let mut uris: Vec<AMQPUri> = Vec::new();
    for (number, entry) in (1..).zip(entries) {
        let uri = parse_amqp_url(entry)
            .map_err(|why| refused(number, &format!("cannot be used: {why}")))?;
        if let Some(part) = uris.first().and_then(|first| difference(first, &uri)) {
            let why = format!(
                "has another {part} than entry 1; the entries may differ in host and port only"
            );
            return Err(refused(number, &why));
        }
        let same = uris
            .iter()
            .position(|other| other.authority == uri.authority);
        if let Some(same) = same {
            let why = format!("has the host and port of entry {}", same + 1);
            return Err(refused(number, &why));
        }
        uris.push(uri);
    }
    Ok(uris)
}

/// The first part, other than host and port, in which two URLs differ.
fn difference(one: &AMQPUri, other: &AMQPUri) -> Option<&'static str> {
    [
        (one.scheme == other.scheme, "scheme"),
        (
            one.authority.userinfo == other.authority.userinfo,
            "user or password",
        ),
        (one.vhost == other.vhost, "virtual host"),
        (one.query == other.query, "query"),
    ]
    .into_iter()
    .find_map(|(is_same, part)| (!is_same).then_some(part))
}

/// The host and port of a URL.
pub(super) fn host_and_port(uri: &AMQPUri) -> String {
    let AMQPAuthority { host, port, .. } = &uri.authority;
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

fn parse_amqp_url(text: &str) -> Result<AMQPUri, String> {
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
#[path = "uri_tests.rs"]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests;
