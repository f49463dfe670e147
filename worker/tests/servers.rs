//! `scrip run` on RabbitMQ and PostgreSQL, as processes.

use std::fmt::Write;

use crate::process::{Database, Home, Namespace, amqp_url, payment};

/// A home on servers, with a database and a namespace of its own.
struct Servers {
    home: Home,
    _database: Database,
    _namespace: Namespace,
}

impl Servers {
    fn new() -> Self {
        let database = Database::create();
        let namespace = Namespace::new();
        let home = Home::new()
            .with("AMQP_URL", &amqp_url())
            .with("DATABASE_URL", &database.url)
            .with("SCRIP_NAMESPACE", &namespace.0);
        home.scrip(&["migrate", "up"]).ok();
        Self {
            home,
            _database: database,
            _namespace: namespace,
        }
    }
}

/// Conformance: Configuration and command line: `scrip publish` publishes `consume`, `grant` and
/// `purchase`
#[test]
fn a_command_is_published_applied_and_found_in_the_ledger() {
    let servers = Servers::new();
    let home = &servers.home;
    let worker = home.ready_worker();
    let bought = home.scrip(&[
        "--json",
        "publish",
        "purchase",
        "--user",
        "u",
        "--package",
        "lite",
        "--purchase-id",
        "pi-1",
        "--amount-paid",
        "9.99",
        "--currency",
        "USD",
        "--wait",
    ]);
    assert_eq!(bought.ok().json()["balance"], 110);
    let spent = home.scrip(&[
        "publish",
        "consume",
        "--user",
        "u",
        "--service",
        "google:chat",
        "--wait",
    ]);
    assert_eq!(
        spent.ok().out,
        "completed: -2 credits, balance 108, available 108\n"
    );
    let batches = home.scrip(&["--json", "batches", "u"]).ok().json();
    assert_eq!(batches[1]["paidMicros"], 9_990_000);
    home.scrip(&["verify"]).ok();
    assert!(worker.terminate().success());
    assert!(!home.database().exists());
}

/// Conformance: Commands: `duplicate_payment` is stored, returned in the reply and not
/// dead-lettered, on both queue types
#[test]
fn a_payment_that_is_published_twice_through_rabbitmq_is_credited_once() {
    let servers = Servers::new();
    let worker = servers.home.ready_worker();
    payment::is_credited_once(&servers.home);
    drop(worker);
}

#[test]
fn another_worker_continues_after_a_worker_is_stopped_or_killed() {
    let servers = Servers::new();
    let home = &servers.home;
    let first = home.ready_worker();
    let second = home.ready_worker();
    let mut grants = 0;
    let mut grant_100 = || {
        let mut file = String::new();
        for _ in 0..100 {
            grants += 1;
            writeln!(
                file,
                r#"{{"type":"grant","referenceId":"g-{grants}","userId":"u","reason":"promotion","amount":1}}"#
            )
            .expect("memory");
        }
        let said = home
            .scrip_reading(&["--json", "replay", "-", "--wait"], &file)
            .ok();
        assert_eq!(said.json()["completed"], 100, "{said:#?}");
    };
    grant_100();
    assert!(first.terminate().success());
    grant_100();
    let third = home.ready_worker();
    second.kill();
    grant_100();
    assert_eq!(
        home.scrip(&["--json", "balance", "u"]).ok().json()["balance"],
        300
    );
    home.scrip(&["verify"]).ok();
    drop(third);
}
