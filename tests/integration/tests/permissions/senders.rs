//! The sender of a message: the broker verifies it, the ledger stores it, operators can see it, and
//! `[senders]` limits it.

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};
use producer_sdk::{
    Client, Command, Options,
    contract::{Reply, bucket},
};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::Value;
use testkit::{
    broker::TIMEOUT,
    db::TestDatabase,
    process::{Deployment, Worker},
};
use tokio::time::sleep;

use crate::fixture::{
    Fixture, NAMESPACE, PRECONDITION_FAILED, channel, code, next, publish, reply_queue,
};

/// A broker with the users of the Compose file, a ledger, and a worker.
struct Shop {
    fixture: Fixture,
    database: TestDatabase,
    deployment: Deployment,
    worker: Worker,
}

impl Shop {
    async fn open(config: &str) -> Self {
        let fixture = Fixture::new().await;
        let database = TestDatabase::postgres().await.migrated().await;
        let deployment =
            Deployment::on_servers(&fixture.url("worker"), &database.worker_url(), NAMESPACE);
        std::fs::write(deployment.folder().join("scrip.toml"), config).expect("a writable folder");
        let worker = deployment.ready_worker().await;
        Self {
            fixture,
            database,
            deployment,
            worker,
        }
    }

    /// The senders of all rows with this reference.
    async fn senders_of(&self, reference: &str) -> Vec<Option<String>> {
        senders_of(&self.database, reference).await
    }

    /// Runs a command and returns its JSON Lines.
    async fn run_json(&self, arguments: &[&str]) -> Vec<Value> {
        let text = self
            .deployment
            .succeed(&[&["--json"], arguments].concat())
            .await;
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    /// Waits until there are `count` dead letters, and returns them.
    async fn dead_letters(&self, count: usize) -> Vec<Value> {
        let until = tokio::time::Instant::now() + TIMEOUT;
        loop {
            let letters = self.run_json(&["dead", "list"]).await;
            if letters.len() == count {
                return letters;
            }
            assert!(
                tokio::time::Instant::now() < until,
                "expected {count} dead letters, got {letters:?}"
            );
            // The command line has no event for this.
            sleep(std::time::Duration::from_millis(100)).await;
        }
    }
}

async fn senders_of(database: &TestDatabase, reference: &str) -> Vec<Option<String>> {
    let sql = "SELECT sender FROM credits_transaction WHERE reference_id = $1 ORDER BY sender";
    let connection = database.connection();
    let backend = connection.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, sql, [reference.into()]);
    let rows = connection.query_all_raw(statement).await.expect("rows");
    rows.iter()
        .map(|row| row.try_get_by_index(0).expect("a text"))
        .collect()
}

fn promotion(reference: &str) -> Command {
    Command::promotion(reference, "ada", 100)
}

fn spend(reference: &str) -> Command {
    Command::consume(reference, "ada", "google:chat").amount(2)
}

/// Conformance: Broker permissions and senders: The sender is kept with transactions, bonuses,
/// refusals and dead letters; `history`, `report`, `dead list`, `dead summary` and logs show it,
/// queries do not
#[tokio::test]
async fn a_sender_is_recorded_with_transactions_refusals_and_dead_letters() {
    let shop = Shop::open("").await;
    let (app, bridge) = (
        shop.fixture.client("app").await,
        shop.fixture.client("bridge").await,
    );
    assert!(
        bridge
            .send(&promotion("g1"))
            .await
            .expect("an outcome")
            .is_completed()
    );
    assert!(
        app.send(&spend("c1"))
            .await
            .expect("an outcome")
            .is_completed()
    );
    let refused = app
        .send(&spend("c2").amount(1_000))
        .await
        .expect("an outcome");
    assert!(!refused.is_completed());
    let own = |name: &str| vec![Some(name.to_owned())];
    assert_eq!(shop.senders_of("g1").await, own("bridge"));
    assert_eq!(shop.senders_of("c1").await, own("app"));
    assert_eq!(shop.senders_of("c2").await, own("app"));

    // A message of the app that is not JSON, and a purchase of an unknown package by the bridge.
    let connection = shop.fixture.connect("app").await;
    let publishing = channel(&connection).await;
    let named = BasicProperties::default().with_user_id("app".into());
    publish(&publishing, &format!("{NAMESPACE}.usage"), "0", b"{", named)
        .await
        .expect("taken");
    let unknown = Command::purchase_package("p1", "ada", "no-such-package", "pi_1");
    assert!(
        !bridge
            .send(&unknown)
            .await
            .expect("an outcome")
            .is_completed()
    );
    let letters = shop.dead_letters(2).await;
    let actual: Vec<_> = letters
        .iter()
        .map(|letter| (letter["reason"].as_str(), letter["sender"].as_str()))
        .collect();
    assert_eq!(
        actual,
        [
            (Some("not_json"), Some("app")),
            (Some("unapplied:unknown_package"), Some("bridge"))
        ]
    );
    assert_eq!(
        shop.run_json(&["dead", "list", "--sender", "app"])
            .await
            .len(),
        1
    );
    let summary = shop.run_json(&["dead", "summary"]).await;
    let of_app = summary
        .iter()
        .find(|row| row["sender"] == "app")
        .expect("a row of the app");
    assert_eq!(
        (&of_app["reason"], &of_app["letters"]),
        (&"not_json".into(), &1.into())
    );
    let table = shop.deployment.succeed(&["dead", "summary"]).await;
    assert!(
        table.contains("unapplied:unknown_package") && table.contains("bridge"),
        "{table}"
    );
    // The alarm about an unapplied payment names the sender, and so does the warning.
    let log = shop.worker.log();
    let line = |phrase: &str| {
        log.lines()
            .find(|line| line.contains(phrase))
            .unwrap_or_default()
            .to_owned()
    };
    assert!(line("message rejected").contains("sender=\"app\""), "{log}");
    assert!(
        line("payment cannot be applied").contains("sender=\"bridge\""),
        "{log}"
    );

    let history = shop.run_json(&["history", "ada"]).await;
    let items = history[0]["items"].as_array().expect("items");
    let senders: Vec<_> = items.iter().map(|item| item["sender"].as_str()).collect();
    assert_eq!(senders, [Some("app"), Some("app"), Some("bridge")]);
    // The result of another app's query does not contain the name of an account.
    let page = app.transactions("ada", 0, 10).await.expect("a page");
    assert!(
        !serde_json::to_string(&page)
            .expect("JSON")
            .contains("sender")
    );
    let report = shop.run_json(&["report"]).await;
    assert_eq!(
        report[0]["senders"],
        serde_json::json!([
            { "sender": "app", "applied": 1, "refused": 1, "credited": 0, "consumed": 2 },
            { "sender": "bridge", "applied": 1, "refused": 0, "credited": 100, "consumed": 0 },
        ])
    );
    shop.deployment.succeed(&["verify"]).await;
}

/// Conformance: Broker permissions and senders: The sender of a command survives a delay and a
/// replay
#[tokio::test]
async fn a_sender_survives_a_delay_and_a_replay() {
    let shop = Shop::open("").await;
    let (app, bridge) = (
        shop.fixture.client("app").await,
        shop.fixture.client("bridge").await,
    );
    assert!(
        bridge
            .send(&promotion("g1"))
            .await
            .expect("an outcome")
            .is_completed()
    );
    let poison =
        "ALTER TABLE credits_transaction ADD CONSTRAINT poison CHECK (reference_id <> 'slow')";
    shop.database.execute(poison).await;
    let delayed = async {
        shop.worker.wait_for("delaying it").await;
        let fixed = "ALTER TABLE credits_transaction DROP CONSTRAINT poison";
        shop.database.execute(fixed).await;
    };
    let slow = spend("slow");
    let (outcome, ()) = tokio::join!(app.send(&slow), delayed);
    assert!(outcome.expect("an outcome").is_completed());
    assert_eq!(
        shop.senders_of("slow").await,
        [Some("app".to_owned())],
        "delayed"
    );

    let payment = Command::purchase_package("p1", "ada", "spring", "pi_1");
    assert!(
        !bridge
            .send(&payment)
            .await
            .expect("an outcome")
            .is_completed()
    );
    shop.dead_letters(1).await;
    let Shop {
        fixture: _stage,
        database,
        deployment,
        worker,
    } = shop;
    assert!(worker.terminate().await.success());
    let spring = "[packages.spring]\ncredits = 7\nvalidity_days = 30\n";
    std::fs::write(deployment.folder().join("scrip.toml"), spring).expect("a writable folder");
    let _worker = deployment.ready_worker().await;
    deployment
        .succeed(&["dead", "replay", "--reason", "unapplied"])
        .await;
    assert!(
        bridge
            .send(&payment)
            .await
            .expect("an outcome")
            .is_completed()
    );
    assert_eq!(
        senders_of(&database, "p1").await,
        [Some("bridge".to_owned())],
        "replayed"
    );
}

/// Conformance: Broker permissions and senders: No account can name another account as sender, by
/// property or by header
#[tokio::test]
async fn no_account_can_name_another_and_no_header_can_name_a_sender() {
    let shop = Shop::open("").await;
    let bridge = shop.fixture.client("bridge").await;
    assert!(
        bridge
            .send(&promotion("g1"))
            .await
            .expect("an outcome")
            .is_completed()
    );
    let app = shop.fixture.connect("app").await;
    let body = spend("c1").to_json();
    let key = bucket("ada").to_string();
    let exchange = format!("{NAMESPACE}.usage");
    let forged = BasicProperties::default().with_user_id("bridge".into());
    let refused = publish(&channel(&app).await, &exchange, &key, &body, forged).await;
    assert_eq!(code(&refused), Some(PRECONDITION_FAILED));

    let mut headers = FieldTable::default();
    headers.insert(
        "x-scrip-sender".into(),
        AMQPValue::LongString("bridge".into()),
    );
    let channel = channel(&app).await;
    let (queue, mut replies) = reply_queue(&channel).await;
    let forged = BasicProperties::default()
        .with_headers(headers)
        .with_reply_to(queue.into())
        .with_correlation_id("1".into());
    publish(&channel, &exchange, &key, &body, forged)
        .await
        .expect("taken");
    let reply = Reply::from_json(&next(&mut replies).await).expect("a reply");
    assert!(matches!(reply, Reply::Outcome(outcome) if outcome.is_completed()));
    assert_eq!(shop.senders_of("c1").await, [None]);
}

#[tokio::test]
async fn an_app_with_name_sender_disabled_names_no_sender() {
    let shop = Shop::open("").await;
    let options = Options {
        namespace: NAMESPACE.to_owned(),
        name_sender: false,
        ..Options::default()
    };
    let bridge = Client::connect(&shop.fixture.url("bridge"), options)
        .await
        .expect("a client");
    assert!(
        bridge
            .send(&promotion("g1"))
            .await
            .expect("an outcome")
            .is_completed()
    );
    assert_eq!(shop.senders_of("g1").await, [None]);
}

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
