//! Trouble with the database: infrastructure, poison, and what looks like poison.

use std::time::{Duration, Instant};

use lapin::{
    options::QueueDeclareOptions,
    types::{AMQPValue, FieldTable},
};
use producer_sdk::contract::{Command, headers};
use tests::broker::{TestBroker, header};

use crate::stage::{FUNDS, Stage, drain, expect_in_order, in_time, send_spends, spend};

/// A namespace whose delay queue gives back after a moment. That it is not as it would be declared is to be
/// tolerated, too.
async fn impatient() -> TestBroker {
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
    let differences = scrip::amqp::topology::declare(broker.connection(), broker.topology())
        .await
        .unwrap();
    assert_eq!(differences.len(), 1, "{differences:?}");
    assert_eq!(differences[0].what, broker.topology().delay());
    broker
}

#[tokio::test]
async fn one_poisonous_command_is_delayed_three_times_and_then_set_aside_while_the_others_go_through_in_order()
 {
    let stage = Stage::on(impatient().await).await;
    stage.fund("good").await;
    stage.fund("bad").await;
    stage
        .ledger
        .database
        .execute("ALTER TABLE credits_transaction ADD CONSTRAINT poison CHECK (reference_id <> 'bad-0')")
        .await;
    let mut replies = stage.broker.replies().await;
    send_spends(&stage, &replies, "good", 0..20).await;
    stage.broker.send(&spend("bad", 0)).await;
    send_spends(&stage, &replies, "good", 20..40).await;
    let worker = stage.worker("w").await;

    expect_in_order(&mut replies, "good", 40).await;
    let letter = stage.broker.dead_letters().await.next().await;
    assert_eq!(letter.data, spend("bad", 0).to_json());
    assert_eq!(header(&letter, headers::REASON).unwrap(), "poison");
    assert_eq!(header(&letter, headers::ATTEMPT).unwrap(), "3");
    assert_eq!(header(&letter, headers::ORIGIN).unwrap(), "usage");
    assert!(
        header(&letter, headers::ERROR).unwrap().contains("poison"),
        "the database's error is kept"
    );
    let stats = worker.stats()[&stage.commands_queue()];
    assert_eq!((stats.delayed, stats.dead), (3, 1));
    drain(worker).await;
}

#[tokio::test]
async fn a_command_that_is_poison_only_for_a_while_is_applied_when_it_comes_back() {
    let stage = Stage::on(impatient().await).await;
    stage.fund("u").await;
    let database = &stage.ledger.database;
    database
        .execute("ALTER TABLE credits_transaction ADD CONSTRAINT poison CHECK (reference_id <> 'u-0')")
        .await;
    let mut replies = stage.broker.replies().await;
    send_spends(&stage, &replies, "u", 0..1).await;
    let worker = stage.worker("w").await;
    in_time("the first delay", async {
        while worker.stats()[&stage.commands_queue()].delayed == 0 {
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

/// The command says nothing of when it happened.
#[tokio::test]
async fn a_command_that_was_delayed_counts_from_when_it_was_first_received() {
    let stage = Stage::on(impatient().await).await;
    let database = &stage.ledger.database;
    database
        .execute("ALTER TABLE credits_transaction ADD CONSTRAINT poison CHECK (reference_id <> 'pi_1')")
        .await;
    let purchase = Command::purchase_credits("pi_1", "u", 5, "pi_1").validity_days(30);
    stage.broker.send(&purchase).await;
    let worker = stage.worker("w").await;
    in_time("the first delay", async {
        while worker.stats()[&stage.commands_queue()].delayed == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    database
        .execute("ALTER TABLE credits_transaction DROP CONSTRAINT poison")
        .await;
    // The delay queue keeps it for 100 ms.
    let early = "SELECT count(*) AS n
                   FROM credits_transaction t JOIN credits_batch b ON b.transaction_id = t.id
                  WHERE t.occurred_at < t.created_at - interval '90 milliseconds'
                    AND b.issued_at = t.occurred_at
                    AND b.expires_at = t.occurred_at + interval '720 hours'";
    in_time("the purchase", async {
        while stage.count("SELECT count(*) AS n FROM credits_transaction").await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(stage.count(early).await, 1, "its credits are valid from then on");
    drain(worker).await;
}

#[tokio::test]
async fn when_one_command_after_the_other_is_refused_nothing_is_set_aside_and_all_wait_in_order() {
    let stage = Stage::on(impatient().await).await;
    stage.fund("u").await;
    let database = &stage.ledger.database;
    database
        .execute("ALTER TABLE credits_transaction ADD CONSTRAINT broken CHECK (type <> 'consumption')")
        .await;
    let mut replies = stage.broker.replies().await;
    send_spends(&stage, &replies, "u", 0..30).await;
    let worker = stage.worker_with({
        let mut options = stage.options("w");
        options.retry_limit = Duration::from_millis(200);
        options
    });
    let worker = worker.await;
    in_time("the lane to pause", async {
        while worker.stats()[&stage.commands_queue()].retries < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    database
        .execute("ALTER TABLE credits_transaction DROP CONSTRAINT broken")
        .await;
    expect_all(&mut replies, 30).await;
    let stats = worker.stats()[&stage.commands_queue()];
    assert_eq!(stats.dead, 0);
    drain(worker).await;
}

async fn expect_all(replies: &mut tests::broker::Inbox, count: i64) {
    let mut lowest = FUNDS;
    for _ in 0..count {
        lowest = lowest.min(replies.outcome().await.balance.unwrap());
    }
    assert_eq!(lowest, FUNDS - count);
}

#[tokio::test]
async fn while_the_database_is_away_nothing_is_acknowledged_and_afterwards_all_is_applied_in_order() {
    let stage = Stage::new().await;
    stage.fund("u").await;
    let mut replies = stage.broker.replies().await;
    let mut options = stage.options("w");
    options.retry_limit = Duration::from_millis(200);
    let worker = stage.worker_with(options).await;
    send_spends(&stage, &replies, "u", 0..5).await;
    expect_in_order(&mut replies, "u", 5).await;

    stage.close_database().await;
    send_spends(&stage, &replies, "u", 5..50).await;
    in_time("the lane to try again", async {
        while worker.stats()[&stage.commands_queue()].retries < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    stage.open_database().await;
    let mut seen = Vec::new();
    for _ in 5..50 {
        let outcome = replies.outcome().await;
        seen.push((outcome.reference_id, outcome.balance.unwrap()));
    }
    let expected: Vec<_> = (5..50_i64).map(|n| (format!("u-{n}"), FUNDS - 1 - n)).collect();
    assert_eq!(seen, expected);
    drain(worker).await;
}

#[tokio::test]
async fn a_lane_without_database_gives_its_deliveries_back_until_the_database_answers() {
    let stage = Stage::new().await;
    stage.fund("u").await;
    let mut replies = stage.broker.replies().await;
    let mut options = stage.options("w");
    options.retry_limit = Duration::from_millis(100);
    options.give_back_after = Duration::from_millis(300);
    let worker = stage.worker_with(options).await;
    stage.close_database().await;
    send_spends(&stage, &replies, "u", 0..20).await;
    // Held by nobody: the channel is closed.
    in_time("the lane to try", async {
        while worker.stats()[&stage.commands_queue()].retries == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    stage.broker.wait_for_ready(&stage.commands_queue(), 20).await;
    stage.open_database().await;
    expect_in_order(&mut replies, "u", 20).await;
    assert!(worker.stats()[&stage.commands_queue()].subscriptions >= 2);
    drain(worker).await;
}

#[tokio::test]
async fn a_worker_that_starts_without_database_leaves_the_queues_alone_until_it_answers() {
    let stage = Stage::new().await;
    stage.fund("u").await;
    let mut replies = stage.broker.replies().await;
    send_spends(&stage, &replies, "u", 0..20).await;
    let store = stage.store().await;
    stage.close_database().await;
    for n in 0..3 {
        let worker = Stage::start(store.clone(), stage.options(&format!("impatient-{n}")));
        in_time("the lane to begin", async {
            while worker.stats().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        drain(worker).await;
    }
    stage.open_database().await;
    let worker = stage.worker("w").await;
    expect_in_order(&mut replies, "u", 20).await;
    // Had they been delivered three times before, each would have been handled alone.
    let stats = worker.stats()[&stage.commands_queue()];
    assert!(stats.groups < 20, "{} groups", stats.groups);
    drain(worker).await;
}

/// From now on the database answers and reads, but has no room to write: as with a full disk. `tries` counts how often
/// somebody tried.
async fn fill_disk(stage: &Stage) {
    stage
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

async fn empty_disk(stage: &Stage) {
    stage
        .ledger
        .database
        .execute("DROP TRIGGER full_disk ON credits_transaction")
        .await;
}

/// Waits until somebody has tried so often to write.
async fn wait_for_tries(stage: &Stage, tries: i64) {
    in_time("somebody to try to write", async {
        while stage.count("SELECT last_value AS n FROM tries").await < tries {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn while_the_database_answers_and_cannot_write_deliveries_go_back_once_and_not_again_and_again() {
    let stage = Stage::new().await;
    stage.fund("u").await;
    let mut replies = stage.broker.replies().await;
    let mut options = stage.options("w");
    options.retry_limit = Duration::from_millis(50);
    options.give_back_after = Duration::from_millis(200);
    let worker = stage.worker_with(options).await;
    fill_disk(&stage).await;
    send_spends(&stage, &replies, "u", 0..20).await;
    stage.broker.wait_for_ready(&stage.commands_queue(), 20).await;
    let so_far = stage.count("SELECT last_value AS n FROM tries").await;
    // Long enough to have given back ten times: had each cost a delivery, the broker's limit would come closer.
    wait_for_tries(&stage, so_far + 40).await;
    assert_eq!(worker.stats()[&stage.commands_queue()].subscriptions, 1);
    empty_disk(&stage).await;
    expect_in_order(&mut replies, "u", 20).await;
    let stats = worker.stats()[&stage.commands_queue()];
    assert_eq!((stats.subscriptions, stats.delayed, stats.dead), (2, 0, 0));
    drain(worker).await;
}

#[tokio::test]
async fn while_the_database_refuses_everything_deliveries_go_back_more_and_more_seldom() {
    let stage = Stage::on(impatient().await).await;
    let users = ["u", "v", "w", "x"];
    for user in users {
        stage.fund(user).await;
    }
    let replies = stage.broker.replies().await;
    let mut options = stage.options("w");
    options.retry_limit = Duration::from_millis(10);
    // Everything refused is held for 20 times that, 200 ms.
    options.give_back_after = Duration::from_millis(10);
    let constraint = "ALTER TABLE credits_transaction ADD CONSTRAINT nothing CHECK (false) NOT VALID";
    stage.ledger.database.execute(constraint).await;
    for user in users {
        send_spends(&stage, &replies, user, 0..5).await;
    }
    let began = Instant::now();
    let worker = stage.worker_with(options).await;
    in_time("five subscriptions", async {
        while worker.stats()[&stage.commands_queue()].subscriptions < 5 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    // Held four times, and stayed away for 0, 1, 2 and 4 times as long: 11 times 200 ms.
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(2_200), "{took:?}");
    let stats = worker.stats()[&stage.commands_queue()];
    // Of a command that comes alone nobody can say that it is not to blame, before three in a row were refused.
    assert!(stats.delayed <= 2, "{stats:?}");
    assert_eq!((stats.dead, stats.completed), (0, 0));
    let constraint = "ALTER TABLE credits_transaction DROP CONSTRAINT nothing";
    stage.ledger.database.execute(constraint).await;
    in_time("everything to be applied", async {
        while worker.stats()[&stage.commands_queue()].completed < 20 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(worker.stats()[&stage.commands_queue()].dead, 0);
    drain(worker).await;
}

#[tokio::test]
async fn a_message_that_is_taken_alone_while_the_database_cannot_write_is_not_blamed_for_it() {
    let stage = Stage::new().await;
    stage.fund("u").await;
    let mut replies = stage.broker.replies().await;
    send_spends(&stage, &replies, "u", 0..20).await;
    // Handed out so often before that each is taken alone.
    for _ in 0..7 {
        let mut inbox = stage.broker.inbox(&stage.commands_queue()).await;
        inbox.peek().await;
        inbox.close().await;
        stage.broker.wait_for_ready(&stage.commands_queue(), 20).await;
    }
    fill_disk(&stage).await;
    for round in 0..5 {
        let tries = stage.count("SELECT last_value AS n FROM tries").await;
        let worker = stage.worker(&format!("w-{round}")).await;
        wait_for_tries(&stage, tries + 1).await;
        drain(worker).await;
    }
    empty_disk(&stage).await;
    let worker = stage.worker("w").await;
    expect_in_order(&mut replies, "u", 20).await;
    let stats = worker.stats()[&stage.commands_queue()];
    assert_eq!((stats.delayed, stats.dead), (0, 0));
    drain(worker).await;
}
