//! What cannot be recorded is not done.

use sea_orm::DbBackend;
use tests::process::Deployment;

use super::stage::{Stage, error, on_servers_and_on_the_file};

/// Every command that is recorded, but for `topology claim`.
const COMMANDS: [&str; 6] = [
    "publish grant --user ada --reason promotion --amount 50",
    "publish freeze --user ada --reason chargeback",
    "replay commands.jsonl",
    "dead replay --all",
    "dead drop --all --yes",
    "job run verify --date 2026-01-02",
];

fn write_commands(stage: &Stage) {
    let command = r#"{"type":"consume","referenceId":"c-2","userId":"ada","service":"google:chat"}"#;
    std::fs::write(stage.deployment.folder().join("commands.jsonl"), command).expect("writable");
}

async fn expect_nothing_done(stage: &Stage, deployment: &Deployment, command: &str, cause: &str) {
    let words: Vec<&str> = command.split(' ').collect();
    let refused = deployment.run(&words).await;
    assert_eq!(refused.status.code(), Some(1), "{command}: {refused:?}");
    let said = error(&refused);
    for part in [cause, "nothing was done: ", "scrip migrate grants"] {
        assert!(said.contains(part), "{command}: {said}");
    }
    assert_eq!(stage.waiting().await, 0, "{command}");
    assert_eq!(stage.letters().await, 1, "{command}");
    assert_eq!(stage.number("SELECT count(*) FROM job_run").await, 0, "{command}");
}

async fn without_an_entry_nothing_is_done(stage: Stage) {
    stage.set_aside("typo-1").await;
    write_commands(&stage);
    match stage.ledger.get_database_backend() {
        DbBackend::Postgres => {
            stage
                .execute(
                    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
                       BEGIN RAISE EXCEPTION 'the disk is full'; END $$;
                     CREATE TRIGGER refuse BEFORE INSERT ON operator_action EXECUTE FUNCTION refuse()",
                )
                .await;
        }
        _ => {
            stage
                .execute(
                    "CREATE TRIGGER refuse BEFORE INSERT ON operator_action
                       BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
                )
                .await;
        }
    }
    for command in COMMANDS {
        expect_nothing_done(&stage, &stage.deployment, command, "the disk is full").await;
    }
    let looks = ["dead", "replay", "--all", "--dry-run"];
    stage.deployment.succeed(&looks).await;
}

async fn an_end_that_cannot_be_recorded_is_an_error_and_what_was_begun_stays(stage: Stage) {
    stage.set_aside("typo-1").await;
    write_commands(&stage);
    match stage.ledger.get_database_backend() {
        DbBackend::Postgres => {
            stage
                .execute(
                    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
                       BEGIN RAISE EXCEPTION 'the disk is full'; END $$;
                     CREATE TRIGGER refuse BEFORE INSERT ON operator_action FOR EACH ROW
                       WHEN (NEW.begun_id IS NOT NULL) EXECUTE FUNCTION refuse()",
                )
                .await;
        }
        _ => {
            stage
                .execute(
                    "CREATE TRIGGER refuse BEFORE INSERT ON operator_action WHEN NEW.begun_id IS NOT NULL
                       BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
                )
                .await;
        }
    }
    for (command, told) in [
        (
            "publish freeze --user ada --reason r --reference f-1",
            "confirmed: freeze f-1 for ada\n",
        ),
        ("replay commands.jsonl", "published  1 in "),
        ("dead drop --all --yes", "1 letters, 1 thrown away\n"),
    ] {
        let words: Vec<&str> = command.split(' ').collect();
        let done = stage.deployment.run(&words).await;
        assert_eq!(done.status.code(), Some(1), "{command}: {done:?}");
        let out = String::from_utf8_lossy(&done.stdout);
        assert!(out.starts_with(told), "{command}: {out}");
        let said = error(&done);
        assert!(
            said.contains("what it records as begun was done") && said.contains("the disk is full"),
            "{command}: {said}"
        );
    }
    let log = stage.log(&[]).await;
    let statuses: Vec<_> = log.iter().map(|action| &action["status"]).collect();
    assert_eq!(statuses, ["begun", "begun", "begun"]);
}

on_servers_and_on_the_file! {
    without_an_entry_nothing_is_done,
    an_end_that_cannot_be_recorded_is_an_error_and_what_was_begun_stays,
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_add_an_entry_nothing_is_done() {
    let stage = Stage::servers_as("reader").await;
    stage.set_aside("typo-1").await;
    write_commands(&stage);
    for command in COMMANDS.into_iter().chain(["topology claim --yes"]) {
        let cause = "permission denied for table operator_action";
        expect_nothing_done(&stage, &stage.deployment, command, cause).await;
    }
    // The reader reads the log.
    assert!(stage.log(&[]).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_table_or_the_database_nothing_is_done() {
    let stage = Stage::servers().await;
    stage.set_aside("typo-1").await;
    let broker = stage.broker.as_ref().expect("a broker");
    let namespace = broker.topology().namespace();
    let old = tests::db::TestDatabase::postgres().await;
    let old = Deployment::on_servers(broker.url(), old.url(), namespace);
    let away = "postgres://scrip:hunter2@127.0.0.1:1/scrip";
    let mut away = Deployment::on_servers(broker.url(), away, namespace);
    away.set("SCRIP__DATABASE__ACQUIRE_TIMEOUT", "200ms");
    for command in [
        "publish grant --user ada --reason promotion --amount 50",
        "dead drop --all --yes",
    ] {
        expect_nothing_done(&stage, &old, command, "run `scrip migrate up`").await;
        expect_nothing_done(&stage, &away, command, "cannot open the ledger at").await;
        let words: Vec<&str> = command.split(' ').collect();
        assert!(!error(&away.run(&words).await).contains("hunter2"));
    }
}

/// Apps and bridges publish without a database; who deals with dead letters is an operator.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_commands_are_published_unrecorded_and_dead_letters_stay() {
    let stage = Stage::servers().await;
    stage.set_aside("typo-1").await;
    let broker = stage.broker.as_ref().expect("a broker");
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
    let freeze = ["publish", "freeze", "--user", "ada", "--reason", "chargeback"];
    let unfreeze = ["publish", "unfreeze", "--user", "ada", "--reason", "settled"];
    write_commands(&stage);
    let file = stage
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
            let said = error(&published);
            assert_eq!(said.lines().count(), 1, "{said}");
            for part in [
                "warning: the audit log has no entry of this",
                "set DATABASE_URL",
                "scrip migrate grants",
            ] {
                assert!(said.contains(part), "{said}");
            }
            let out = String::from_utf8_lossy(&published.stdout);
            assert!(!out.contains("warning"), "{out}");
            if more == ["--json"] {
                assert_eq!(super::stage::lines(&out).len(), 1, "{out}");
            }
        }
    }
    assert_eq!(stage.waiting().await, 12);
    for command in [
        &["dead", "drop", "--all", "--yes"][..],
        &["dead", "replay", "--all"],
    ] {
        let refused = app.run(command).await;
        let said = error(&refused);
        assert!(
            said.contains("DATABASE_URL is missing") && said.contains("nothing was done: "),
            "{said}"
        );
    }
    assert_eq!(stage.letters().await, 1);
    assert!(stage.log(&[]).await.is_empty());
}
