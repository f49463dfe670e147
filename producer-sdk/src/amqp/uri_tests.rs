//! Tests URLs of brokers.

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

/// Conformance: Configuration and command line: `AMQP_URL` lists the addresses of a cluster
#[test]
fn a_list_names_several_addresses_of_one_account() {
    for (list, expected) in [
        ("amqp://a", vec!["a:5672"]),
        ("amqp://a,amqp://b", vec!["a:5672", "b:5672"]),
        (
            "amqps://u:p@a/v,amqps://u:p@10.0.0.7:5673/v,amqps://u:p@[::1]/v",
            vec!["a:5671", "10.0.0.7:5673", "[::1]:5671"],
        ),
        (
            "amqp://u%2C:p%2C@a/v%2C?heartbeat=5,amqp://u%2C:p%2C@a:5673/v%2C?heartbeat=5",
            vec!["a:5672", "a:5673"],
        ),
    ] {
        let uris = parse_amqp_urls(list).unwrap_or_else(|error| panic!("{list}: {error}"));
        let addresses: Vec<_> = uris.iter().map(host_and_port).collect();
        assert_eq!(addresses, expected, "{list}");
        for uri in &uris {
            assert_eq!(difference(&uris[0], uri), None, "{list}");
        }
    }
    let uris = parse_amqp_urls("amqp://u%2C:p%2C@a/v%2C,amqp://u%2C:p%2C@b/v%2C").expect("a list");
    assert_eq!(uris[1].authority.userinfo.username, "u,");
    assert_eq!(uris[1].authority.userinfo.password, "p,");
    assert_eq!(uris[1].vhost, "v,");
}

/// Conformance: Configuration and command line: `AMQP_URL` lists the addresses of a cluster
#[test]
fn a_wrong_entry_of_a_list_is_refused_by_its_number_without_its_password() {
    for (list, reason) in [
        (
            "amqp://u:hunter2@a,b:5672",
            "entry 2 of 2 is not a whole URL",
        ),
        (
            "amqp://u:hunter2@a:1,b:2,c:3/v",
            "entry 2 of 3 is not a whole URL",
        ),
        ("amqp://u:hun,ter2@a", "entry 2 of 2 is not a whole URL"),
        ("amqp://u:hunter2@a,", "entry 2 of 2 is not a whole URL"),
        (",amqp://u:hunter2@a", "entry 1 of 2 is not a whole URL"),
        (
            "amqp://u:hunter2@a, amqp://u:hunter2@b",
            "entry 2 of 2 is not a whole URL",
        ),
        (
            "amqp://u:hunter2@a,postgres://u:hunter2@b",
            "entry 2 of 2 is not a whole URL",
        ),
        (
            "amqp://u:hunter2@a,amqp://u:hunter2@b:65536",
            "entry 2 of 2 cannot be used: invalid port number",
        ),
        (
            "amqp://u:hunter2@a,amqp://u:hunter2@",
            "entry 2 of 2 cannot be used: it names no host",
        ),
        (
            "amqp://u:hunter2@a,amqp://u:1/hunter2@b",
            "entry 2 of 2 cannot be used: it has an `@` after the host",
        ),
        (
            "amqp://a,amqp://b?verify=hunter2",
            "entry 2 of 2 cannot be used: parameter 1",
        ),
        (
            "amqp://u:hunter2@a,amqps://u:hunter2@b",
            "entry 2 of 2 has another scheme",
        ),
        (
            "amqp://u:hunter2@a,amqp://u:x@b",
            "entry 2 of 2 has another user or password",
        ),
        (
            "amqp://u:hunter2@a,amqp://u:hunter2@b,amqp://b",
            "entry 3 of 3 has another user",
        ),
        (
            "amqp://u:hunter2@a/v,amqp://u:hunter2@b",
            "entry 2 of 2 has another virtual host",
        ),
        (
            "amqp://u:hunter2@a,amqp://u:hunter2@b?heartbeat=5",
            "entry 2 of 2 has another query",
        ),
        (
            "amqp://u:hunter2@a,amqp://u:hunter2@b,amqp://u:hunter2@a:5672",
            "entry 3 of 3 has the host and port of entry 1",
        ),
    ] {
        let error = parse_amqp_urls(list).expect_err(list);
        assert!(error.starts_with(reason), "{list}: {error}");
        assert!(
            !error.contains("hunter") && !error.contains("ter2"),
            "{list}: {error}"
        );
    }
}
