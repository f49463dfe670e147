//! Senders that the configuration requires and limits: `[senders]`.

use producer_sdk::{Client, Command, Options};
use testkit::{db::TestDatabase, process::Deployment};

use crate::{
    fixture::{Fixture, NAMESPACE},
    shop::{Shop, promotion},
};

/// Conformance: Broker permissions and senders: With `senders.required`, messages without a sender
/// are rejected
#[tokio::test]
async fn messages_without_a_sender_are_rejected_if_senders_are_required() {
    let shop = Shop::open("[senders]\nrequired = true\n").await;
    let nameless = Options {
        namespace: NAMESPACE.to_owned(),
        name_sender: false,
        ..Options::default()
    };
    let bridge = Client::connect(&shop.fixture.url("bridge"), nameless.clone())
        .await
        .expect("a client");
    let rejected = bridge
        .send(&promotion("g1"))
        .await
        .expect_err("a rejection")
        .to_string();
    assert!(rejected.contains("names no sender"), "{rejected}");
    let app = Client::connect(&shop.fixture.url("app"), nameless)
        .await
        .expect("a client");
    let rejected = app
        .balance("ada")
        .await
        .expect_err("a rejection")
        .to_string();
    assert!(rejected.contains("names no sender"), "{rejected}");
    let letters = shop.dead_letters(1).await;
    assert_eq!(letters[0]["reason"], "forbidden_sender");

    let bridge = shop.fixture.client("bridge").await;
    assert!(
        bridge
            .send(&promotion("g1"))
            .await
            .expect("an outcome")
            .is_completed()
    );
    let app = shop.fixture.client("app").await;
    assert_eq!(app.balance("ada").await.expect("a balance").balance, 100);
}

/// Conformance: Broker permissions and senders: `senders.limits` restricts the users and services
/// that a sender may name
#[tokio::test]
async fn a_sender_is_limited_to_its_users_and_services() {
    let shop = Shop::open(
        "[senders]\nrequired = true\n[senders.limits.app]\nuser_prefixes = [\"team-a:\"]\nservices = [\"google:chat\", \"llm:*\"]\n\
         [prices]\n\"google:chat\" = 2\n\"google:image\" = 5\n\"llm:tokens\" = 1\n",
    )
    .await;
    let (app, bridge) = (
        shop.fixture.client("app").await,
        shop.fixture.client("bridge").await,
    );
    for user in ["team-a:1", "team-b:1"] {
        let grant = Command::promotion(format!("g-{user}"), user, 100);
        assert!(
            bridge
                .send(&grant)
                .await
                .expect("an outcome")
                .is_completed()
        );
    }
    for service in ["google:chat", "llm:tokens"] {
        let allowed = Command::consume(format!("c-{service}"), "team-a:1", service);
        assert!(app.send(&allowed).await.expect("an outcome").is_completed());
    }
    assert_eq!(
        app.balance("team-a:1").await.expect("a balance").balance,
        97
    );
    for (user, service, expected) in [
        ("team-b:1", "google:chat", "ids that begin with `team-a:`"),
        (
            "team-a:1",
            "google:image",
            "the services `google:chat`, `llm:*`",
        ),
    ] {
        let forbidden = Command::consume(format!("c-{user}-{service}"), user, service);
        let rejected = app
            .send(&forbidden)
            .await
            .expect_err("a rejection")
            .to_string();
        assert!(rejected.contains(expected), "{rejected}");
    }
    let rejected = app
        .balance("team-b:1")
        .await
        .expect_err("a rejection")
        .to_string();
    assert!(rejected.contains("`userId` is `team-b:1`"), "{rejected}");
    let letters = shop.dead_letters(2).await;
    for letter in letters {
        assert_eq!(
            (&letter["reason"], &letter["sender"]),
            (&"forbidden_sender".into(), &"app".into())
        );
    }
    let operator = shop.fixture.client("worker").await;
    assert_eq!(
        operator
            .balance("team-b:1")
            .await
            .expect("a balance")
            .balance,
        100
    );
}

/// Conformance: Broker permissions and senders: `senders.references` can make references unique per
/// sender, if chosen before the first command
#[tokio::test]
async fn references_per_sender_are_set_before_the_first_command() {
    let fixture = Fixture::new().await;
    let database = TestDatabase::postgres().await.migrated().await;
    let deployment = Deployment::on_servers(&fixture.url("worker"), database.url(), NAMESPACE);
    let config = deployment.folder().join("scrip.toml");
    std::fs::write(&config, "[senders]\nreferences = \"per_sender\"\n").expect("a writable folder");
    let refused = deployment.fail(&["run"]).await;
    assert!(refused.contains("run `scrip migrate up`"), "{refused}");
    deployment.succeed(&["migrate", "up"]).await;
    let worker = deployment.ready_worker().await;

    let bridge = fixture.client("bridge").await;
    let operator = fixture.client("worker").await;
    for client in [&bridge, &operator] {
        let outcome = client.send(&promotion("g1")).await.expect("an outcome");
        assert!(outcome.is_completed() && !outcome.replayed);
        let again = client.send(&promotion("g1")).await.expect("an outcome");
        assert!(again.replayed);
    }
    assert_eq!(
        operator.balance("ada").await.expect("a balance").balance,
        200
    );
    assert!(worker.terminate().await.success());

    // A ledger with commands keeps its setting.
    std::fs::write(&config, "").expect("a writable folder");
    for command in [["run"].as_slice(), &["migrate", "up"]] {
        let refused = deployment.fail(command).await;
        assert!(refused.contains("per_sender"), "{refused}");
    }
}
