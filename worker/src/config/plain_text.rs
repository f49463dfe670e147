//! Detection of servers that are reached in plain text over a network. Each is a warning, or a
//! problem if `require_tls` is set.

use std::net::IpAddr;

use super::{Settings, section::Reading};
use crate::db;

/// A server on another machine whose connection is not encrypted, or may not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainText {
    /// The key of the URL in the configuration.
    pub key: &'static str,
    /// The host in the URL.
    pub host: String,
    /// The scheme or parameter that the URL needs for TLS.
    pub instead: &'static str,
}

impl Settings {
    /// The servers that are reached in plain text over a network. Loopback addresses and Unix
    /// sockets do not count as a network.
    pub fn plain_text(&self) -> Vec<PlainText> {
        let amqp = self
            .amqp
            .as_ref()
            .and_then(|url| host_of(url.expose(), "amqp"));
        let database = self.database.url.as_ref();
        let database = database.and_then(|url| db::plain_text_host(url.expose()));
        let redis = self.redis.url.as_ref();
        let redis = redis.and_then(|url| host_of(url.expose(), "redis"));
        [
            ("amqp.url", amqp, "amqps://"),
            ("database.url", database, "sslmode=verify-full"),
            ("redis.url", redis, "rediss://"),
        ]
        .into_iter()
        .filter_map(|(key, host, instead)| {
            let host = host.filter(|host| !is_local(host))?;
            Some(PlainText { key, host, instead })
        })
        .collect()
    }

    /// Notes each server of [`Self::plain_text`] as a problem if TLS is required.
    pub(super) fn refuse_plain_text(&self, reading: &Reading<'_>) {
        if !self.require_tls {
            return;
        }
        for PlainText { key, host, instead } in self.plain_text() {
            let allowed = instead.trim_end_matches("://");
            reading.problem(
                key,
                format!("without TLS to the host {host}"),
                format!("{allowed}, or a host of this machine, because `require_tls` is set"),
            );
        }
    }
}

/// The host of a URL if it has this scheme, which is the one without TLS. `check_url` has ensured
/// that the URL has a host.
fn host_of(url: &str, scheme: &str) -> Option<String> {
    let rest = url.strip_prefix(scheme)?.strip_prefix("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next().unwrap_or_default(),
    };
    Some(host.to_owned())
}

/// Whether a host is this machine: `localhost`, or a loopback address.
fn is_local(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
    }
}
