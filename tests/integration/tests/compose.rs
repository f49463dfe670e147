//! The Compose files are valid and have safe defaults. The checks need no container engine.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../compose/definitions.rs"]
mod definitions;
mod images;
mod postgres_settings;
#[path = "../compose/schema.rs"]
mod schema;
mod users;
#[path = "../compose/yaml.rs"]
mod yaml;

use std::path::PathBuf;

use producer_sdk::contract::{
    Arg, BROKER_SETTINGS, Policy, Role, Topology, USER_LIMITS, VHOST_LIMITS,
};
use serde_json::{Map, Value};
use strum::VariantArray;

const COMPOSE: &str = "docker-compose.yml";
const TEST_SERVERS: &str = "tests/servers/compose.yml";

fn file(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn compose(path: &str) -> Value {
    yaml::read(&file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn compose_schema() -> Value {
    serde_json::from_str(&file("tests/integration/compose/compose-spec.json")).unwrap()
}

fn services(compose: &Value) -> &Map<String, Value> {
    compose["services"]
        .as_object()
        .expect("a Compose file has services")
}

/// The environment variables in `text`, each with its rule: `:-5432`, `:?why` or an empty text.
fn variables(text: &str) -> Vec<(&str, &str)> {
    let text: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect();
    let rest = text.into_iter().flat_map(|line| line.split("${").skip(1));
    rest.map(|rest| {
        let inside = rest.split_once('}').expect("a variable ends on its line").0;
        let end = inside
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(inside.len());
        inside.split_at(end)
    })
    .collect()
}

fn is_secret(variable: &str) -> bool {
    ["PASS", "SECRET", "TOKEN", "KEY"]
        .iter()
        .any(|word| variable.contains(word))
}

#[test]
fn compose_files_follow_the_compose_specification() {
    for path in [COMPOSE, TEST_SERVERS] {
        let errors = schema::errors(&compose_schema(), &compose(path));
        assert!(errors.is_empty(), "{path}:\n{}", errors.join("\n"));
    }
}

#[test]
fn violations_of_the_compose_specification_are_found() {
    let broken = [
        (
            "services:\n  worker:\n    imagee: x",
            "/services/worker/imagee: is not allowed",
        ),
        (
            "services:\n  worker:\n    image: 5",
            "/services/worker/image: 5 is not of type",
        ),
        ("servces: {}", "/servces: is not allowed"),
        (
            "services:\n  worker:\n    healthcheck: {intervall: 5s}",
            "/services/worker/healthcheck/intervall",
        ),
        (
            "services:\n  worker:\n    healthcheck: {test: 5}",
            "/services/worker/healthcheck/test: fits no choice",
        ),
        (
            "services:\n  worker:\n    cap_drop: [ALL, ALL]",
            "/services/worker/cap_drop: has an item twice",
        ),
        (
            "services:\n  worker:\n    depends_on: {db: {condition: up}}",
            "\"up\" is not one of",
        ),
        (
            "services:\n  w o:\n    image: x",
            "/services/w o: is not allowed",
        ),
    ];
    for (text, expected) in broken {
        let errors = schema::errors(&compose_schema(), &yaml::read(text).unwrap());
        assert!(
            errors.iter().any(|error| error.contains(expected)),
            "{text}\ngave {errors:?}"
        );
    }
}

#[test]
fn no_secret_has_a_default() {
    for (variable, rule) in variables(&file(COMPOSE)) {
        if is_secret(variable) {
            assert!(
                rule.starts_with(":?"),
                "{COMPOSE}: ${{{variable}{rule}}} must have the form `:?` with a reason"
            );
        }
    }
    for (service, settings) in services(&compose(COMPOSE)) {
        for (variable, value) in settings["environment"].as_object().into_iter().flatten() {
            if is_secret(variable) {
                let value = value.as_str().unwrap_or_default();
                assert!(
                    value.starts_with("${"),
                    "{COMPOSE}: the file contains the value of {variable} of {service}"
                );
            }
        }
    }
}

#[test]
fn env_example_names_every_variable_and_contains_no_secret() {
    let example = file(".env.example");
    let lines: Vec<&str> = example
        .lines()
        .map(|line| line.trim_start_matches('#'))
        .collect();
    for (variable, rule) in variables(&file(COMPOSE)) {
        let line = lines
            .iter()
            .find_map(|line| line.strip_prefix(variable)?.strip_prefix('='));
        let value = line.unwrap_or_else(|| panic!(".env.example does not mention {variable}"));
        if rule.starts_with(":?") {
            assert_eq!(value, "", ".env.example gives {variable} a value");
        } else {
            assert_eq!(
                Some(value),
                rule.strip_prefix(":-"),
                ".env.example has another default for {variable}"
            );
        }
    }
}

/// The definitions that the broker loads for a namespace.
fn broker_definitions(namespace: &str) -> Value {
    let text = definitions::of_the_broker(&[
        ("SCRIP_NAMESPACE", namespace),
        ("RABBITMQ_PASSWORD", "of-scrip"),
        ("RABBITMQ_WORKER_PASSWORD", "of-worker"),
        ("RABBITMQ_BRIDGE_PASSWORD", "of-bridge"),
        ("RABBITMQ_APP_PASSWORD", "of-app"),
    ]);
    serde_json::from_str(&text).unwrap()
}

/// Limits in the format of RabbitMQ.
fn limits(limits: &[(&str, i64)]) -> Value {
    limits
        .iter()
        .map(|(name, limit)| ((*name).to_owned(), Value::from(*limit)))
        .collect()
}

/// Conformance: Broker permissions and senders: `scrip topology policies` prints the broker
/// policies, and `docker-compose.yml` has the same policies
#[test]
fn the_broker_has_the_policies_and_limits_that_the_contract_names() {
    let namespace = "till.v1";
    let definitions = broker_definitions(namespace);
    let quoted = format!(r"\Q{namespace}\E[.]");
    let escaped = format!("{}[.]", namespace.replace('.', "[.]"));
    let policies = Topology::new(namespace, 1).unwrap().policies();
    let actual = definitions["policies"].as_array().unwrap();
    assert_eq!(actual.len(), policies.len());
    for (actual, policy) in actual.iter().zip(policies) {
        assert_eq!(actual["name"], policy.name);
        let pattern = actual["pattern"]
            .as_str()
            .unwrap()
            .replace(&quoted, &escaped);
        assert_eq!(pattern, policy.pattern);
        assert_eq!(actual["priority"], Policy::PRIORITY);
        assert_eq!(
            (&actual["apply-to"], &actual["vhost"]),
            (&"queues".into(), &"/".into())
        );
        let definition: Map<String, Value> = policy
            .definition
            .into_iter()
            .map(|(name, value)| {
                let value = match value {
                    Arg::Str(text) => text.into(),
                    Arg::Int(number) => number.into(),
                    Arg::Bool(truth) => truth.into(),
                };
                (name.to_owned(), value)
            })
            .collect();
        assert_eq!(
            actual["definition"],
            Value::Object(definition),
            "{}",
            policy.name
        );
    }
    let of_the_vhost = &definitions["parameters"][0];
    assert_eq!(of_the_vhost["component"], "vhost-limits");
    assert_eq!(of_the_vhost["value"], limits(&VHOST_LIMITS));
    for user in definitions["users"].as_array().unwrap() {
        let is_limited = user["name"] == "app" || user["name"] == "bridge";
        let expected = if is_limited {
            limits(&USER_LIMITS)
        } else {
            Value::Null
        };
        assert_eq!(user["limits"], expected, "{user}");
    }
}

/// Conformance: Broker permissions and senders: Permissions give app, bridge and worker exactly the
/// names they need, for any namespace and number of shards
#[test]
fn the_brokers_users_have_the_permissions_that_the_contract_names() {
    let namespace = "till.v1";
    let definitions = broker_definitions(namespace);
    let named = |list: &str, key: &str, user: &str| -> Value {
        let list = definitions[list].as_array().unwrap();
        let entries: Vec<&Value> = list.iter().filter(|entry| entry[key] == user).collect();
        assert_eq!(entries.len(), 1, "{user}");
        entries[0].clone()
    };
    let quoted = format!(r"\Q{namespace}\E[.]");
    let escaped = format!("{}[.]", namespace.replace('.', "[.]"));
    let topology = Topology::new(namespace, 1).unwrap();
    for &role in Role::VARIANTS {
        let user = role.as_str();
        let expected = topology.permissions(role);
        let actual = named("permissions", "user", user);
        for (kind, expected) in [
            ("configure", expected.configure),
            ("write", expected.write),
            ("read", expected.read),
        ] {
            let actual = actual[kind].as_str().unwrap().replace(&quoted, &escaped);
            assert_eq!(actual, expected, "{user}: {kind}");
        }
    }
    let users = definitions["users"].as_array().unwrap();
    assert_eq!(users.len(), 1 + Role::VARIANTS.len());
    for user in ["scrip", "worker", "bridge", "app"] {
        let actual = named("users", "name", user);
        assert_eq!(actual["password"], format!("of-{user}"));
        let administrator = actual["tags"] == serde_json::json!(["administrator"]);
        assert_eq!(administrator, user == "scrip", "{user}: {}", actual["tags"]);
    }
}

#[test]
fn the_broker_loads_its_users_and_the_worker_is_no_administrator() {
    let compose = compose(COMPOSE);
    let given = compose["services"]["rabbitmq"]["configs"]
        .as_array()
        .unwrap();
    let target = |source: &str| {
        let config = given.iter().find(|config| config["source"] == source);
        config.unwrap()["target"].as_str().unwrap().to_owned()
    };
    assert!(target("broker-settings").starts_with("/etc/rabbitmq/conf.d/"));
    let users = target("broker-users");
    let settings = [("load_definitions", users.as_str())]
        .into_iter()
        .chain(BROKER_SETTINGS);
    let settings: Vec<String> = settings
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    let content = compose["configs"]["broker-settings"]["content"].as_str();
    assert_eq!(content.unwrap().trim(), settings.join("\n"));
    let url = &compose["services"]["worker"]["environment"]["AMQP_URL"];
    assert!(url.as_str().unwrap().starts_with("amqp://worker:"), "{url}");
}

#[test]
fn every_service_has_a_health_check() {
    for path in [COMPOSE, TEST_SERVERS] {
        for (service, settings) in services(&compose(path)) {
            assert!(
                settings["healthcheck"]["test"].is_array(),
                "{path}: {service} has no health check"
            );
        }
    }
}

#[test]
fn the_worker_waits_for_its_servers_to_be_healthy() {
    let compose = compose(COMPOSE);
    for server in ["postgres", "rabbitmq"] {
        let condition = &compose["services"]["worker"]["depends_on"][server]["condition"];
        assert_eq!(condition, "service_healthy", "{server}");
    }
}

#[test]
fn the_health_check_of_the_worker_uses_its_listen_address() {
    let worker = &compose(COMPOSE)["services"]["worker"];
    let test = serde_json::json!(["CMD", "scrip", "health"]);
    assert_eq!(worker["healthcheck"]["test"], test);
    let listen = worker["environment"]["SCRIP__HEALTH__LISTEN"].as_str();
    let listen: std::net::SocketAddr = listen.expect("it listens").parse().expect("an address");
    assert!(
        listen.ip().is_unspecified(),
        "{listen} is reachable only inside the container"
    );
}

#[test]
fn every_port_is_open_only_to_the_local_machine() {
    for path in [COMPOSE, TEST_SERVERS] {
        for (service, settings) in services(&compose(path)) {
            for port in settings["ports"].as_array().into_iter().flatten() {
                assert!(
                    port.as_str().unwrap().starts_with("127.0.0.1:"),
                    "{path}: {service} publishes {port}"
                );
            }
        }
    }
}

#[test]
fn the_worker_image_runs_without_root_and_from_a_file_that_exists() {
    let compose = compose(COMPOSE);
    assert_eq!(
        compose["services"]["worker"]["build"]["dockerfile"],
        "worker/Dockerfile"
    );
    let dockerfile = file("worker/Dockerfile");
    let user = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("USER "))
        .next_back();
    assert!(
        user.is_some_and(|user| user != "root" && !user.starts_with('0')),
        "{user:?}"
    );
}
