//! Detection of servers that are reached in plain text over a network. Each is a warning, or a
//! problem if `require_tls` is set.

use std::{collections::BTreeSet, net::IpAddr};

use producer_sdk::amqp::parse_amqp_urls;

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
        let amqp = self.amqp.as_ref();
        let amqp = amqp.map(|url| plain_text_brokers(url.expose()));
        let database = self.database.url.as_ref();
        let database = database.map(|url| db::plain_text_hosts(url.expose()));
        let redis = self.redis.url.as_ref();
        let redis = redis.map(|url| hosts_of(url.expose(), "redis"));
        [
            ("amqp.url", amqp, "amqps://"),
            ("database.url", database, "sslmode=verify-full"),
            ("redis.url", redis, "rediss://"),
        ]
        .into_iter()
        .flat_map(|(key, hosts, instead)| {
            let hosts = hosts.unwrap_or_default().into_iter();
            let hosts = hosts.filter(|host| !is_local(host));
            hosts.map(move |host| PlainText { key, host, instead })
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

/// The hosts of brokers that are reached without TLS. The URLs were checked before.
fn plain_text_brokers(urls: &str) -> Vec<String> {
    let uris = parse_amqp_urls(urls).unwrap_or_default().into_iter();
    let hosts = uris
        .filter(|uri| uri.scheme.to_string() == "amqp")
        .map(|uri| uri.authority.host);
    hosts.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The hosts of a URL if it has this scheme, which is the one without TLS. `check_url` has ensured
/// that the URL has a host.
fn hosts_of(url: &str, scheme: &str) -> Vec<String> {
    let rest = url
        .strip_prefix(scheme)
        .and_then(|url| url.strip_prefix("://"));
    let authority = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    let hosts = authority.and_then(|authority| authority.rsplit('@').next());
    let hosts = hosts.into_iter().flat_map(|hosts| hosts.split(','));
    hosts.map(|host| without_port(host).to_owned()).collect()
}

fn without_port(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next().unwrap_or_default(),
    }
}

/// Whether a host is this machine: `localhost`, or a loopback address.
fn is_local(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
    }
}
