//! A command that cannot add its entry does nothing.

use sea_orm::DbBackend;
use testkit::process::Deployment;

use super::fixture::{Fixture, error, on_servers_and_on_the_file};

/// Every command that adds an entry, except `topology claim`.
const COMMANDS: [&str; 6] = [
    "publish grant --user ada --reason promotion --amount 50",
    "publish freeze --user ada --reason chargeback",
    "replay commands.jsonl",
    "dead replay --all",
    "dead drop --all --yes",
    "job run verify --date 2026-01-02",
];

fn write_commands(fixture: &Fixture) {
    let command =
        r#"{"type":"consume","referenceId":"c-2","userId":"ada","service":"google:chat"}"#;
    std::fs::write(fixture.deployment.folder().join("commands.jsonl"), command).expect("writable");
}

async fn expect_nothing_done(
    fixture: &Fixture,
    deployment: &Deployment,
    command: &str,
    cause: &str,
) {
    let words: Vec<&str> = command.split(' ').collect();
    let refused = deployment.run(&words).await;
    assert_eq!(refused.status.code(), Some(1), "{command}: {refused:?}");
    let stderr = error(&refused);
    for part in [cause, "nothing was done: ", "scrip migrate grants"] {
        assert!(stderr.contains(part), "{command}: {stderr}");
    }
    assert_eq!(fixture.waiting().await, 0, "{command}");
    assert_eq!(fixture.dead_letters().await, 1, "{command}");
    assert_eq!(
        fixture.number("SELECT count(*) FROM job_run").await,
        0,
        "{command}"
    );
}

/// Conformance: Audit log: A manual command is recorded before it is done; if it cannot be
/// recorded, it is not done
async fn without_an_entry_nothing_is_done(fixture: Fixture) {
    fixture.add_dead_letter("typo-1").await;
    write_commands(&fixture);
    match fixture.ledger.get_database_backend() {
        DbBackend::Postgres => {
            fixture
                .execute(
                    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
                       BEGIN RAISE EXCEPTION 'the disk is full'; END $$;
                     CREATE TRIGGER refuse BEFORE INSERT ON operator_action
                       EXECUTE FUNCTION refuse()",
                )
                .await;
        }
        _ => {
            fixture
                .execute(
                    "CREATE TRIGGER refuse BEFORE INSERT ON operator_action
                       BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
                )
                .await;
        }
    }
    for command in COMMANDS {
        expect_nothing_done(&fixture, &fixture.deployment, command, "the disk is full").await;
    }
    let dry_run = ["dead", "replay", "--all", "--dry-run"];
    fixture.deployment.succeed(&dry_run).await;
}

/// Conformance: Audit log: A manual command that is killed, or whose end cannot be recorded, stays
/// `begun`
async fn an_end_that_cannot_be_recorded_is_an_error_and_the_begun_entry_stays(fixture: Fixture) {
    fixture.add_dead_letter("typo-1").await;
    write_commands(&fixture);
    match fixture.ledger.get_database_backend() {
        DbBackend::Postgres => {
            fixture
                .execute(
                    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
                       BEGIN RAISE EXCEPTION 'the disk is full'; END $$;
                     CREATE TRIGGER refuse BEFORE INSERT ON operator_action FOR EACH ROW
                       WHEN (NEW.begun_id IS NOT NULL) EXECUTE FUNCTION refuse()",
                )
                .await;
        }
        _ => {
            fixture
                .execute(
                    "CREATE TRIGGER refuse BEFORE INSERT ON operator_action
                       WHEN NEW.begun_id IS NOT NULL
                       BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
                )
                .await;
        }
    }
    for (command, expected) in [
        (
            "publish freeze --user ada --reason r --reference f-1",
            "confirmed: freeze f-1 for ada\n",
        ),
        ("replay commands.jsonl", "published  1 in "),
        ("dead drop --all --yes", "1 dead letters read, 1 dropped\n"),
    ] {
        let words: Vec<&str> = command.split(' ').collect();
        let done = fixture.deployment.run(&words).await;
        assert_eq!(done.status.code(), Some(1), "{command}: {done:?}");
        let out = String::from_utf8_lossy(&done.stdout);
        assert!(out.starts_with(expected), "{command}: {out}");
        let stderr = error(&done);
        assert!(
            stderr.contains("whose action was done") && stderr.contains("the disk is full"),
            "{command}: {stderr}"
        );
    }
    let log = fixture.log(&[]).await;
    let statuses: Vec<_> = log.iter().map(|action| &action["status"]).collect();
    assert_eq!(statuses, ["begun", "begun", "begun"]);
}

on_servers_and_on_the_file! {
    without_an_entry_nothing_is_done,
    an_end_that_cannot_be_recorded_is_an_error_and_the_begun_entry_stays,
}

/// Conformance: Audit log: A manual command is recorded before it is done; if it cannot be
/// recorded, it is not done
#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_add_an_entry_nothing_is_done() {
    let fixture = Fixture::servers_as("reader").await;
    fixture.add_dead_letter("typo-1").await;
    write_commands(&fixture);
    for command in COMMANDS.into_iter().chain(["topology claim --yes"]) {
        let cause = "permission denied for table operator_action";
        expect_nothing_done(&fixture, &fixture.deployment, command, cause).await;
    }
    // The reader may read the log.
    assert!(fixture.log(&[]).await.is_empty());
}

/// Conformance: Audit log: A manual command is recorded before it is done; if it cannot be
/// recorded, it is not done
#[tokio::test(flavor = "multi_thread")]
async fn without_the_table_or_the_database_nothing_is_done() {
    let fixture = Fixture::servers().await;
    fixture.add_dead_letter("typo-1").await;
    let broker = fixture.broker.as_ref().expect("a broker");
    let namespace = broker.topology().namespace();
    let old = testkit::db::TestDatabase::postgres().await;
    let old = Deployment::on_servers(broker.url(), old.url(), namespace);
    let away = "postgres://scrip:hunter2@127.0.0.1:1/scrip";
    let mut away = Deployment::on_servers(broker.url(), away, namespace);
    away.set("SCRIP__DATABASE__ACQUIRE_TIMEOUT", "200ms");
    for command in [
        "publish grant --user ada --reason promotion --amount 50",
        "dead drop --all --yes",
    ] {
        expect_nothing_done(&fixture, &old, command, "run `scrip migrate up`").await;
        expect_nothing_done(&fixture, &away, command, "cannot open the ledger at").await;
        let words: Vec<&str> = command.split(' ').collect();
        assert!(!error(&away.run(&words).await).contains("hunter2"));
    }
}

/// Conformance: Audit log: Without a database, commands are published unrecorded with a warning,
/// and dead letters stay untouched
///
/// Apps and payment bridges publish without a database. Only operators handle dead letters.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_commands_are_published_unrecorded_and_dead_letters_stay() {
    let fixture = Fixture::servers().await;
    fixture.add_dead_letter("typo-1").await;
    let broker = fixture.broker.as_ref().expect("a broker");
    let mut app = Deployment::embedded();
    app.set("AMQP_URL", broker.url());
    app.set("SCRIP_NAMESPACE", broker.topology().namespace());
    let grant = [
        "publish",
        "grant",
        "--user",
        "ada",
        "--reason",
        "promotion",
        "--amount",
        "5",
    ];
    app.set("RUST_LOG", "off");
    let freeze = [
        "publish",
        "freeze",
        "--user",
        "ada",
        "--reason",
        "chargeback",
    ];
    let unfreeze = [
        "publish", "unfreeze", "--user", "ada", "--reason", "settled",
    ];
    write_commands(&fixture);
    let file = fixture
        .deployment
        .folder()
        .join("commands.jsonl")
        .display()
        .to_string();
    let replay = ["replay", file.as_str()];
    let commands = [&grant[..], &freeze, &unfreeze, &replay];
    for command in commands {
        for more in [&[][..], &["--json"], &["--actor", "ops:eve"]] {
            let published = app.run(&[command, more].concat()).await;
            assert!(published.status.success(), "{published:?}");
            let stderr = error(&published);
            assert_eq!(stderr.lines().count(), 1, "{stderr}");
            for part in [
                "warning: the audit log has no entry of this",
                "set DATABASE_URL",
                "scrip migrate grants",
            ] {
                assert!(stderr.contains(part), "{stderr}");
            }
            let out = String::from_utf8_lossy(&published.stdout);
            assert!(!out.contains("warning"), "{out}");
            if more == ["--json"] {
                assert_eq!(super::fixture::lines(&out).len(), 1, "{out}");
            }
        }
    }
    assert_eq!(fixture.waiting().await, 12);
    for command in [
        &["dead", "drop", "--all", "--yes"][..],
        &["dead", "replay", "--all"],
    ] {
        let refused = app.run(command).await;
        let stderr = error(&refused);
        assert!(
            stderr.contains("DATABASE_URL is missing") && stderr.contains("nothing was done: "),
            "{stderr}"
        );
    }
    assert_eq!(fixture.dead_letters().await, 1);
    assert!(fixture.log(&[]).await.is_empty());
}
