//! Messages that the broker itself makes too large, by a second delivery or by dead-lettering.
//!
//! A consumer of the test is the active consumer of the queue for unrouted commands, and the worker
//! waits for its turn. The consumer receives the first messages and returns them. The messages
//! after them expire.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::{
    Connection, Consumer,
    options::{BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};
use testkit::{broker::TIMEOUT, raw_amqp::RawProperties};
use tokio::time::{sleep, timeout};

use crate::{
    case::{Case, Expected, Size, TIMES},
    fixture::Fixture,
};

/// The consumer of the test.
pub struct HeldBack {
    connection: Connection,
    consumer: Consumer,
    exchange: String,
}

impl HeldBack {
    pub async fn subscribe(fixture: &Fixture) -> Self {
        let connection = fixture.administrator().await;
        let channel = connection.create_channel().await.expect("a channel");
        let prefetch = u16::try_from(TIMES).expect("a small number");
        let qos = channel.basic_qos(prefetch, BasicQosOptions::default());
        qos.await.expect("a prefetch");
        let consumer = channel
            .basic_consume(
                fixture.topology.unrouted().into(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await;
        Self {
            connection,
            consumer: consumer.expect("a subscription"),
            exchange: fixture.topology.usage(),
        }
    }

    /// The two cases, which must be sent in this order.
    pub fn cases(&self) -> [Case; 2] {
        let case = |name| {
            Case::new(name, self.exchange.clone())
                .routing_key(b"unbound")
                .size(Size::LargestFrameAnd(0))
        };
        [
            case("a header that a second delivery lengthens (x-delivery-count)")
                .dead_letter("unreadable_properties", "bytes long, got"),
            case("a header that dead-lettering lengthens (x-death)")
                .property(RawProperties::EXPIRATION, *b"1")
                .expected(Expected::DeadLetter {
                    reason: "unreadable_properties",
                    error: "bytes long, got".to_owned(),
                    by_worker: false,
                }),
        ]
    }

    /// Waits until the later messages have expired, then returns the received ones.
    pub async fn release(mut self, fixture: &Fixture) {
        let dead = fixture.topology.dead();
        let (mut taken, mut expired) = (0, 0);
        let all = async {
            while taken < TIMES {
                self.consumer
                    .next()
                    .await
                    .expect("the queue")
                    .expect("a message");
                taken += 1;
            }
            // The broker has no event for this.
            while expired < TIMES {
                sleep(Duration::from_millis(10)).await;
                expired = fixture.ready_in(&dead).await;
            }
        };
        let is_over = timeout(TIMEOUT, all).await.is_ok();
        assert!(
            is_over,
            "of {TIMES} each, {taken} were received and {expired} have expired"
        );
        self.connection
            .close(200, "bye".into())
            .await
            .expect("closed");
    }
}
