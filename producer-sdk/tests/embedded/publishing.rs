//! Publishing to a file.

use std::time::Duration;

use producer_sdk::{Command, Error, Options, Producer, WhenFull};
use sea_orm::ConnectionTrait;
use tokio::task::JoinSet;

use super::fixture::{File, consume, count, messages, soon};

/// Conformance: Amounts, time and spending order: The SDK sets `occurredAt` to the current time if
/// the caller does not
#[tokio::test]
async fn a_confirmed_command_is_in_the_file_with_all_its_properties() {
    let file = File::migrated().await;
    let producer = file.producer().await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    producer
        .publish(&consume(0).traceparent(trace))
        .await
        .expect("committed");
    producer
        .publish(&Command::registration_bonus("g", "user_1"))
        .await
        .expect("committed");
    let messages = messages(&file.connect().await).await;
    let [consumed, granted] = messages.as_slice() else {
        panic!("two messages")
    };
    assert_eq!(
        (consumed.queue.as_str(), consumed.origin.as_str()),
        ("commands", "usage")
    );
    assert_eq!(consumed.message_id.as_deref(), Some("req-000000"));
    assert_eq!(
        consumed.headers.as_deref(),
        Some(format!(r#"{{"traceparent":"{trace}"}}"#).as_str())
    );
    let command = Command::from_json(&consumed.body).expect("a command");
    assert!(command.occurred_at.is_some(), "occurredAt is stamped");
    assert_eq!(
        (granted.origin.as_str(), granted.headers.as_deref()),
        ("funding", None)
    );
}

#[tokio::test]
async fn five_thousand_commands_are_in_the_file_in_their_order() {
    let file = File::migrated().await;
    let url = format!(
        "sqlite://{}",
        file.path.display().to_string().replace('%', "%25")
    );
    let producer = Producer::connect(&url, Options::default())
        .await
        .expect("a producer");
    for number in 0..5000 {
        drop(producer.enqueue(&consume(number)).await.expect("a permit"));
    }
    soon("closing", producer.close()).await.expect("closed");
    assert!(
        producer
            .publish(&consume(5000))
            .await
            .expect_err("closed")
            .is_closed()
    );
    let messages = messages(&file.connect().await).await;
    let references: Vec<_> = messages
        .into_iter()
        .filter_map(|message| message.message_id)
        .collect();
    let expected: Vec<_> = (0..5000)
        .map(|number| consume(number).reference_id)
        .collect();
    assert_eq!(references, expected);
}

#[tokio::test]
async fn two_producers_write_to_one_file_at_once() {
    let file = File::migrated().await;
    let (one, two) = (file.producer().await, file.producer().await);
    let mut publishing = JoinSet::new();
    for number in 0..200 {
        let producer = if number % 2 == 0 {
            one.clone()
        } else {
            two.clone()
        };
        publishing.spawn(async move { producer.publish(&consume(number)).await });
    }
    for result in soon("all commits", publishing.join_all()).await {
        result.expect("committed");
    }
    assert_eq!(count(&file.connect().await, "queue_message").await, 200);
}

#[tokio::test]
async fn a_locked_file_and_a_full_window_are_timeouts() {
    let file = File::migrated().await;
    let options = Options {
        window: 1,
        when_full: WhenFull::Timeout(Duration::from_millis(20)),
        confirm_timeout: Duration::from_secs(1),
        ..Options::default()
    };
    let producer = Producer::open(&file.path, options)
        .await
        .expect("a producer");
    let other = file.connect().await;
    other
        .execute_unprepared("BEGIN IMMEDIATE")
        .await
        .expect("locked");
    let handle = producer.enqueue(&consume(0)).await.expect("a permit");
    let error = producer.enqueue(&consume(1)).await.expect_err("no permit");
    assert!(matches!(error, Error::WindowFull(_)));
    let error = soon("giving up", handle).await.expect_err("locked");
    assert!(error.is_timeout(), "{error}");
    other
        .execute_unprepared("ROLLBACK")
        .await
        .expect("unlocked");
    soon("the commit", producer.publish(&consume(2)))
        .await
        .expect("committed");
}

#[tokio::test]
async fn none_of_several_commands_follows_one_that_could_not_be_stored() {
    let file = File::migrated().await;
    let options = Options {
        confirm_timeout: Duration::from_secs(1),
        ..Options::default()
    };
    let producer = Producer::open(&file.path, options).await.expect("opened");
    let other = file.connect().await;
    let lock = other.execute_unprepared("BEGIN IMMEDIATE").await;
    lock.expect("locked");
    // More than one transaction takes. The first fails; the file is free for the second.
    let commands: Vec<Command> = (0..900).map(consume).collect();
    let handles = producer.enqueue_all(&commands).await.expect("places");
    let mut results = Vec::new();
    for handle in handles {
        results.push(soon("a result", handle).await);
        if results.len() == 1 {
            other.execute_unprepared("COMMIT").await.expect("unlocked");
        }
    }
    assert_eq!(results.len(), 900);
    assert!(results.iter().all(Result::is_err), "{:?}", results.last());
    assert_eq!(count(&other, "queue_message").await, 0);
    // Later calls are stored.
    producer.publish(&consume(1)).await.expect("stored");
}

#[tokio::test]
async fn several_commands_get_their_places_together_or_not_at_all() {
    let file = File::migrated().await;
    let options = Options {
        window: 3,
        ..Options::default()
    };
    let producer = Producer::open(&file.path, options).await.expect("opened");
    let commands: Vec<Command> = (0..4).map(consume).collect();
    let error = producer.enqueue_all(&commands).await.expect_err("too many");
    assert!(matches!(error, Error::WindowFull(_)), "{error:?}");
    for handle in producer.enqueue_all(&commands[1..]).await.expect("places") {
        handle.await.expect("stored");
    }
    let stored = messages(&file.connect().await).await;
    assert_eq!(stored.len(), 3);
}
