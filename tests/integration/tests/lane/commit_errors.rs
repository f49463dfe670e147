//! Commands that the database refuses: poison messages, and errors that look like poison.

use std::time::Duration;

use lapin::{
    options::QueueDeclareOptions,
    types::{AMQPValue, FieldTable},
};
use producer_sdk::contract::{Command, headers};
use testkit::broker::{TestBroker, header};

use super::fixture::{FUNDS, Fixture, drain, expect_in_order, in_time, send_spends, spend};

/// A namespace whose delay queue has a short delay. The worker must tolerate that the queue differs
/// from its declaration.
pub async fn with_short_delay() -> TestBroker {
    let broker = TestBroker::undeclared(1).await;
    let mut args = FieldTable::default();
    for (name, value) in [
        ("x-queue-type", AMQPValue::LongString("quorum".into())),
        (
            "x-dead-letter-exchange",
            AMQPValue::LongString(broker.topology().internal().into()),
        ),
        (
            "x-dead-letter-strategy",
            AMQPValue::LongString("at-least-once".into()),
        ),
        ("x-overflow", AMQPValue::LongString("reject-publish".into())),
        ("x-message-ttl", AMQPValue::LongInt(100)),
    ] {
        args.insert(name.into(), value);
    }
    let channel = broker.connection().create_channel().await.unwrap();
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(broker.topology().delay().into(), durable, args)
        .await
        .unwrap();
    let differences =
        scrip::transport::amqp::topology::declare(broker.connection(), broker.topology())
            .await
            .unwrap();
    assert_eq!(differences.len(), 1, "{differences:?}");
    assert_eq!(differences[0].what, broker.topology().delay());
    broker
}

/// Conformance: Ordering, failures and dead letters: Bisection finds a poison command; it is
/// delayed three times, then dead-lettered; its neighbours proceed in order
#[tokio::test]
async fn a_poison_command_is_delayed_three_times_and_dead_lettered_and_delays_no_others() {
    let fixture = Fixture::on(with_short_delay().await).await;
    fixture.fund("good").await;
    fixture.fund("bad").await;
    fixture
        .ledger
        .database
        .execute(
            "ALTER TABLE credits_transaction ADD CONSTRAINT poison CHECK (reference_id <> 'bad-0')",
        )
        .await;
    let mut replies = fixture.broker.replies().await;
    send_spends(&fixture, &replies, "good", 0..20).await;
    fixture.broker.send(&spend("bad", 0)).await;
    send_spends(&fixture, &replies, "good", 20..40).await;
    let worker = fixture.worker("w").await;

    expect_in_order(&mut replies, "good", 40).await;
    let letter = fixture.broker.dead_letters().await.next().await;
    assert_eq!(letter.data, spend("bad", 0).to_json());
    assert_eq!(header(&letter, headers::REASON).unwrap(), "poison");
    assert_eq!(header(&letter, headers::ATTEMPT).unwrap(), "3");
    assert_eq!(header(&letter, headers::ORIGIN).unwrap(), "usage");
    assert!(
        header(&letter, headers::ERROR).unwrap().contains("poison"),
        "the dead letter has the error of the database"
    );
    let stats = worker.stats()[&fixture.commands_queue()];
    assert_eq!((stats.delayed, stats.dead), (3, 1));
    drain(worker).await;
}

/// Conformance: Ordering, failures and dead letters: Bisection finds a poison command; it is
/// delayed three times, then dead-lettered; its neighbours proceed in order
#[tokio::test]
async fn a_command_that_is_poison_for_some_time_is_applied_after_a_delay() {
    let fixture = Fixture::on(with_short_delay().await).await;
    fixture.fund("u").await;
    let database = &fixture.ledger.database;
    database
        .execute(
            "ALTER TABLE credits_transaction ADD CONSTRAINT poison CHECK (reference_id <> 'u-0')",
        )
        .await;
    let mut replies = fixture.broker.replies().await;
    send_spends(&fixture, &replies, "u", 0..1).await;
    let worker = fixture.worker("w").await;
    in_time("the first delay", async {
        while worker.stats()[&fixture.commands_queue()].delayed == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    database
        .execute("ALTER TABLE credits_transaction DROP CONSTRAINT poison")
        .await;
    expect_in_order(&mut replies, "u", 1).await;
    drain(worker).await;
}

/// The command has no `occurredAt`.
#[tokio::test]
async fn a_delayed_command_counts_from_its_first_receipt() {
    let fixture = Fixture::on(with_short_delay().await).await;
    let database = &fixture.ledger.database;
    database
        .execute(
            "ALTER TABLE credits_transaction ADD CONSTRAINT poison CHECK (reference_id <> 'pi_1')",
        )
        .await;
    let purchase = Command::purchase_credits("pi_1", "u", 5, "pi_1").validity_days(30);
    fixture.broker.send(&purchase).await;
    let worker = fixture.worker("w").await;
    in_time("the first delay", async {
        while worker.stats()[&fixture.commands_queue()].delayed == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    database
        .execute("ALTER TABLE credits_transaction DROP CONSTRAINT poison")
        .await;
    // The delay queue holds it for 100 ms.
    let early = "SELECT count(*) AS n
                   FROM credits_transaction t JOIN credits_batch b ON b.transaction_id = t.id
                  WHERE t.occurred_at < t.created_at - interval '90 milliseconds'
                    AND b.issued_at = t.occurred_at
                    AND b.expires_at = t.occurred_at + interval '720 hours'";
    in_time("the purchase", async {
        while fixture
            .count("SELECT count(*) AS n FROM credits_transaction")
            .await
            == 0
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(
        fixture.count(early).await,
        1,
        "its credits are valid from its first receipt"
    );
    drain(worker).await;
}

/// Conformance: Ordering, failures and dead letters: Three poison commands in a row pause the lane
/// and raise an alarm, and none is dead-lettered
#[tokio::test]
async fn if_each_command_is_refused_none_is_dead_lettered_and_all_wait_in_order() {
    let fixture = Fixture::on(with_short_delay().await).await;
    fixture.fund("u").await;
    let database = &fixture.ledger.database;
    database
        .execute(
            "ALTER TABLE credits_transaction ADD CONSTRAINT broken CHECK (type <> 'consumption')",
        )
        .await;
    let mut replies = fixture.broker.replies().await;
    send_spends(&fixture, &replies, "u", 0..30).await;
    let worker = fixture.worker_with({
        let mut options = fixture.options("w");
        options.retry_limit = Duration::from_millis(200);
        options
    });
    let worker = worker.await;
    in_time("the lane to pause", async {
        while worker.stats()[&fixture.commands_queue()].retries < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    database
        .execute("ALTER TABLE credits_transaction DROP CONSTRAINT broken")
        .await;
    expect_all(&mut replies, 30).await;
    let stats = worker.stats()[&fixture.commands_queue()];
    assert_eq!(stats.dead, 0);
    drain(worker).await;
}

async fn expect_all(replies: &mut testkit::broker::Inbox, count: i64) {
    let mut lowest = FUNDS;
    for _ in 0..count {
        lowest = lowest.min(replies.outcome().await.balance.unwrap());
    }
    assert_eq!(lowest, FUNDS - count);
}
