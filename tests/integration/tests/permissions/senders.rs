//! The sender of a message: the broker verifies it, the ledger stores it, and operators can see it.

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};
use producer_sdk::{
    Client, Command, Options,
    contract::{Reply, bucket},
};

use crate::{
    fixture::{NAMESPACE, PRECONDITION_FAILED, channel, code, next, publish, reply_queue},
    shop::{Shop, promotion, senders_of, spend},
};

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
