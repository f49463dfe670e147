//! What an app or a bridge hears when it asks for more than it may, and that users can be added.

use std::process::Stdio;

use producer_sdk::{Command, Error};
use tests::{broker::PATIENCE, db::TestDatabase, process::Deployment};
use tokio::{io::AsyncWriteExt, time::timeout};

use crate::stage::{NAMESPACE, Stage};

/// Whether the broker refused a message, and said who may not do what.
fn is_refused(error: &Error, exchange: &str, user: &str) -> bool {
    let Error::Refused { cause, .. } = error else {
        return false;
    };
    let cause = cause.to_string();
    [
        "ACCESS_REFUSED",
        &format!("'{exchange}'"),
        &format!("user '{user}'"),
    ]
    .iter()
    .all(|word| cause.contains(word))
}

#[tokio::test]
async fn a_refused_message_is_an_error_of_its_own_and_all_others_go_through() {
    let stage = Stage::declared().await;
    let funding = stage.topology().funding();
    let app = stage.producer("app").await;
    let (mut spent, mut minted) = (Vec::new(), Vec::new());
    for number in 0..400 {
        let spend = Command::consume(format!("spend-{number}"), "ada", "google:chat");
        spent.push(app.enqueue(&spend).await.expect("a place"));
        if number % 40 == 7 {
            let mint = Command::promotion(format!("mint-{number}"), "ada", 1000);
            minted.push(app.enqueue(&mint).await.expect("a place"));
        }
    }
    let all = async {
        for spend in spent {
            spend.await.expect("confirmed");
        }
        for mint in minted {
            let error = mint.await.expect_err("an app cannot mint");
            assert!(
                is_refused(&error, &funding, "app") && error.is_unroutable(),
                "{error:?}"
            );
        }
    };
    timeout(PATIENCE, all).await.expect("an answer to each");
    app.close().await.expect("closed");

    let client = stage.client("app").await;
    let freeze = Command::freeze("f-1", "ada", "none of its business", "app");
    let told = timeout(PATIENCE, client.send(&freeze))
        .await
        .expect("told at once");
    let error = told.expect_err("an app cannot freeze");
    assert!(is_refused(&error, &funding, "app"), "{error:?}");
    client.close().await.expect("closed");

    let bridge = stage.client("bridge").await;
    let spend = Command::consume("c-1", "ada", "google:chat");
    let told = timeout(PATIENCE, bridge.send(&spend))
        .await
        .expect("told at once");
    let error = told.expect_err("a bridge cannot spend");
    assert!(
        is_refused(&error, &stage.topology().usage(), "bridge"),
        "{error:?}"
    );
    let told = timeout(PATIENCE, bridge.balance("ada"))
        .await
        .expect("told at once");
    let error = told.expect_err("a bridge cannot ask");
    assert!(
        is_refused(&error, &stage.topology().queries(), "bridge"),
        "{error:?}"
    );
    bridge.close().await.expect("closed");
}

/// `scrip topology user`, with the password on stdin.
async fn definitions_of(deployment: &Deployment, kind: &str, name: &str) -> String {
    let mut command = deployment.command(&["topology", "user", kind, name]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    let password = format!("of-{name}\n");
    stdin.write_all(password.as_bytes()).await.expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().await.expect("an end");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test]
async fn each_app_can_be_given_credentials_of_its_own() {
    let stage = Stage::declared().await;
    let mut deployment = Deployment::embedded();
    deployment.set("SCRIP_NAMESPACE", NAMESPACE);
    for (kind, name) in [("app", "shop"), ("bridge", "till"), ("worker", "second")] {
        let definitions = definitions_of(&deployment, kind, name).await;
        stage.import(&definitions, &[name]).await;
    }
    let spend = Command::consume("c-1", "ada", "google:chat");
    let mint = Command::promotion("m-1", "ada", 5);
    for (user, command, may) in [
        ("shop", &spend, true),
        ("shop", &mint, false),
        ("till", &spend, false),
        ("till", &mint, true),
    ] {
        let producer = stage.producer(user).await;
        let published = timeout(PATIENCE, producer.publish(command))
            .await
            .expect("an answer");
        assert_eq!(published.is_ok(), may, "{user}: {published:?}");
        producer.close().await.expect("closed");
    }
    let declared = scrip::amqp::topology::declare_at(&stage.url("second"), stage.topology()).await;
    assert_eq!(declared.expect("declares"), []);
}

#[tokio::test]
async fn a_bridge_with_a_database_is_warned_that_ledgers_are_not_compared() {
    let stage = Stage::declared().await;
    let database = TestDatabase::postgres().await.migrated().await;
    let deploy = |user: &str| Deployment::on_servers(&stage.url(user), &database.worker_url(), NAMESPACE);
    let freeze = ["publish", "freeze", "--user", "ada", "--reason", "chargeback"];
    let bridge = deploy("bridge");
    // There is nothing to compare before a ledger has the namespace.
    let before = bridge.run(&freeze).await;
    assert!(before.status.success() && before.stderr.is_empty(), "{before:?}");
    deploy("worker").succeed(&["topology", "declare"]).await;
    let after = bridge.run(&freeze).await;
    let said = String::from_utf8_lossy(&after.stderr);
    assert!(
        after.status.success() && said.contains("warning: ") && said.contains("was not compared"),
        "{after:?}"
    );
}
