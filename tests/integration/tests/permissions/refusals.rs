//! The errors of an app or a bridge that exceeds its permissions, and the addition of users.

use std::process::Stdio;

use producer_sdk::{Command, Error, contract::Origin};
use testkit::{broker::TIMEOUT, db::TestDatabase, process::Deployment};
use tokio::{io::AsyncWriteExt, time::timeout};

use crate::fixture::{Fixture, NAMESPACE};

/// Whether the broker refused a message, and the error names the user and the exchange.
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

/// Conformance: Broker permissions and senders: A refusal by the broker is returned at once as the
/// error of the refused message
#[tokio::test]
async fn a_refused_message_is_an_error_and_all_others_are_sent() {
    let fixture = Fixture::declared().await;
    let funding = fixture.topology().funding();
    let app = fixture.producer("app").await;
    let (mut spent, mut minted) = (Vec::new(), Vec::new());
    for number in 0..400 {
        let spend = Command::consume(format!("spend-{number}"), "ada", "google:chat");
        spent.push(app.enqueue(&spend).await.expect("space in the window"));
        if number % 40 == 7 {
            let mint = Command::promotion(format!("mint-{number}"), "ada", 1000);
            minted.push(app.enqueue(&mint).await.expect("space in the window"));
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
    timeout(TIMEOUT, all).await.expect("a response to each");
    app.close().await.expect("closed");

    let client = fixture.client("app").await;
    let freeze = Command::freeze("f-1", "ada", "none of its business", "app");
    let result = timeout(TIMEOUT, client.send(&freeze))
        .await
        .expect("an error at once");
    let error = result.expect_err("an app cannot freeze");
    assert!(is_refused(&error, &funding, "app"), "{error:?}");
    for command in [
        Command::revoke("v-1", "ada", "g-1"),
        Command::reinstate("w-1", "ada", "v-1"),
        Command::forgive("d-1", "ada", "none of its business", "app"),
    ] {
        let result = timeout(TIMEOUT, client.send(&command)).await;
        let error = result.expect("an error at once");
        let error = error.expect_err("an app cannot revoke or forgive");
        assert!(is_refused(&error, &funding, "app"), "{error:?}");
    }
    let refund = Command::refund("b-1", "ada", "spend-1").through(Origin::Funding);
    let result = timeout(TIMEOUT, client.send(&refund))
        .await
        .expect("an error at once");
    let error = result.expect_err("an app cannot refund like support staff");
    assert!(is_refused(&error, &funding, "app"), "{error:?}");
    client.close().await.expect("closed");

    let bridge = fixture.client("bridge").await;
    let spend = Command::consume("c-1", "ada", "google:chat");
    let result = timeout(TIMEOUT, bridge.send(&spend))
        .await
        .expect("an error at once");
    let error = result.expect_err("a bridge cannot spend");
    assert!(
        is_refused(&error, &fixture.topology().usage(), "bridge"),
        "{error:?}"
    );
    let result = timeout(TIMEOUT, bridge.balance("ada"))
        .await
        .expect("an error at once");
    let error = result.expect_err("a bridge cannot query");
    assert!(
        is_refused(&error, &fixture.topology().queries(), "bridge"),
        "{error:?}"
    );
    bridge.close().await.expect("closed");
}

/// The output of `scrip topology user`, which reads the password from stdin.
async fn definitions_of(deployment: &Deployment, kind: &str, name: &str) -> String {
    let mut command = deployment.command(&["topology", "user", kind, name]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    let password = format!("of-{name}\n");
    stdin
        .write_all(password.as_bytes())
        .await
        .expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().await.expect("an end");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("text")
}

/// Conformance: Broker permissions and senders: `scrip topology permissions` prints the broker
/// permissions, and `topology user` prints a user with them
#[tokio::test]
async fn each_app_can_have_its_own_credentials() {
    let fixture = Fixture::declared().await;
    let mut deployment = Deployment::embedded();
    deployment.set("SCRIP_NAMESPACE", NAMESPACE);
    for (kind, name) in [("app", "shop"), ("bridge", "till"), ("worker", "second")] {
        let definitions = definitions_of(&deployment, kind, name).await;
        fixture.import(&definitions, &[name]).await;
    }
    let spend = Command::consume("c-1", "ada", "google:chat");
    let mint = Command::promotion("m-1", "ada", 5);
    for (user, command, may) in [
        ("shop", &spend, true),
        ("shop", &mint, false),
        ("till", &spend, false),
        ("till", &mint, true),
    ] {
        let producer = fixture.producer(user).await;
        let published = timeout(TIMEOUT, producer.publish(command))
            .await
            .expect("an answer");
        assert_eq!(published.is_ok(), may, "{user}: {published:?}");
        producer.close().await.expect("closed");
    }
    let declared =
        scrip::transport::amqp::topology::declare_at(&fixture.url("second"), fixture.topology())
            .await;
    assert_eq!(declared.expect("declares"), []);
}

/// Conformance: Audit log: No audit entry goes to a ledger other than the namespace's; an account
/// that cannot compare them gets a warning
#[tokio::test]
async fn a_bridge_with_a_database_gets_a_warning_that_ledgers_are_not_compared() {
    let fixture = Fixture::declared().await;
    let database = TestDatabase::postgres().await.migrated().await;
    let deploy =
        |user: &str| Deployment::on_servers(&fixture.url(user), &database.worker_url(), NAMESPACE);
    let freeze = [
        "publish",
        "freeze",
        "--user",
        "ada",
        "--reason",
        "chargeback",
    ];
    let bridge = deploy("bridge");
    // Before a ledger has claimed the namespace, there is no id to compare with.
    let before = bridge.run(&freeze).await;
    assert!(
        before.status.success() && before.stderr.is_empty(),
        "{before:?}"
    );
    deploy("worker").succeed(&["topology", "declare"]).await;
    let after = bridge.run(&freeze).await;
    let stderr = String::from_utf8_lossy(&after.stderr);
    assert!(
        after.status.success()
            && stderr.contains("warning: ")
            && stderr.contains("was not compared"),
        "{after:?}"
    );
}
