//! The URLs of servers: unencrypted connections, and URLs in files.

use crate::process::{Database, Home, amqp_url};

#[test]
fn a_worker_warns_of_plain_text_and_refuses_it_if_tls_is_required() {
    let home = Home::new()
        .with("AMQP_URL", "amqp://scrip:hunter2@mq.invalid")
        .with("DATABASE_URL", "postgres://scrip:hunter2@db.invalid/scrip")
        .with("REDIS_URL", "redis://:hunter2@cache.invalid");
    let warned = home.scrip(&["run"]);
    assert_eq!(warned.code, Some(1), "{warned:#?}");
    let warnings = warned.err.lines();
    let warnings = warnings.filter(|line| line.contains("connection to a server is not encrypted"));
    let warnings: Vec<&str> = warnings.collect();
    assert_eq!(warnings.len(), 3, "{warned:#?}");
    for (line, key) in warnings
        .iter()
        .zip(["amqp.url", "database.url", "redis.url"])
    {
        assert!(line.contains("WARN") && line.contains(key), "{line}");
    }
    let home = home.with("SCRIP__REQUIRE_TLS", "true");
    for arguments in [&["run"][..], &["balance", "u"], &["config", "check"]] {
        let refused = home.scrip(arguments);
        assert_eq!(refused.code, Some(1), "{refused:#?}");
        for host in ["mq.invalid", "db.invalid", "cache.invalid"] {
            let said = format!("is without TLS to the host {host}; allowed is ");
            assert!(refused.err.contains(&said), "{refused:#?}");
        }
        assert!(!refused.err.contains("hunter2"), "{refused:#?}");
    }
}

#[test]
fn every_command_reads_urls_from_files() {
    let server = Database::create();
    let home = Home::new();
    let secret =
        |name: &str, url: &str| home.write(name, &format!("{url}\n")).display().to_string();
    let (amqp, database) = (secret("amqp", &amqp_url()), secret("database", &server.url));
    let home = home
        .with("AMQP_URL_FILE", &amqp)
        .with("DATABASE_URL_FILE", &database);
    let said = home.scrip(&["migrate", "up"]).ok();
    assert!(said.out.starts_with("database: postgres"), "{said:#?}");
    home.scrip(&["verify"]).ok();
    let shown = home.scrip(&["config", "show"]).ok().out;
    assert!(
        shown.contains("AMQP_URL_FILE") && shown.contains("DATABASE_URL_FILE"),
        "{shown}"
    );
}
