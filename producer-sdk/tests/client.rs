//! The client against a real broker. A responder replaces the worker.
#![cfg(feature = "amqp")]
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod broker;

use std::sync::Arc;
use std::time::Duration;

use broker::relay::Relay;
use broker::responder::Responder;
use broker::{in_namespace, soon};
use futures_util::future::join_all;
use producer_sdk::{Client, Command, Error, Options};

fn consume(number: usize) -> Command {
    Command::consume(format!("req-{number:06}"), "user_1", "google:chat")
}

#[tokio::test]
async fn a_command_gets_its_outcome_and_a_query_its_answer() {
    in_namespace(|namespace| async move {
        let _responder = Responder::start(&namespace.channel, &namespace.topology).await;
        let client = namespace.client().await;
        let outcome = soon("the outcome", client.send(&consume(1)))
            .await
            .expect("an outcome");
        assert_eq!(
            (outcome.reference_id.as_str(), outcome.replayed),
            ("req-000001", false)
        );
        assert!(outcome.is_completed());
        let balance = soon("the balance", client.balance("user_1"))
            .await
            .expect("a balance");
        assert_eq!(
            (balance.user_id.as_str(), balance.available_credits),
            ("user_1", 7)
        );
        let error = client
            .balance("user_without_wallet")
            .await
            .expect_err("no wallet");
        assert_eq!(error.answer_code(), Some("wallet_not_found"));
        client.close().await.expect("closed");
        assert!(
            client
                .send(&consume(2))
                .await
                .expect_err("closed")
                .is_closed()
        );
    })
    .await;
}

#[tokio::test]
async fn a_rejected_reply_is_an_error_that_carries_the_rejection() {
    in_namespace(|namespace| async move {
        let _responder = Responder::start(&namespace.channel, &namespace.topology).await;
        let client = namespace.client().await;
        let error = client
            .send(&Command::consume("reject-me", "u", "s"))
            .await
            .expect_err("rejected");
        assert_eq!(
            error
                .rejection()
                .and_then(|rejection| rejection.field.as_deref()),
            Some("type")
        );
    })
    .await;
}

#[tokio::test]
async fn an_outcome_of_another_reference_is_an_error_and_no_answer() {
    in_namespace(|namespace| async move {
        let _responder = Responder::start(&namespace.channel, &namespace.topology).await;
        let client = namespace.client().await;
        let confused = client.send(&Command::consume("confuse-me", "u", "s")).await;
        let error = confused.expect_err("another command's outcome");
        let Error::ForeignReply { asked, found } = &error else {
            panic!("{error:?}")
        };
        assert_eq!((asked.as_str(), found.as_str()), ("confuse-me", "another"));
        assert!(
            client.send(&consume(1)).await.is_ok(),
            "the next command gets its own outcome"
        );
        client.close().await.expect("closed");
    })
    .await;
}

#[tokio::test]
async fn two_thousand_concurrent_commands_each_get_their_own_outcome() {
    in_namespace(|namespace| async move {
        let _responder = Responder::start(&namespace.channel, &namespace.topology).await;
        let client = namespace.client().await;
        let outcomes = join_all((0..2000).map(|number| {
            let client = &client;
            async move { (number, client.send(&consume(number)).await) }
        }));
        for (number, outcome) in soon("all outcomes", outcomes).await {
            assert_eq!(
                outcome.expect("an outcome").reference_id,
                consume(number).reference_id
            );
        }
    })
    .await;
}

#[tokio::test]
async fn without_a_reply_the_deadline_ends_the_wait_and_later_commands_work() {
    in_namespace(|namespace| async move {
        let responder = Responder::start(&namespace.channel, &namespace.topology).await;
        let client = namespace.client().await;
        responder.answering.send_replace(false);
        let error = client
            .send_within(&consume(1), Duration::from_secs(1))
            .await
            .expect_err("no reply");
        let confirmed = matches!(
            error,
            Error::NoReply {
                confirmed: true,
                ..
            }
        );
        assert!(confirmed && error.is_timeout(), "{error:?}");
        responder.answering.send_replace(true);
        let outcome = soon("the outcome", client.send(&consume(1)))
            .await
            .expect("an outcome");
        assert!(
            outcome.replayed,
            "the first command was applied nevertheless"
        );
    })
    .await;
}

#[tokio::test]
async fn a_lost_connection_is_replaced_and_open_commands_are_sent_again() {
    in_namespace(|namespace| async move {
        let responder = Responder::start(&namespace.channel, &namespace.topology).await;
        let relay = Relay::start().await;
        let client = Client::connect(&relay.url(), namespace.options())
            .await
            .expect("a client");
        let client = Arc::new(client);
        soon("the first outcome", client.send(&consume(0)))
            .await
            .expect("an outcome");
        relay.mute(true);
        let sending: Vec<_> = (1..50)
            .map(|number| {
                let client = Arc::clone(&client);
                tokio::spawn(async move { client.send(&consume(number)).await })
            })
            .collect();
        soon("the worker seeing them", async {
            while responder.references.lock().expect("not poisoned").len() < 50 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        relay.cut();
        relay.mute(false);
        for outcome in soon("all outcomes", join_all(sending)).await {
            let outcome = outcome.expect("joined").expect("an outcome");
            assert!(
                outcome.replayed,
                "it was applied before the connection was cut"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn giving_up_frees_the_window() {
    in_namespace(|namespace| async move {
        let responder = Responder::start(&namespace.channel, &namespace.topology).await;
        let options = Options {
            window: 4,
            ..namespace.options()
        };
        let client = Client::connect(&broker::url(), options)
            .await
            .expect("a client");
        responder.answering.send_replace(false);
        let given_up = join_all((0..12).map(|number| {
            let client = &client;
            async move {
                client
                    .send_within(&consume(number), Duration::from_millis(300))
                    .await
            }
        }));
        for result in soon("giving up", given_up).await {
            assert!(result.expect_err("no reply").is_timeout());
        }
        responder.answering.send_replace(true);
        soon("the outcome", client.send(&consume(100)))
            .await
            .expect("an outcome");
    })
    .await;
}

#[tokio::test]
async fn without_a_topology_sending_is_refused_at_once() {
    let namespace = format!("test-{}", uuid::Uuid::now_v7());
    let options = Options {
        namespace,
        ..Options::default()
    };
    let client = Client::connect(&broker::url(), options)
        .await
        .expect("a client");
    let error = soon("the refusal", client.send(&consume(1)))
        .await
        .expect_err("no exchange");
    assert!(error.is_unroutable(), "{error}");
}
