//! No output contains a password: no log, no error, and no output of `config show`, `--help` or
//! `{:?}`.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;

use producer_sdk::{Client, Options, Producer};
use scrip::{
    cache::Redis,
    config::{Environment, Settings},
    db::StoreOptions,
    store::Store,
    transport::amqp::InboundOptions,
};
use testkit::{
    process::Deployment,
    secured::{SECRETS, Secured, escaped},
};

/// A password without any escapes.
const RAW: &str = "rAbbitHead4?@#/rAbbitTail4";
const LIBRARIES: &str =
    "lapin=trace,amq_protocol_tcp=trace,sea_orm=trace,sqlx=trace,redis=trace,rustls=trace";

/// Panics if the output of a process contains a secret.
fn judge(situation: &str, output: &str) {
    for secret in SECRETS {
        let line = output.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{situation}: {secret} is in the output");
    }
}

async fn run(deployment: &Deployment, variables: &[(&str, String)], arguments: &[&str]) -> String {
    let mut command = deployment.command(arguments);
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    let output = command.output().await.expect("the program runs");
    let output = [output.stdout, output.stderr].concat();
    let output = String::from_utf8_lossy(&output).into_owned();
    judge(&format!("{variables:?} {arguments:?}"), &output);
    output
}

/// Conformance: Security: No password appears in logs, errors, `config show`, `--help` or `{:?}`
#[tokio::test]
async fn no_secret_is_in_the_output_of_a_worker_or_a_command_at_any_log_level() {
    let secured = Secured::start().await;
    secured.deployment().succeed(&["migrate", "up"]).await;
    for (filter, format) in [("trace", "human"), ("trace", "json"), (LIBRARIES, "human")] {
        let mut deployment = secured.deployment();
        // The filter enables events within the spans of libraries that connect.
        let chatty = format!(
            "{}&options=-c%20client_min_messages%3Ddebug5",
            secured.database_url()
        );
        deployment.set("DATABASE_URL", &chatty);
        deployment.set("RUST_LOG", filter);
        deployment.set("SCRIP__LOGGING__FORMAT", format);
        deployment.set("RUST_BACKTRACE", "full");
        let worker = deployment.worker();
        // The third filter enables only the events of libraries.
        for arguments in [
            &[
                "publish",
                "grant",
                "--user",
                "ada",
                "--reason",
                "promotion",
                "--amount",
                "5",
                "--wait",
            ][..],
            &["balance", "ada"],
            &["dead", "list"],
            &["topology", "declare"],
            &["job", "run", "verify"],
            &["migrate", "status"],
            &["verify"],
        ] {
            run(&deployment, &[], arguments).await;
        }
        let log = worker.log();
        assert!(
            !filter.starts_with("trace") || log.contains("TRACE") || log.contains("DEBUG"),
            "{log}"
        );
        judge(&format!("a worker at {filter}"), &log);
        assert!(worker.terminate().await.success());
    }
    wrong_passwords_and_hosts(&secured).await;
    what_debug_prints(&secured).await;
}

async fn wrong_passwords_and_hosts(secured: &Secured) {
    let deployment = secured.deployment();
    let (amqp, database, redis) = (
        secured.amqp_url(),
        secured.database_url(),
        secured.redis_url(),
    );
    let publish = ["publish", "consume", "--user", "ada", "--service", "s"];
    for log in ["info", "trace"] {
        for (wrong, instead) in [
            ("@localhost", "wrong@localhost"),
            ("localhost", "nowhere.invalid"),
            ("localhost", "127.0.0.2"),
        ] {
            let variables = [
                ("AMQP_URL", amqp.replace(wrong, instead)),
                ("DATABASE_URL", database.replace(wrong, instead)),
                ("RUST_LOG", log.to_owned()),
            ];
            for arguments in [
                &publish[..],
                &["balance", "ada"],
                &["topology", "declare"],
                &["run"],
            ] {
                let output = run(&deployment, &variables, arguments).await;
                assert!(output.contains("error: cannot"), "{output}");
            }
            // The database, which the command uses first, is reachable.
            let of_the_broker = [variables[0].clone(), variables[2].clone()];
            let output = run(&deployment, &of_the_broker, &publish).await;
            assert!(output.contains("error: cannot connect to amqp"), "{output}");
            // A worker whose account the broker refuses ends.
            let lost = if instead == "wrong@localhost" {
                "error: cannot use the broker at "
            } else {
                "broker connection lost"
            };
            for (name, url, event) in [
                ("REDIS_URL", &redis, "redis is unavailable"),
                ("AMQP_URL", &amqp, lost),
            ] {
                let mut deployment = secured.deployment();
                deployment.set(name, &url.replace(wrong, instead));
                deployment.set("RUST_LOG", log);
                let worker = deployment.worker();
                // A change of a balance makes the worker write to Redis.
                run(
                    &secured.deployment(),
                    &[],
                    &[
                        "publish",
                        "grant",
                        "--user",
                        "ada",
                        "--reason",
                        "promotion",
                        "--amount",
                        "5",
                    ],
                )
                .await;
                worker.wait_for(event).await;
                judge(name, &worker.log());
                worker.kill().await;
            }
        }
    }
}

/// Checks the `{:?}` output of connected objects, which a panic or a log could contain.
async fn what_debug_prints(secured: &Secured) {
    let environment = Environment::from_iter([
        ("AMQP_URL".to_owned(), secured.amqp_url()),
        ("DATABASE_URL".to_owned(), secured.database_url()),
        ("REDIS_URL".to_owned(), secured.redis_url()),
    ]);
    let settings = Settings::load(Some(Path::new("/dev/null")), &environment).expect("valid");
    judge(
        "settings",
        &format!("{settings:?} {:?}", settings.backend()),
    );

    let database = format!(
        "{}&sslrootcert={}",
        secured.database_url(),
        secured.certificates.ca()
    );
    let store = Store::connect(&database, &StoreOptions::default())
        .await
        .expect("a connection");
    judge("a store", &format!("{store:?}"));
    let redis = Redis::new(&secured.redis_url(), "credits").expect("a URL");
    judge("Redis", &format!("{redis:?}"));
    let topology = producer_sdk::contract::Topology::new("credits", 1).expect("a name");
    let inbound = InboundOptions::new(secured.amqp_url(), topology, "w");
    judge("options", &format!("{inbound:?}"));
    let plain = secured.amqp_url().replace("amqps", "amqp");
    let plain = plain.replace(
        secured
            .rabbitmq
            .url()
            .split([':', '/'])
            .nth(5)
            .expect("a port"),
        &secured.rabbitmq.port().to_string(),
    );
    let client = Client::connect(&plain, Options::default())
        .await
        .expect("a connection");
    let producer = Producer::connect(&plain, Options::default())
        .await
        .expect("a connection");
    judge("the SDK", &format!("{client:?} {producer:?}"));
}

/// Conformance: Security: No password appears in logs, errors, `config show`, `--help` or `{:?}`
#[tokio::test]
async fn no_secret_is_in_the_error_about_an_unusable_url() {
    let deployment = Deployment::embedded();
    let good = escaped("rAbbitHead4?@#/rAbbitTail4");
    for amqp in [
        format!("amqp:scrip:{good}@localhost"),
        format!("amqp://scrip:{good}@localhost:port"),
        format!("amqp://scrip:{good}@localhost:1/%ff"),
        format!("amqp://scrip:{good}@localhost:1/?heartbeat={good}"),
        format!("amqp://scrip:{good}%ff@localhost:1"),
        format!("amqp://scrip:{RAW}@localhost:1"),
        format!("http://scrip:{good}@localhost"),
        good.clone(),
    ] {
        // There is no database, because the command would use it first.
        let variables = [("AMQP_URL", amqp)];
        for arguments in [
            &["publish", "consume", "--user", "u", "--service", "s"][..],
            &["topology", "declare"],
        ] {
            let output = run(&deployment, &variables, arguments).await;
            assert!(output.contains("error: "), "{output}");
        }
        let amqp = &variables[0].1;
        let error = Producer::connect(amqp, Options::default()).await.err();
        judge(
            amqp,
            &format!("{error:?} {}", error.as_ref().expect("an error")),
        );
    }
    for database in [
        format!("postgres:scrip:{good}@localhost"),
        format!("postgres://scrip:{good}@localhost:port/scrip"),
        format!("postgres://scrip:{good}%ff@localhost:1/scrip"),
        format!("postgres://scrip:{RAW}@localhost:1/scrip"),
        format!("postgres://scrip@localhost:1/scrip?password={good}"),
        format!("postgres://scrip@localhost:1/scrip?passwort={good}"),
        format!("mysql://scrip:{good}@localhost/scrip"),
        good.clone(),
    ] {
        let variables = [
            ("AMQP_URL", "amqp://localhost:1".to_owned()),
            ("DATABASE_URL", database),
        ];
        for arguments in [
            &["balance", "u"][..],
            &["migrate", "up"],
            &["config", "check"],
        ] {
            run(&deployment, &variables, arguments).await;
        }
    }
    for redis in [
        format!("redis://:{good}@localhost:port"),
        format!("redis://:{good}%ff@localhost:1"),
        format!("redis://:{RAW}@localhost:1"),
        format!("rediss://:{good}@localhost:1/#{good}"),
        good,
    ] {
        run(&deployment, &[("REDIS_URL", redis)], &["config", "show"]).await;
    }
}

/// Conformance: Security: No password appears in logs, errors, `config show`, `--help` or `{:?}`
#[tokio::test]
async fn no_secret_is_in_the_output_about_a_valid_or_invalid_configuration() {
    let amqp = format!("amqps://scrip:{}@mq.example/%2f", escaped(RAW));
    let database = format!(
        "postgres://scrip:{}@db.example/scrip",
        escaped("pOstgrHead5?@#/pOstgrTail5")
    );
    let redis = format!(
        "rediss://:{}@cache.example",
        escaped("rEdisHead66?@#/rEdisTail66")
    );
    let right = format!(
        "[amqp]\nurl = \"{amqp}\"\n[database]\nurl = \"{database}\"\n[redis]\nurl = \"{redis}\"\n"
    );
    let deployment = Deployment::embedded();
    let path = deployment.folder().join("scrip.toml");
    let write = |text: &str| std::fs::write(&path, text).expect("the folder is writable");

    write(&right);
    let environment = [
        ("AMQP_URL", amqp.clone()),
        ("DATABASE_URL", database.clone()),
        ("REDIS_URL", redis.clone()),
        ("SCRIP__AMQP__URL", amqp.clone()),
        ("RUST_LOG", "trace".to_owned()),
    ];
    for variables in [&environment[..], &[]] {
        for arguments in [
            &["config", "show"][..],
            &["--json", "config", "show"],
            &["config", "check"],
            &["--json", "config", "check"],
        ] {
            let output = run(&deployment, variables, arguments).await;
            assert!(
                output.contains("amqps://scrip:***@mq.example/%2f"),
                "{output}"
            );
        }
        for arguments in [
            &["--help"][..],
            &["run", "--help"],
            &["publish", "consume", "--help"],
            &["config", "--help"],
        ] {
            run(&deployment, variables, arguments).await;
        }
    }

    for wrong in [
        format!("amqp = \"{amqp}\"\n"),
        format!("database = \"{database}\"\n"),
        format!("[database]\nurl = {database}\n"),
        format!("[database]\nurl = \"{database}\n"),
        format!("[redis]\nurl = [\"{redis}\"]\n"),
        format!("[redis]\nurl = \"{redis}\"\npassword = \"rEdisHead66\"\n"),
        format!("[redis]\nbalances = \"{redis}\"\n"),
        format!("[database]\nstatement_timeout = \"{database}\"\n"),
        format!("[logging]\nformat = \"{database}\"\n"),
        format!("namespace = \"{amqp}\"\n"),
        format!("[registration]\nplan = \"{amqp}\"\n"),
    ] {
        write(&wrong);
        for arguments in [
            &["config", "check"][..],
            &["--json", "config", "check"],
            &["run"],
        ] {
            let output = run(&deployment, &[], arguments).await;
            assert!(
                output.contains("allowed") || output.contains("not valid TOML"),
                "{wrong}: {output}"
            );
        }
    }
    write("");
    for variable in [
        "SCRIP__AMQP",
        "SCRIP__REDIS__PASSWORD",
        "SCRIP__DATABASE__MAX_CONNECTIONS",
        "SCRIP_NAMESPACE",
    ] {
        let output = run(
            &deployment,
            &[(variable, amqp.clone())],
            &["config", "check"],
        )
        .await;
        assert!(output.contains("allowed"), "{output}");
    }
}
