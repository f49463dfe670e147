//! Tests of the configuration of servers: TLS, and URLs in files.

use super::{
    Settings,
    tests::{File, environment, load, problems},
};

#[test]
fn a_remote_server_without_tls_is_reported_and_refused_if_tls_is_required() {
    let amqp = |url| ("AMQP_URL", url);
    let database = |url| ("DATABASE_URL", url);
    let redis = |url| ("REDIS_URL", url);
    for (variable, found) in [
        (amqp("amqp://mq.example"), Some(("amqp.url", "mq.example"))),
        (
            amqp("amqp://u:p@mq.example:5673/%2f"),
            Some(("amqp.url", "mq.example")),
        ),
        (
            amqp("amqp://u:p@[2001:db8::7]:5673/x"),
            Some(("amqp.url", "2001:db8::7")),
        ),
        (amqp("amqp://192.0.2.7"), Some(("amqp.url", "192.0.2.7"))),
        (
            amqp("amqp://localhost.example"),
            Some(("amqp.url", "localhost.example")),
        ),
        (amqp("amqps://mq.example"), None),
        (amqp("amqp://localhost:5672"), None),
        (amqp("amqp://LOCALHOST.:5672"), None),
        (amqp("amqp://127.0.0.2"), None),
        (amqp("amqp://u:p@[::1]:5672"), None),
        (amqp("amqp://[::ffff:127.0.0.1]"), None),
        (
            redis("redis://:p@cache.example"),
            Some(("redis.url", "cache.example")),
        ),
        (redis("rediss://:p@cache.example"), None),
        (redis("redis://127.0.0.1"), None),
        (redis("redis+unix:///run/redis.sock"), None),
        (redis("unix:///run/redis.sock"), None),
        (
            database("postgres://u:p@db.example/s"),
            Some(("database.url", "db.example")),
        ),
        (
            database("postgresql://u:p@[2001:db8::7]/s?sslmode=prefer"),
            Some(("database.url", "2001:db8::7")),
        ),
        (
            database("postgres://u:p@localhost/s?host=db.example"),
            Some(("database.url", "db.example")),
        ),
        (
            database("postgres://u:p@db.example/s?sslmode=verify-full"),
            None,
        ),
        (
            database("postgres://u:p@db.example/s?sslmode=require"),
            None,
        ),
        (database("postgres://u:p@[::1]/s"), None),
        (database("postgres:///s?host=/run/postgresql"), None),
        (database("sqlite:///s.db"), None),
    ] {
        let allowed = load("", &[variable]).expect("a warning is no problem");
        let plain = allowed.plain_text();
        let reported: Vec<_> = plain
            .iter()
            .map(|plain| (plain.key, plain.host.as_str()))
            .collect();
        assert_eq!(
            reported,
            found.into_iter().collect::<Vec<_>>(),
            "{variable:?}"
        );
        let Some((key, host)) = found else {
            load("require_tls = true", &[variable]).expect("nothing to refuse");
            continue;
        };
        let refused = problems("require_tls = true", &[variable]);
        let (name, _) = variable;
        assert_eq!(refused.len(), 1, "{refused:?}");
        let begin =
            format!("`{key}` (set by {name}) is without TLS to the host {host}; allowed is ");
        assert!(refused[0].starts_with(&begin), "{refused:?}");
        assert!(
            refused[0].ends_with("because `require_tls` is set"),
            "{refused:?}"
        );
    }
    assert_eq!(
        problems(
            "",
            &[("SCRIP__REQUIRE_TLS", "true"), amqp("amqp://mq.example")]
        )
        .len(),
        1
    );
}

#[test]
fn every_remote_address_of_a_list_without_tls_is_reported() {
    let list = "amqp://u:p@mq1,amqp://u:p@localhost,amqp://u:p@mq2,amqp://u:p@mq2:5673";
    let allowed = load("", &[("AMQP_URL", list)]).expect("a warning is no problem");
    let plain = allowed.plain_text();
    let hosts: Vec<&str> = plain.iter().map(|plain| plain.host.as_str()).collect();
    assert_eq!(hosts, ["mq1", "mq2"]);
    let refused = problems("require_tls = true", &[("AMQP_URL", list)]);
    assert_eq!(refused.len(), 2, "{refused:?}");
    let list = list.replace("amqp:", "amqps:");
    load("require_tls = true", &[("AMQP_URL", &list)]).expect("nothing to refuse");
}

#[test]
fn a_url_is_read_from_the_file_that_a_variable_names() {
    for (variable, key) in [
        ("AMQP_URL", "amqp.url"),
        ("DATABASE_URL", "database.url"),
        ("REDIS_URL", "redis.url"),
    ] {
        let scheme = key
            .split('.')
            .next()
            .unwrap_or_default()
            .replace("database", "postgres");
        let url = format!("{scheme}://u:hunter2@localhost/x");
        let of_file = format!("{variable}_FILE");
        for end in ["", "\n", "\r\n", "\n\n"] {
            let secret = File::new(&format!("{url}{end}"));
            let path = secret.0.to_str().expect("UTF-8");
            assert_eq!(
                load("", &[(&of_file, path)]).expect("valid"),
                load("", &[(variable, &url)]).expect("valid")
            );
            let wrong = problems("", &[(&of_file, path), (variable, &url)]);
            assert_eq!(
                wrong,
                [format!(
                    "`{key}` (set by {of_file}) is also set by {variable}; allowed is one of \
                     {variable} and {of_file}"
                )]
            );
        }
        let shown = Settings::load(None, &environment(&[(&of_file, "/nowhere/x")]));
        assert!(shown.is_err());
        let expect = |path: &str, phrase: &str| {
            let wrong = problems("", &[(&of_file, path)]);
            assert_eq!(wrong.len(), 1, "{wrong:?}");
            let begin = format!("`{key}` (set by {of_file}) is ");
            assert!(
                wrong[0].starts_with(&begin) && wrong[0].contains(phrase),
                "{wrong:?}"
            );
            assert!(!wrong[0].contains("hunter2"), "{wrong:?}");
        };
        expect(
            "/nowhere/hunter2",
            "the path of a file that cannot be read (No such file",
        );
        expect("/dev/null", "the path of an empty file");
        expect("/dev/zero", "the path of a file with more than 65536 bytes");
        expect(&url, "a URL, not the path of a file");
        expect("", "empty; allowed is a value");
        let newline = File::new("\n");
        expect(
            newline.0.to_str().expect("UTF-8"),
            "the path of an empty file",
        );
        // The contents of the file are never repeated, like the value of a variable.
        let strange = File::new("gopher://u:hunter2@localhost/x");
        expect(strange.0.to_str().expect("UTF-8"), "not a valid URL");
    }
}

/// Conformance: Configuration and command line: A URL that has no host, or can be read as another
/// host's, is refused without showing its password
#[test]
fn a_url_that_could_be_parsed_with_another_host_is_refused() {
    let good = [
        ("AMQP_URL", "amqp://u:p%2F%40@[::1]:5672/%2f"),
        ("AMQP_URL", "amqps://mq.example"),
        ("DATABASE_URL", "postgres:///scrip?host=/run/postgresql"),
        ("DATABASE_URL", "postgres://%2Frun%2Fpostgresql/scrip"),
        ("DATABASE_URL", "postgresql://db/scrip?user=a@b"),
        (
            "DATABASE_URL",
            "postgres://u:p@h1:5432,[::1],h2:5433/db?target_session_attrs=read-write",
        ),
        ("DATABASE_URL", "postgres:///db?host=h1,h2&port=5432"),
        ("DATABASE_URL", "sqlite:my data/scrip.db"),
        ("REDIS_URL", "redis://:p@h1:6379,h2/1"),
        ("REDIS_URL", "redis+unix:///run/redis.sock?db=1"),
        ("REDIS_URL", "rediss://:p@[::1]:6379/1#insecure"),
    ];
    for (variable, url) in good {
        assert!(load("", &[(variable, url)]).is_ok(), "{url}");
    }
    for (variable, url, why) in [
        ("AMQP_URL", "amqp:hunter2", "does not begin with a scheme"),
        ("AMQP_URL", "amqp://u:hunter2@/%2f", "names no host"),
        ("AMQP_URL", "amqp://u:1/hunter2@mq", "an `@` after the host"),
        (
            "AMQP_URL",
            "amqp://u:hunter2@mq:65536/%2f",
            "invalid port number",
        ),
        (
            "AMQP_URL",
            "amqp://u:hunter2@mq,mq2:5672",
            "entry 2 of 2 is not a whole URL",
        ),
        (
            "DATABASE_URL",
            "postgres:hunter2",
            "does not begin with a scheme",
        ),
        (
            "DATABASE_URL",
            "postgres://u:1/hunter2@db/scrip",
            "an `@` after the host",
        ),
        (
            "DATABASE_URL",
            "postgres://u:1#hunter2@db/scrip",
            "an `@` after the host",
        ),
        (
            "DATABASE_URL",
            "postgres://u:p@db/scrip#hunter2",
            "a fragment",
        ),
        (
            "DATABASE_URL",
            "postgres://u:hunter2@h1,,h2/d",
            "one is empty",
        ),
        (
            "DATABASE_URL",
            "postgres://u:hunter2@h1,h2:70000/d",
            "invalid port",
        ),
        (
            "DATABASE_URL",
            "postgres://u:hunter2@h/d?target_session_attrs=standby",
            "read-write, primary, any",
        ),
        (
            "REDIS_URL",
            "redis://:1?hunter2@cache",
            "an `@` after the host",
        ),
        ("REDIS_URL", "redis:///hunter2", "names no host"),
        ("REDIS_URL", "redis://cache#hunter2", "a fragment"),
    ] {
        let found = problems("", &[(variable, url)]).concat();
        assert!(
            found.contains(why) && !found.contains("hunter2"),
            "{url}: {found}"
        );
    }
}
