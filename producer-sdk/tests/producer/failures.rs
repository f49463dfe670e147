//! Failures: no route, no confirm, a cut connection, a full queue, no broker.

use std::time::Duration;

use futures_util::future::join_all;
use lapin::types::FieldTable;
use producer_sdk::{Error, Options, Producer, Properties, WhenFull, contract::bucket};
use uuid::Uuid;

use super::{consume, expected};
use crate::broker::{in_namespace, relay::Relay, soon, url};

#[tokio::test]
async fn only_the_unroutable_messages_are_errors_among_others() {
    in_namespace(|namespace| async move {
        let producer = namespace.producer().await;
        let (delay, queries) = (namespace.topology.delay(), namespace.topology.queries());
        for _round in 0..20 {
            let mut handles = Vec::new();
            for number in 0..200 {
                let unroutable = number % 7 == 3;
                let (exchange, key) = if unroutable {
                    (&queries, "nowhere")
                } else {
                    (&delay, "0")
                };
                let properties = Properties {
                    message_id: Some(number.to_string()),
                    ..Properties::default()
                };
                let handle = producer
                    .enqueue_raw(exchange, key, properties, b"x".to_vec())
                    .await;
                handles.push((unroutable, handle.expect("a permit")));
            }
            for (unroutable, handle) in handles {
                match handle.await {
                    Ok(()) => assert!(!unroutable),
                    Err(error) => assert!(unroutable && error.is_unroutable(), "{error}"),
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_missing_binding_of_a_command_is_caught_by_the_alternate_exchange() {
    in_namespace(|namespace| async move {
        let producer = namespace.producer().await;
        namespace
            .channel
            .queue_unbind(
                namespace.topology.commands(0).as_str().into(),
                namespace.topology.usage().as_str().into(),
                bucket("user_1").to_string().as_str().into(),
                FieldTable::default(),
            )
            .await
            .expect("unbound");
        producer.publish(&consume(0)).await.expect("confirmed");
        assert_eq!(
            namespace.read(&namespace.topology.unrouted()).await.len(),
            1
        );
    })
    .await;
}

#[tokio::test]
async fn only_the_messages_for_a_missing_exchange_are_refused() {
    in_namespace(|namespace| async move {
        let producer = namespace.producer().await;
        let (mut right, mut wrong) = (Vec::new(), Vec::new());
        for number in 0..1500 {
            right.push(producer.enqueue(&consume(number)).await.expect("a permit"));
            if number % 400 == 100 {
                let properties = Properties::default();
                let handle = producer
                    .enqueue_raw("no-such-exchange", "0", properties, Vec::new())
                    .await;
                wrong.push(handle.expect("a permit"));
            }
        }
        for result in soon("the refusals", join_all(wrong)).await {
            let error = result.expect_err("refused");
            assert!(
                matches!(error, Error::Refused { .. }) && error.is_unroutable(),
                "{error}"
            );
        }
        for result in soon("the confirms", join_all(right)).await {
            result.expect("confirmed");
        }
        let mut references = namespace.references().await;
        references.sort();
        references.dedup();
        assert_eq!(references, expected(1500));
    })
    .await;
}

#[tokio::test]
async fn a_full_window_and_a_missing_confirm_time_out() {
    in_namespace(|namespace| async move {
        let relay = Relay::start().await;
        let options = Options {
            window: 2,
            when_full: WhenFull::Timeout(Duration::from_millis(50)),
            confirm_timeout: Duration::from_secs(2),
            ..namespace.options()
        };
        let producer = Producer::connect(&relay.url(), options)
            .await
            .expect("a producer");
        relay.mute(true);
        let first = producer.enqueue(&consume(0)).await.expect("a permit");
        let second = producer.enqueue(&consume(1)).await.expect("a permit");
        let error = producer.enqueue(&consume(2)).await.expect_err("no permit");
        assert!(matches!(error, Error::WindowFull(_)) && error.is_timeout());
        for handle in [first, second] {
            let error = soon("the timeout", handle).await.expect_err("no confirm");
            assert!(matches!(error, Error::Unconfirmed { .. }) && error.is_timeout());
        }
        relay.mute(false);
        soon("the confirm", producer.publish(&consume(3)))
            .await
            .expect("confirmed");
    })
    .await;
}

#[tokio::test]
async fn unconfirmed_messages_are_published_again_in_order_after_a_cut() {
    in_namespace(|namespace| async move {
        let relay = Relay::start().await;
        let producer = Producer::connect(&relay.url(), namespace.options())
            .await
            .expect("a producer");
        producer.publish(&consume(0)).await.expect("confirmed");
        relay.mute(true);
        let mut handles = Vec::new();
        for number in 1..500 {
            handles.push(producer.enqueue(&consume(number)).await.expect("a permit"));
        }
        relay.cut();
        relay.mute(false);
        for result in soon("the confirms", join_all(handles)).await {
            result.expect("confirmed");
        }
        assert!(relay.connections() >= 2);
        producer.close().await.expect("closed");
        // Copies are allowed, and the copies are in order. Only the first copy of each command is
        // compared.
        let mut first_copies = Vec::new();
        for reference in namespace.references().await {
            if !first_copies.contains(&reference) {
                first_copies.push(reference);
            }
        }
        assert_eq!(first_copies, expected(500));
    })
    .await;
}

#[tokio::test]
async fn repeated_cuts_lose_no_message() {
    in_namespace(|namespace| async move {
        let relay = Relay::start().await;
        let producer = Producer::connect(&relay.url(), namespace.options())
            .await
            .expect("a producer");
        let mut handles = Vec::new();
        for number in 0..3000 {
            if number % 600 == 300 {
                relay.cut();
            }
            handles.push(producer.enqueue(&consume(number)).await.expect("a permit"));
        }
        for result in soon("the confirms", join_all(handles)).await {
            result.expect("confirmed");
        }
        let mut references = namespace.references().await;
        references.sort();
        references.dedup();
        assert_eq!(references, expected(3000));
    })
    .await;
}

#[tokio::test]
async fn a_message_refused_by_a_full_queue_is_sent_again_until_it_is_accepted() {
    in_namespace(|namespace| async move {
        let producer = namespace.producer().await;
        let queue = namespace.full_queue().to_owned();
        let publish =
            |number: u8| producer.enqueue_raw("", &queue, Properties::default(), vec![number]);
        let mut handles = Vec::new();
        for number in 0..20 {
            handles.push(publish(number).await.expect("a permit"));
        }
        let everything = tokio::spawn(join_all(handles));
        let mut taken = Vec::new();
        soon("all twenty", async {
            while taken.len() < 20 {
                if let Some(message) = namespace.get(&queue).await {
                    taken.push(message.data[0]);
                }
            }
        })
        .await;
        for result in soon("the confirms", everything).await.expect("joined") {
            result.expect("confirmed");
        }
        taken.sort_unstable();
        assert_eq!(taken, (0..20).collect::<Vec<u8>>());
    })
    .await;
}

#[tokio::test]
async fn a_queue_that_stays_full_is_reported_as_full() {
    in_namespace(|namespace| async move {
        let options = Options {
            confirm_timeout: Duration::from_secs(2),
            ..namespace.options()
        };
        let producer = Producer::connect(&url(), options)
            .await
            .expect("a producer");
        let queue = namespace.full_queue().to_owned();
        let publish = || producer.enqueue_raw("", &queue, Properties::default(), Vec::new());
        let mut handles = Vec::new();
        for _ in 0..50 {
            handles.push(publish().await.expect("a permit"));
        }
        let results = soon("all answers", join_all(handles)).await;
        let error = results
            .into_iter()
            .find_map(Result::err)
            .expect("at least one is not taken");
        assert!(error.is_timeout());
        let cause = std::error::Error::source(&error)
            .expect("a cause")
            .to_string();
        assert!(cause.contains("full"), "{cause}");
    })
    .await;
}

#[tokio::test]
async fn a_missing_broker_is_an_error_at_once() {
    let error = Producer::connect("amqp://127.0.0.1:1", Options::default())
        .await
        .expect_err("no listener");
    assert!(matches!(error, Error::Connect(_)));
    for url in ["http://localhost", "localhost", ""] {
        let error = Producer::connect(url, Options::default())
            .await
            .expect_err("no such transport");
        assert!(matches!(error, Error::Url(_)), "{error}");
    }
}

/// Conformance: Broker permissions and senders: One namespace serves one ledger: another database
/// is refused at start, on standby, after a reconnect or a broker restart; a restored copy is
/// accepted
#[tokio::test]
async fn a_producer_of_a_worker_publishes_only_to_the_broker_of_its_ledger() {
    in_namespace(|namespace| async move {
        let relay = Relay::start().await;
        let (own, other) = (Uuid::now_v7(), Uuid::now_v7());
        let options = |id| Options {
            ledger_id: Some(id),
            confirm_timeout: Duration::from_secs(5),
            ..namespace.options()
        };
        let producer = Producer::connect(&relay.url(), options(own)).await;
        let producer = producer.expect("a producer");
        producer.publish(&consume(0)).await.expect("confirmed");
        let error = Producer::connect(&relay.url(), options(other)).await;
        let error = chain(&error.expect_err("another ledger"));
        assert!(error.contains("belongs to another ledger"), "{error}");

        namespace.give_to_ledger(other).await;
        relay.cut();
        let error = producer.publish(&consume(1)).await.expect_err("refused");
        assert!(error.is_timeout(), "{error}");
        let error = chain(&error);
        assert!(error.contains("belongs to another ledger"), "{error}");
        assert_eq!(namespace.references().await, expected(1));
        namespace.give_to_ledger(own).await;
        soon("the right ledger", async {
            while producer.publish(&consume(0)).await.is_err() {}
        })
        .await;
    })
    .await;
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
