//! Errors of a commit: outages of the database, poison messages, and outages that look like poison.

use std::time::{Duration, Instant};

use lapin::{
    options::QueueDeclareOptions,
    types::{AMQPValue, FieldTable},
};
use producer_sdk::contract::{Command, headers};
use testkit::broker::{TestBroker, header};

use super::fixture::{FUNDS, Fixture, drain, expect_in_order, in_time, send_spends, spend};

/// A namespace whose delay queue has a short delay. The worker must tolerate that the queue differs
/// from its declaration.
async fn with_short_delay() -> TestBroker {
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

/// Conformance: Idempotency: Transient errors are never recorded as outcomes
/// Conformance: Ordering, failures and dead letters: An outage causes no dead letters and does not
/// change the order of commands
#[tokio::test]
async fn during_a_database_outage_no_command_is_acknowledged_and_the_order_is_kept() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let mut replies = fixture.broker.replies().await;
    let mut options = fixture.options("w");
    options.retry_limit = Duration::from_millis(200);
    let worker = fixture.worker_with(options).await;
    send_spends(&fixture, &replies, "u", 0..5).await;
    expect_in_order(&mut replies, "u", 5).await;

    fixture.close_database().await;
    send_spends(&fixture, &replies, "u", 5..50).await;
    in_time("the lane to retry", async {
        while worker.stats()[&fixture.commands_queue()].retries < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    fixture.open_database().await;
    let mut outcomes = Vec::new();
    for _ in 5..50 {
        let outcome = replies.outcome().await;
        outcomes.push((outcome.reference_id, outcome.balance.unwrap()));
    }
    let expected: Vec<_> = (5..50_i64)
        .map(|n| (format!("u-{n}"), FUNDS - 1 - n))
        .collect();
    assert_eq!(outcomes, expected);
    drain(worker).await;
}

/// Conformance: Ordering, failures and dead letters: An outage causes no dead letters and does not
/// change the order of commands
#[tokio::test]
async fn a_lane_without_a_database_returns_its_deliveries_until_the_database_responds() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let mut replies = fixture.broker.replies().await;
    let mut options = fixture.options("w");
    options.retry_limit = Duration::from_millis(100);
    options.requeue_after = Duration::from_millis(300);
    let worker = fixture.worker_with(options).await;
    fixture.close_database().await;
    send_spends(&fixture, &replies, "u", 0..20).await;
    // All messages are ready, because the channel is closed.
    in_time("the lane to try", async {
        while worker.stats()[&fixture.commands_queue()].retries == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    fixture
        .broker
        .wait_for_ready(&fixture.commands_queue(), 20)
        .await;
    fixture.open_database().await;
    expect_in_order(&mut replies, "u", 20).await;
    assert!(worker.stats()[&fixture.commands_queue()].subscriptions >= 2);
    drain(worker).await;
}

#[tokio::test]
async fn a_worker_that_starts_without_a_database_does_not_consume_until_it_responds() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let mut replies = fixture.broker.replies().await;
    send_spends(&fixture, &replies, "u", 0..20).await;
    let store = fixture.store().await;
    fixture.close_database().await;
    for n in 0..3 {
        let worker = Fixture::start(store.clone(), fixture.options(&format!("impatient-{n}")));
        in_time("the lane to begin", async {
            while worker.stats().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        drain(worker).await;
    }
    fixture.open_database().await;
    let worker = fixture.worker("w").await;
    expect_in_order(&mut replies, "u", 20).await;
    // If they had been delivered three times before, each would have been a separate group.
    let stats = worker.stats()[&fixture.commands_queue()];
    assert!(stats.groups < 20, "{} groups", stats.groups);
    drain(worker).await;
}

/// From now on the database reads but cannot write, as with a full disk. The sequence `tries`
/// counts the attempts to write.
async fn fill_disk(fixture: &Fixture) {
    fixture
        .ledger
        .database
        .execute(
            "CREATE SEQUENCE tries;
             CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
               PERFORM nextval('tries');
               RAISE EXCEPTION USING ERRCODE = '53100', MESSAGE = 'no space left on device';
             END $$;
             CREATE TRIGGER full_disk BEFORE INSERT ON credits_transaction
             FOR EACH STATEMENT EXECUTE FUNCTION full_disk()",
        )
        .await;
}

async fn empty_disk(fixture: &Fixture) {
    fixture
        .ledger
        .database
        .execute("DROP TRIGGER full_disk ON credits_transaction")
        .await;
}

/// Waits until there were `tries` attempts to write.
async fn wait_for_tries(fixture: &Fixture, tries: i64) {
    in_time("attempts to write", async {
        while fixture.count("SELECT last_value AS n FROM tries").await < tries {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Conformance: Ordering, failures and dead letters: An outage causes no dead letters and does not
/// change the order of commands
#[tokio::test]
async fn while_the_database_cannot_write_deliveries_are_returned_only_once() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let mut replies = fixture.broker.replies().await;
    let mut options = fixture.options("w");
    options.retry_limit = Duration::from_millis(50);
    options.requeue_after = Duration::from_millis(200);
    let worker = fixture.worker_with(options).await;
    fill_disk(&fixture).await;
    send_spends(&fixture, &replies, "u", 0..20).await;
    fixture
        .broker
        .wait_for_ready(&fixture.commands_queue(), 20)
        .await;
    let so_far = fixture.count("SELECT last_value AS n FROM tries").await;
    // Enough attempts for ten returns. If each attempt cost a delivery, the messages would come
    // closer to the broker's limit.
    wait_for_tries(&fixture, so_far + 40).await;
    assert_eq!(worker.stats()[&fixture.commands_queue()].subscriptions, 1);
    empty_disk(&fixture).await;
    expect_in_order(&mut replies, "u", 20).await;
    let stats = worker.stats()[&fixture.commands_queue()];
    assert_eq!((stats.subscriptions, stats.delayed, stats.dead), (2, 0, 0));
    drain(worker).await;
}

#[tokio::test]
async fn while_the_database_refuses_all_deliveries_are_returned_less_and_less_often() {
    let fixture = Fixture::on(with_short_delay().await).await;
    let users = ["u", "v", "w", "x"];
    for user in users {
        fixture.fund(user).await;
    }
    let replies = fixture.broker.replies().await;
    let mut options = fixture.options("w");
    options.retry_limit = Duration::from_millis(10);
    // Refused deliveries are held for 20 times this limit, which is 200 ms.
    options.requeue_after = Duration::from_millis(10);
    let constraint =
        "ALTER TABLE credits_transaction ADD CONSTRAINT nothing CHECK (false) NOT VALID";
    fixture.ledger.database.execute(constraint).await;
    for user in users {
        send_spends(&fixture, &replies, user, 0..5).await;
    }
    let began = Instant::now();
    let worker = fixture.worker_with(options).await;
    in_time("five subscriptions", async {
        while worker.stats()[&fixture.commands_queue()].subscriptions < 5 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    // The lane holds its deliveries four times, and pauses for 0, 1, 2 and 4 times as long in
    // between: 11 times 200 ms.
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(2_200), "{took:?}");
    let stats = worker.stats()[&fixture.commands_queue()];
    // Before three refusals in a row a single command may be poison, so some are delayed.
    assert!(stats.delayed <= 2, "{stats:?}");
    assert_eq!((stats.dead, stats.completed), (0, 0));
    let constraint = "ALTER TABLE credits_transaction DROP CONSTRAINT nothing";
    fixture.ledger.database.execute(constraint).await;
    in_time("all commands to be applied", async {
        while worker.stats()[&fixture.commands_queue()].completed < 20 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(worker.stats()[&fixture.commands_queue()].dead, 0);
    drain(worker).await;
}

#[tokio::test]
async fn a_single_message_is_not_poison_if_the_database_cannot_write() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let mut replies = fixture.broker.replies().await;
    send_spends(&fixture, &replies, "u", 0..20).await;
    // After this number of earlier deliveries each message is processed alone.
    for _ in 0..7 {
        let mut inbox = fixture.broker.inbox(&fixture.commands_queue()).await;
        inbox.peek().await;
        inbox.close().await;
        fixture
            .broker
            .wait_for_ready(&fixture.commands_queue(), 20)
            .await;
    }
    fill_disk(&fixture).await;
    for round in 0..5 {
        let tries = fixture.count("SELECT last_value AS n FROM tries").await;
        let worker = fixture.worker(&format!("w-{round}")).await;
        wait_for_tries(&fixture, tries + 1).await;
        drain(worker).await;
    }
    empty_disk(&fixture).await;
    let worker = fixture.worker("w").await;
    expect_in_order(&mut replies, "u", 20).await;
    let stats = worker.stats()[&fixture.commands_queue()];
    assert_eq!((stats.delayed, stats.dead), (0, 0));
    drain(worker).await;
}
