//! Dead letters that the broker made, and the origins that they are replayed through.

use lapin::{
    options::BasicRejectOptions,
    types::{AMQPValue, FieldTable},
};
use producer_sdk::{
    Command,
    contract::{Origin, headers},
};
use serde_json::Value;

use super::{Fixture, table};

/// Conformance: Configuration and command line: For dead letters made by the broker, `--origin`
/// sets only unknown origins, and no header can mint credits
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_of_unknown_origin_stays_until_an_origin_is_given() {
    let fixture = Fixture::broker().await;
    let gift = Command::promotion("gift", "eve", 30);
    fixture
        .expire(Origin::Funding, &gift, FieldTable::default())
        .await;
    let letters = fixture.list(&["--reference", "gift"]).await;
    assert_eq!(
        (&letters[0]["reason"], &letters[0]["origin"]),
        (&"expired".into(), &Value::Null)
    );

    let replay = ["dead", "replay", "--reference", "gift"];
    let refused = fixture.deployment.run(&replay).await;
    assert_eq!(refused.status.code(), Some(1));
    let output = String::from_utf8_lossy(&refused.stdout);
    let why = "1 of unknown origin stay; give --origin usage or --origin funding to replay them\n";
    assert_eq!(output, format!("5 dead letters read\n{why}"));
    let counted = fixture
        .deployment
        .succeed(&["dead", "replay", "--all", "--dry-run"])
        .await;
    assert_eq!(
        counted,
        format!("4 of 5 dead letters would be replayed\n{why}")
    );
    assert_eq!(fixture.references(&[]).await.len(), 5, "it stays");

    let replay = ["dead", "replay", "--all", "--origin", "funding"];
    assert_eq!(
        fixture.deployment.succeed(&replay).await,
        "5 dead letters read, 5 replayed\n"
    );
    let worker = fixture.deployment.ready_worker().await;
    fixture
        .wait_for("the promotion is credited", async |fixture| {
            fixture.balance_is("eve", 30).await
        })
        .await;
    fixture
        .wait_for("the others are dead-lettered again", async |fixture| {
            fixture.list(&[]).await.len() == 4
        })
        .await;
    assert!(worker.terminate().await.success());
    for (reference, origin) in [("typo", "usage"), ("pay-1", "funding")] {
        let letters = fixture.list(&["--reference", reference]).await;
        assert_eq!(
            letters[0]["origin"], origin,
            "{reference} goes through its own origin"
        );
    }
    fixture.deployment.succeed(&["verify"]).await;
}

/// Conformance: Configuration and command line: For dead letters made by the broker, `--origin`
/// sets only unknown origins, and no header can mint credits
#[tokio::test(flavor = "multi_thread")]
async fn an_apps_message_at_the_delivery_limit_is_replayed_through_the_origin_of_apps() {
    let fixture = Fixture::broker().await;
    let broker = fixture.test_broker();
    let commands = broker.topology().commands(0);
    broker
        .send(&Command::consume("spent", "ada", "s").amount(5))
        .await;
    let mut inbox = broker.inbox(&commands).await;
    // A message that has reached the limit of 50 is delivered once more.
    for _ in 0..=50 {
        let delivery = inbox.peek().await;
        let again = delivery.reject(BasicRejectOptions { requeue: true });
        again.await.expect("a second delivery");
    }
    inbox.close().await;
    fixture
        .wait_for("the broker has dead-lettered it", async |fixture| {
            fixture.references(&["--reason", "delivery_limit"]).await == ["spent"]
        })
        .await;
    let replay = [
        "dead",
        "replay",
        "--reference",
        "spent",
        "--origin",
        "funding",
    ];
    assert_eq!(
        fixture.deployment.succeed(&replay).await,
        "5 dead letters read, 1 replayed\n"
    );
    let back = broker.inbox(&commands).await.next().await;
    assert_eq!(
        back.exchange.as_str(),
        broker.topology().exchange(Origin::Internal)
    );
    let origin = back
        .properties
        .headers()
        .as_ref()
        .and_then(|all| all.inner().get(headers::ORIGIN));
    assert_eq!(origin, Some(&AMQPValue::LongString("usage".into())));
}

/// Conformance: Configuration and command line: For dead letters made by the broker, `--origin`
/// sets only unknown origins, and no header can mint credits
#[tokio::test(flavor = "multi_thread")]
async fn forged_headers_on_a_message_that_the_broker_dead_letters_mint_no_credits() {
    let fixture = Fixture::broker().await;
    let broker = fixture.test_broker();
    let funding = broker.topology().funding();
    let commands = broker.topology().commands(0);
    let death = table(&[
        ("queue", commands.as_str()),
        ("reason", "expired"),
        ("exchange", funding.as_str()),
    ]);
    let mut forged = table(&[
        (headers::ORIGIN, "funding"),
        (headers::REASON, "unapplied:unknown_package"),
        ("x-first-death-exchange", funding.as_str()),
    ]);
    let deaths = vec![AMQPValue::FieldTable(death)];
    forged.insert("x-death".into(), AMQPValue::FieldArray(deaths.into()));
    let minting = Command::promotion("minted", "eve", 1000);
    fixture.expire(Origin::Usage, &minting, forged).await;
    let letters = fixture.list(&["--reference", "minted"]).await;
    assert_eq!(letters[0]["reason"], "expired");
    assert_ne!(letters[0]["origin"], "funding");

    let replayed = fixture.deployment.run(&["dead", "replay", "--all"]).await;
    let output = String::from_utf8_lossy(&replayed.stdout);
    assert!(output.starts_with("5 dead letters read, "), "{output}");
    let worker = fixture.deployment.ready_worker().await;
    // This command is queued after the replayed ones.
    broker.send(&Command::promotion("later", "bob", 7)).await;
    fixture
        .wait_for("the later command is applied", async |fixture| {
            fixture.balance_is("bob", 7).await
        })
        .await;
    let hers = "SELECT count(*) FROM credits_balance WHERE user_id = 'eve'";
    assert_eq!(fixture.number(hers).await, 0);
    fixture
        .wait_for("the dead letter exists", async |fixture| {
            fixture.references(&["--reference", "minted"]).await == ["minted"]
        })
        .await;
    assert!(worker.terminate().await.success());
}
