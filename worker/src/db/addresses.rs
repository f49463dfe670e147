//! The addresses in the URL of a PostgreSQL database. As for libpq, a URL may list several hosts
//! (`postgres://h1:5432,h2:5433/scrip`), and a name may have several addresses.

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use sea_orm::sqlx::{
    ConnectOptions as _,
    postgres::{PgConnectOptions, PgSslMode},
};
use tokio::{net::lookup_host, time::timeout};

use super::error::StoreError;

/// Parameters that the query of a PostgreSQL URL may contain.
const PARAMETERS: [&str; 14] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    TARGET,
    "user",
];

const TARGET: &str = "target_session_attrs";
/// Parameters that may have one value for each host.
const LISTS: [&str; 3] = ["host", "hostaddr", "port"];

/// The hosts in the URL of a PostgreSQL database, each with its port, or the socket's folder. The
/// error is a phrase that follows the name of the URL, and does not contain the URL.
pub fn addresses(url: &str) -> Result<Vec<String>, String> {
    match Addresses::parse(url) {
        Ok(addresses) => Ok(addresses.names()),
        Err(StoreError::Url(why)) => Err(format!("it {why}")),
        Err(error) => Err(error.to_string()),
    }
}

/// The hosts of a URL.
#[derive(Clone)]
pub(super) struct Addresses {
    hosts: Vec<PgConnectOptions>,
    /// Whether standbys are skipped.
    pub primary_only: bool,
}

// The options contain the password.
impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Addresses").field(&self.names()).finish()
    }
}

/// One address of a server.
#[derive(Clone)]
pub(super) struct Address {
    /// Host and port, or the socket's folder.
    pub name: String,
    /// The addresses on the network that a connection may go to.
    pub peers: Vec<SocketAddr>,
    pub options: PgConnectOptions,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Address").field(&self.name).finish()
    }
}

impl Addresses {
    /// Parses a URL. No error repeats a part of it that may belong to a password.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        check_parameters(url)?;
        let (urls, target) = split(url)?;
        let parse = |url: &String| -> Result<_, StoreError> {
            let parsed = PgConnectOptions::from_str(url)
                .map_err(|error| StoreError::Url(format!("is not valid: {error}")))?;
            // All values are read in the binary format, which needs no `extra_float_digits`, and
            // poolers refuse that parameter.
            Ok(without_brackets(parsed)
                .application_name("scrip")
                .extra_float_digits(None)
                .disable_statement_logging())
        };
        let hosts: Vec<PgConnectOptions> =
            urls.iter().map(parse).collect::<Result<_, StoreError>>()?;
        let primary_only = match target.as_deref() {
            None => hosts.len() > 1,
            Some("any") => false,
            Some("read-write" | "primary") => true,
            Some(_) => {
                return Err(StoreError::Url(format!(
                    "has another `{TARGET}` than allowed; allowed are read-write, primary, any"
                )));
            }
        };
        Ok(Self {
            hosts,
            primary_only,
        })
    }

    /// The names of all hosts, each with its port.
    pub fn names(&self) -> Vec<String> {
        self.hosts.iter().map(name).collect()
    }

    /// The ports of all hosts, each once.
    pub fn ports(&self) -> Vec<u16> {
        let mut ports: Vec<u16> = self.hosts.iter().map(PgConnectOptions::get_port).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    /// The hosts that are reached by TCP, and may be reached in plain text.
    pub fn plain_text(&self) -> impl Iterator<Item = &str> {
        self.hosts.iter().filter_map(|options| {
            let has_tls = !matches!(
                options.get_ssl_mode(),
                PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Prefer
            );
            (socket(options).is_none() && !has_tls).then(|| options.get_host())
        })
    }

    /// Looks up the addresses of all names. A name with several addresses counts as several
    /// servers, unless the certificate must be that of the name.
    pub async fn resolve(&self, within: Duration) -> Vec<Address> {
        let mut all = Vec::new();
        for options in &self.hosts {
            let name = name(options);
            let mut peers = Vec::new();
            if socket(options).is_none() {
                let host = (options.get_host(), options.get_port());
                // A name that is not found fails again, with its cause, when it is connected to.
                if let Ok(Ok(found)) = timeout(within, lookup_host(host)).await {
                    peers.extend(found);
                }
            }
            let is_bound = matches!(options.get_ssl_mode(), PgSslMode::VerifyFull);
            if peers.len() < 2 || is_bound {
                all.push(Address {
                    name,
                    peers,
                    options: options.clone(),
                });
                continue;
            }
            all.extend(peers.into_iter().map(|peer| Address {
                name: format!("{} ({peer})", options.get_host()),
                peers: vec![peer],
                options: options.clone().host(&peer.ip().to_string()),
            }));
        }
        all
    }
}

/// The folder of the socket, if the server is reached through one.
fn socket(options: &PgConnectOptions) -> Option<&Path> {
    let host = options.get_host();
    let folder = options.get_socket().map(PathBuf::as_path);
    folder.or_else(|| host.starts_with('/').then(|| Path::new(host)))
}

fn name(options: &PgConnectOptions) -> String {
    let port = options.get_port();
    match socket(options) {
        Some(folder) => format!("{}/.s.PGSQL.{port}", folder.display()),
        None if options.get_host().contains(':') => format!("[{}]:{port}", options.get_host()),
        None => format!("{}:{port}", options.get_host()),
    }
}

/// Removes the brackets of an IPv6 address. The library (sqlx 0.9.0) keeps them, and the address
/// with brackets is a host name that does not exist.
fn without_brackets(postgres: PgConnectOptions) -> PgConnectOptions {
    let host = postgres.get_host();
    match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(address) => {
            let address = address.to_owned();
            postgres.host(&address)
        }
        None => postgres,
    }
}

/// One URL for each host, and the value of `target_session_attrs`, which the library does not know.
fn split(url: &str) -> Result<(Vec<String>, Option<String>), StoreError> {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let (scheme, rest) = base.split_once("://").unwrap_or((base, ""));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let hosts: Vec<&str> = hosts.split(',').collect();
    let mut target = None;
    let mut parameters: Vec<(&str, Vec<String>)> = Vec::new();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if name == TARGET {
            target = Some(value.to_owned());
        } else if LISTS.contains(&name) {
            let values = value.replace("%2C", ",").replace("%2c", ",");
            parameters.push((name, values.split(',').map(str::to_owned).collect()));
        } else {
            parameters.push((name, vec![value.to_owned()]));
        }
    }
    let lists = parameters.iter().map(|(_, values)| values.len());
    let lists: Vec<usize> = lists.chain([hosts.len()]).filter(|len| *len > 1).collect();
    let count = lists.first().copied().unwrap_or(1);
    if lists.iter().any(|len| *len != count) {
        return Err(StoreError::Url(format!(
            "has lists of different lengths for hosts and ports; allowed is one value for each of \
             the {count} hosts, or one for all"
        )));
    }
    if hosts.len() > 1
        && hosts
            .iter()
            .any(|host| host.is_empty() || host.starts_with(':'))
    {
        return Err(StoreError::Url(
            "has a list of hosts in which one is empty; allowed is host:port,host:port".to_owned(),
        ));
    }
    let at = |values: &[String], index: usize| {
        values
            .get(index)
            .or(values.first())
            .cloned()
            .unwrap_or_default()
    };
    let urls = (0..count).map(|index| {
        let host = hosts
            .get(index)
            .or(hosts.first())
            .copied()
            .unwrap_or_default();
        let separator = if user.is_empty() { "" } else { "@" };
        let query: Vec<String> = parameters
            .iter()
            .map(|(name, values)| format!("{name}={}", at(values, index)))
            .collect();
        let mark = if query.is_empty() { "" } else { "?" };
        format!(
            "{scheme}://{user}{separator}{host}{path}{mark}{}",
            query.join("&")
        )
    });
    Ok((urls.collect(), target))
}

/// Fails if the query of a PostgreSQL URL has an unknown parameter.
///
/// The library ignores unknown parameters, so a misspelt `sslmode` would give an unverified
/// connection. The error does not repeat the parameter: it may be the rest of a password that
/// contains a `?`.
fn check_parameters(url: &str) -> Result<(), StoreError> {
    let query = url.split('#').next().and_then(|url| url.split_once('?'));
    let Some((_, query)) = query else {
        return Ok(());
    };
    for (parameter, number) in query.split('&').zip(1..) {
        let name = parameter.split('=').next().unwrap_or_default();
        let is_known =
            PARAMETERS.contains(&name) || name.starts_with("options[") || name.is_empty();
        if !is_known {
            let allowed = PARAMETERS.join(", ");
            return Err(StoreError::Url(format!(
                "has a query whose parameter {number} is unknown; allowed are {allowed}"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_url_lists_its_hosts_as_for_libpq() {
        for (url, names, primary_only) in [
            ("postgres://u:p@h1/d", &["h1:5432"][..], false),
            ("postgres://u:p@h1:1,h2/d", &["h1:1", "h2:5432"], true),
            (
                "postgresql://h1:1,[::1]:2,10.0.0.7/d",
                &["h1:1", "[::1]:2", "10.0.0.7:5432"],
                true,
            ),
            ("postgres://u:a,b%40@h1,h2/d", &["h1:5432", "h2:5432"], true),
            ("postgres:///d?host=h1,h2&port=1,2", &["h1:1", "h2:2"], true),
            ("postgres:///d?host=h1%2Ch2&port=7", &["h1:7", "h2:7"], true),
            ("postgres://h1,h2/d?port=7", &["h1:7", "h2:7"], true),
            (
                "postgres://h1,h2/d?target_session_attrs=any",
                &["h1:5432", "h2:5432"],
                false,
            ),
            (
                "postgres://h1/d?target_session_attrs=read-write",
                &["h1:5432"],
                true,
            ),
            (
                "postgres://h1/d?target_session_attrs=primary&user=u",
                &["h1:5432"],
                true,
            ),
            (
                "postgres:///d?host=/run/postgresql",
                &["/run/postgresql/.s.PGSQL.5432"],
                false,
            ),
        ] {
            let parsed = Addresses::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
            assert_eq!(parsed.names(), names, "{url}");
            assert_eq!(parsed.primary_only, primary_only, "{url}");
            for options in &parsed.hosts {
                assert_eq!(options.get_database(), Some("d"), "{url}");
            }
        }
    }

    #[test]
    fn a_list_that_is_ambiguous_is_refused_without_showing_the_password() {
        for (url, why) in [
            (
                "postgres://u:hunter2@h1,h2/d?port=1,2,3",
                "different lengths",
            ),
            ("postgres://u:hunter2@h1,,h2/d", "one is empty"),
            ("postgres://u:hunter2@h1,:5/d", "one is empty"),
            ("postgres://u:hunter2@h1:1,h2:65536/d", "invalid port"),
            (
                "postgres://u:hunter2@h1/d?target_session_attrs=standby",
                "read-write, primary, any",
            ),
            (
                "postgres://u:hunter2@h1/d?load_balance=hunter2",
                "is unknown",
            ),
        ] {
            let error = Addresses::parse(url).expect_err(url).to_string();
            assert!(
                error.contains(why) && !error.contains("hunter2"),
                "{url}: {error}"
            );
        }
    }

    #[tokio::test]
    async fn each_address_of_a_name_counts_unless_the_certificate_is_bound_to_the_name() {
        let within = Duration::from_secs(10);
        let all = Addresses::parse("postgres://localhost:1/d").expect("a URL");
        let found = all.resolve(within).await;
        let peers: usize = found.iter().map(|address| address.peers.len()).sum();
        assert_eq!(peers, found.len());
        let bound = "postgres://localhost:1/d?sslmode=verify-full";
        let bound = Addresses::parse(bound)
            .expect("a URL")
            .resolve(within)
            .await;
        assert_eq!(bound.len(), 1);
        assert_eq!(bound[0].options.get_host(), "localhost");
    }
}
