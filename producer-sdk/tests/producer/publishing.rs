//! Confirmed, checked, ordered and closing.

use std::time::Instant;

use futures_util::future::join_all;
use lapin::types::ShortString;
use producer_sdk::{Command, contract::bucket};

use super::{consume, expected};
use crate::broker::{in_namespace, soon};

/// Conformance: Amounts, time and spending order: The SDK sets `occurredAt` to the current time if
/// the caller does not
#[tokio::test]
async fn a_confirmed_command_is_in_the_queue_with_all_its_properties() {
    in_namespace(|namespace| async move {
        let producer = namespace.producer().await;
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        soon(
            "the confirm",
            producer.publish(&consume(0).traceparent(trace)),
        )
        .await
        .expect("confirmed");
        let message = namespace
            .read(&namespace.topology.commands(0))
            .await
            .remove(0);
        let properties = &message.properties;
        assert_eq!(
            properties.message_id().as_ref().map(ShortString::as_str),
            Some("req-000000")
        );
        assert_eq!(
            properties.kind().as_ref().map(ShortString::as_str),
            Some("consume")
        );
        assert_eq!(
            properties.content_type().as_ref().map(ShortString::as_str),
            Some("application/json")
        );
        assert_eq!(*properties.delivery_mode(), Some(2));
        assert!(properties.timestamp().is_some());
        let headers = properties.headers().as_ref().expect("headers");
        let header = headers
            .inner()
            .get("traceparent")
            .and_then(|value| value.as_long_string());
        assert_eq!(header.map(ToString::to_string).as_deref(), Some(trace));
        assert_eq!(message.exchange.as_str(), namespace.topology.usage());
        assert_eq!(message.routing_key.as_str(), bucket("user_1").to_string());
        let command = Command::from_json(&message.data).expect("a command");
        assert!(command.occurred_at.is_some(), "occurredAt is stamped");
        producer.close().await.expect("closed");
    })
    .await;
}

#[tokio::test]
async fn each_command_goes_through_its_exchange() {
    in_namespace(|namespace| async move {
        let producer = namespace.producer().await;
        let cutoff = "2026-11-22T10:00:00Z".parse().expect("an instant");
        for (command, exchange) in [
            (
                Command::registration_bonus("g", "u"),
                namespace.topology.funding(),
            ),
            (
                Command::purchase_package("p", "u", "lite", "pi"),
                namespace.topology.funding(),
            ),
            (
                Command::expire("e", "u", cutoff),
                namespace.topology.internal(),
            ),
        ] {
            producer.publish(&command).await.expect("confirmed");
            let message = namespace
                .read(&namespace.topology.commands(0))
                .await
                .remove(0);
            assert_eq!(message.exchange.as_str(), exchange);
        }
    })
    .await;
}

#[tokio::test]
async fn an_invalid_command_is_refused_before_it_is_sent() {
    in_namespace(|namespace| async move {
        let producer = namespace.producer().await;
        let error = producer
            .publish(&consume(0).amount(0))
            .await
            .expect_err("out of range");
        assert!(error.is_rejected());
        assert_eq!(
            error
                .rejection()
                .and_then(|rejection| rejection.field.as_deref()),
            Some("amount")
        );
        assert!(namespace.references().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn twenty_thousand_commands_go_through_the_window_in_order() {
    in_namespace(|namespace| async move {
        let producer = namespace.producer().await;
        let start = Instant::now();
        let mut handles = Vec::new();
        for number in 0..20_000 {
            handles.push(producer.enqueue(&consume(number)).await.expect("a permit"));
        }
        for handle in handles {
            handle.await.expect("confirmed");
        }
        eprintln!("20,000 confirmed in {:?}", start.elapsed());
        producer.close().await.expect("closed");
        assert_eq!(namespace.references().await, expected(20_000));
    })
    .await;
}

#[tokio::test]
async fn close_waits_for_every_confirm_and_then_accepts_nothing() {
    in_namespace(|namespace| async move {
        let producer = namespace.producer().await;
        let clone = producer.clone();
        for number in 0..900 {
            drop(producer.enqueue(&consume(number)).await.expect("a permit"));
        }
        soon("closing", producer.close()).await.expect("closed");
        assert!(
            clone
                .publish(&consume(900))
                .await
                .expect_err("closed")
                .is_closed()
        );
        assert_eq!(namespace.references().await, expected(900));
    })
    .await;
}

#[tokio::test]
async fn dropping_the_last_producer_still_publishes_enqueued_messages() {
    in_namespace(|namespace| async move {
        let producer = namespace.producer().await;
        let mut handles = Vec::new();
        for number in 0..100 {
            handles.push(producer.enqueue(&consume(number)).await.expect("a permit"));
        }
        drop(producer);
        for result in soon("the confirms", join_all(handles)).await {
            result.expect("confirmed");
        }
        assert_eq!(namespace.references().await, expected(100));
    })
    .await;
}
