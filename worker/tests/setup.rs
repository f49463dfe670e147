//! Setting up servers: the schema of the database, the users and the topology of the broker.

use std::process::Child;

use serde_json::json;

use crate::process::{Database, Home, Namespace, amqp_url, commands::publish, eventually};

/// A process that is killed at the end of the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Conformance: Configuration and command line: With an older schema the worker does not start and
/// says what to run; `migrate` has `up`, `down` and `status`
#[test]
fn the_schema_on_a_server_is_created_only_on_request() {
    let server = Database::create();
    let home = Home::new()
        .with("AMQP_URL", &amqp_url())
        .with("DATABASE_URL", &server.url);
    let said = home.scrip(&["run"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("run `scrip migrate up`"), "{said:#?}");
    let status = home.scrip(&["--json", "migrate", "status"]);
    assert_eq!(
        (status.code, &status.json()["current"]),
        (Some(1), &json!(false))
    );
    home.scrip(&["migrate", "up"]).ok();
    assert_eq!(
        home.scrip(&["--json", "migrate", "status"]).ok().json()["current"],
        true
    );
    home.scrip(&["verify"]).ok();
    let refused = home.scrip(&["migrate", "down"]);
    assert!(
        refused.code == Some(1) && refused.err.contains("--yes"),
        "{refused:#?}"
    );
    home.scrip(&["migrate", "down", "--yes"]).ok();
    assert_eq!(home.scrip(&["migrate", "status"]).code, Some(1));
}

/// Conformance: Configuration and command line: `scrip run --migrate` migrates the schema at start
#[test]
fn run_with_migrate_creates_the_schema_on_a_server() {
    let server = Database::create();
    let namespace = Namespace::new();
    let home = Home::new()
        .with("AMQP_URL", &amqp_url())
        .with("DATABASE_URL", &server.url)
        .with("SCRIP_NAMESPACE", &namespace.0);
    let status = || home.scrip(&["migrate", "status"]).code;
    assert_eq!(status(), Some(1), "the database is empty");
    let migrating = Running(home.start(&["run", "--migrate"]));
    eventually("the schema exists", || (status() == Some(0)).then_some(()));
    drop(migrating);

    let worker = home.ready_worker();
    let bonus = ["grant", "--user", "u", "--reason", "registration_bonus"];
    assert_eq!(publish(&home, &bonus).ok().json()["balance"], 20);
    home.scrip(&["verify"]).ok();
    assert!(worker.terminate().success());
}

/// Conformance: Broker permissions and senders: `scrip topology permissions` prints the broker
/// permissions, and `topology user` prints a user with them
#[test]
fn a_broker_user_has_the_permissions_of_its_kind_and_the_password_from_stdin() {
    let home = Home::new();
    let user = |home: &Home, arguments: &[&str], input| {
        home.scrip_reading(
            &[&["topology", "user", "app", "shop"], arguments].concat(),
            input,
        )
    };
    let all = home
        .scrip(&["--json", "topology", "permissions"])
        .ok()
        .json();
    let users: Vec<_> = all.as_array().expect("a list").iter().collect();
    assert_eq!(
        users.iter().map(|user| &user["user"]).collect::<Vec<_>>(),
        ["app", "bridge", "worker"]
    );
    let made = user(&home, &[], "secret\n").ok().json();
    assert_eq!(
        made["users"],
        json!([{
            "name": "shop",
            "password": "secret",
            "tags": [],
            "limits": { "max-channels": 1000, "max-connections": 100 },
        }])
    );
    let permissions = &made["permissions"][0];
    for permission in ["configure", "write", "read"] {
        assert_eq!(
            permissions[permission], users[0][permission],
            "{permission}"
        );
    }
    assert_eq!(
        (&permissions["user"], &permissions["vhost"]),
        (&json!("shop"), &json!("/"))
    );
    let table = home.scrip(&["topology", "permissions"]).ok().out;
    assert!(
        table.contains("        write       ^credits[.](queries|usage)$\n"),
        "{table}"
    );

    let elsewhere = Home::new().with("AMQP_URL", "amqp://localhost/till");
    for (arguments, vhost) in [(&[][..], "till"), (&["--vhost", "/other"], "/other")] {
        let made = user(&elsewhere, arguments, "secret").ok().json();
        assert_eq!(made["permissions"][0]["vhost"], vhost);
    }
    let said = user(&home, &[], "\n");
    assert_eq!(said.code, Some(1));
    assert!(
        said.err
            .contains("the password, the first line of stdin, is empty"),
        "{}",
        said.err
    );
}

/// Conformance: Configuration and command line: `scrip topology declare` declares the exchanges and
/// queues of a namespace
#[test]
fn declaring_the_topology_twice_gives_the_same_result() {
    let namespace = Namespace::new();
    let home = Home::new().with("AMQP_URL", &amqp_url());
    let declare = ["--json", "--namespace", &namespace.0, "topology", "declare"];
    let first = home.scrip(&declare).ok().json();
    let second = home.scrip(&declare).ok().json();
    assert_eq!(first, second);
    assert_eq!(first["differences"], json!([]));
    let commands = format!("{}.commands.0", namespace.0);
    assert!(
        first["queues"]
            .as_array()
            .expect("a list")
            .contains(&commands.into()),
        "{first}"
    );
}
