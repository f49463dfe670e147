//! Guards and metered streams over RabbitMQ and over a file. A responder replaces the worker.
#![cfg(all(feature = "amqp", feature = "embedded"))]
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod broker;
#[path = "embedded/fixture.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod fixture;
mod holds;

mod over_rabbitmq {
    use futures_util::StreamExt;
    use lapin::BasicProperties;
    use lapin::options::{BasicConsumeOptions, BasicPublishOptions};
    use lapin::types::FieldTable;
    use producer_sdk::contract::Reply;
    use producer_sdk::{Client, Command, Options};
    use tokio::sync::mpsc::{self, UnboundedReceiver};

    use crate::broker::{Namespace, in_namespace, url};
    use crate::holds::{self, Decisions, Peer, SHORT};

    async fn respond(namespace: &Namespace) -> UnboundedReceiver<Command> {
        let channel = namespace.channel.clone();
        let mut deliveries = channel
            .basic_consume(
                namespace.topology.commands(0).as_str().into(),
                "".into(),
                BasicConsumeOptions {
                    no_ack: true,
                    ..BasicConsumeOptions::default()
                },
                FieldTable::default(),
            )
            .await
            .expect("a subscription");
        let (received, commands) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut decisions = Decisions::default();
            while let Some(Ok(delivery)) = deliveries.next().await {
                let command = Command::from_json(&delivery.data).expect("a command");
                let outcome = decisions.outcome(&command);
                let _ = received.send(command);
                let Some(outcome) = outcome else { continue };
                let properties = delivery.properties;
                let to = properties.reply_to().clone().expect("a reply queue");
                let id = properties.correlation_id().clone().expect("an id");
                channel
                    .basic_publish(
                        "".into(),
                        to,
                        BasicPublishOptions::default(),
                        &Reply::Outcome(outcome).to_json(),
                        BasicProperties::default().with_correlation_id(id),
                    )
                    .await
                    .expect("a reply");
            }
        });
        commands
    }

    async fn with_peer<F>(scenario: impl FnOnce(Peer) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        in_namespace(|namespace| async move {
            let options = Options {
                deadline: SHORT,
                ..namespace.options()
            };
            let peer = Peer {
                client: namespace.client().await,
                impatient: Client::connect(&url(), options).await.expect("a client"),
                commands: respond(&namespace).await,
            };
            scenario(peer).await;
        })
        .await;
    }

    crate::hold_scenarios!(with_peer);
}

mod over_a_file {
    use producer_sdk::contract::Reply;
    use producer_sdk::{Client, Command, Options};
    use tokio::sync::mpsc::{self, UnboundedSender};

    use crate::fixture::{File, respond_with};
    use crate::holds::{self, Decisions, Peer, SHORT};

    fn decide(
        decisions: &mut Decisions,
        received: &UnboundedSender<Command>,
        body: &[u8],
    ) -> Option<Reply> {
        let command = Command::from_json(body).expect("a command");
        let outcome = decisions.outcome(&command);
        let _ = received.send(command);
        outcome.map(Reply::Outcome)
    }

    async fn with_peer<F>(scenario: impl FnOnce(Peer) -> F)
    where
        F: Future<Output = ()>,
    {
        let file = File::migrated().await;
        let (received, commands) = mpsc::unbounded_channel();
        let mut decisions = Decisions::default();
        let worker = tokio::spawn(respond_with(file.connect().await, move |message| {
            decide(&mut decisions, &received, &message.body)
        }));
        let options = Options {
            deadline: SHORT,
            ..Options::default()
        };
        let peer = Peer {
            client: file.client().await,
            impatient: Client::open(&file.path, options).await.expect("a client"),
            commands,
        };
        scenario(peer).await;
        worker.abort();
    }

    crate::hold_scenarios!(with_peer);
}
