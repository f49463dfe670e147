//! The window of a producer whose broker does not respond.

use std::{pin::Pin, time::Duration};

use futures_util::{FutureExt, future::join_all};
use producer_sdk::{Error, Options, Producer, Properties, PublishHandle, WhenFull};
use testkit::{
    broker::{TestBroker, broker_url},
    memory::Memory,
    slow::Slow,
};
use tokio::task::unconstrained;

use crate::{
    fixture::{in_time, spend},
    publish::options,
};

type Enqueuing<'a> = Pin<Box<dyn Future<Output = Result<PublishHandle, Error>> + Send + 'a>>;

/// A namespace, and a producer that connects through a relay.
struct Fixture {
    broker: TestBroker,
    relay: Slow,
    producer: Producer,
}

impl Fixture {
    async fn new(choose: impl FnOnce(Options) -> Options) -> Self {
        let broker = TestBroker::start().await;
        let relay = Slow::before(&broker_url()).await;
        let producer = Producer::connect(relay.url(), choose(options(&broker)))
            .await
            .unwrap();
        Self {
            broker,
            relay,
            producer,
        }
    }

    /// Enqueues a command without waiting. The error is the future that waits for space.
    fn enqueue(&self, n: usize) -> Result<PublishHandle, Enqueuing<'_>> {
        let mut enqueuing: Enqueuing<'_> =
            Box::pin(async move { self.producer.enqueue(&spend("u", n)).await });
        // Without `unconstrained` the runtime would make the test yield after many operations.
        match unconstrained(&mut enqueuing).now_or_never() {
            Some(handle) => Ok(handle.unwrap()),
            None => Err(enqueuing),
        }
    }

    async fn expect_queued(&self, count: usize) {
        let queue = self.broker.topology().commands(0);
        self.broker
            .wait_for_ready(&queue, u32::try_from(count).unwrap())
            .await;
    }
}

/// Conformance: Back pressure and health: While the producer window is full, callers wait or get an
/// error, as they chose
#[tokio::test(flavor = "multi_thread")]
async fn callers_wait_for_space_and_cancelled_ones_take_none() {
    const WINDOW: usize = 100;
    let fixture = Fixture::new(|options| Options {
        window: WINDOW,
        when_full: WhenFull::Block,
        ..options
    })
    .await;
    fixture.relay.hold();
    let mut handles: Vec<_> = (0..WINDOW)
        .map(|n| fixture.enqueue(n).ok().unwrap())
        .collect();
    // Dropping the handles frees no space in the window.
    handles.truncate(WINDOW / 2);
    let waiting = (WINDOW..WINDOW + 2_000).map(|n| fixture.enqueue(n).err().unwrap());
    let waiting: Vec<_> = waiting
        .enumerate()
        // Every second caller is cancelled.
        .filter_map(|(n, enqueuing)| (n % 2 == 0).then_some(enqueuing))
        .collect();
    fixture.relay.release();
    let more = in_time("space in the window", join_all(waiting)).await;
    handles.extend(more.into_iter().map(Result::unwrap));
    for confirmed in in_time("confirms", join_all(handles)).await {
        confirmed.unwrap();
    }
    fixture.expect_queued(WINDOW + 1_000).await;

    // The window has the same size as before.
    fixture.relay.hold();
    let handles: Vec<_> = (3_000..3_000 + WINDOW)
        .map(|n| fixture.enqueue(n).ok().unwrap())
        .collect();
    assert!(fixture.enqueue(4_000).is_err(), "the window is too large");
    fixture.relay.release();
    for confirmed in in_time("confirms", join_all(handles)).await {
        confirmed.unwrap();
    }
}

/// Conformance: Back pressure and health: While the producer window is full, callers wait or get an
/// error, as they chose
#[tokio::test(flavor = "multi_thread")]
async fn callers_that_do_not_wait_get_an_error_and_their_messages_use_no_memory() {
    const WINDOW: usize = 20;
    const BODY: usize = 600_000;
    const ATTEMPTS: usize = 500;
    let limit = Duration::from_millis(1);
    let fixture = Fixture::new(|options| Options {
        window: WINDOW,
        when_full: WhenFull::Timeout(limit),
        ..options
    })
    .await;
    let dead = fixture.broker.topology().dead();
    let enqueue = || {
        let body = vec![b'x'; BODY];
        fixture
            .producer
            .enqueue_raw(&dead, "", Properties::default(), body)
    };
    fixture.relay.hold();
    let mut handles = Vec::new();
    for _ in 0..WINDOW {
        handles.push(enqueue().await.unwrap());
    }
    let before = Memory::of_process(std::process::id()).unwrap().megabytes();
    for _ in 0..ATTEMPTS {
        let error = enqueue().await.unwrap_err();
        assert!(
            matches!(error, Error::WindowFull(waited) if waited == limit),
            "{error}"
        );
        assert!(error.is_timeout());
    }
    let grown = Memory::of_process(std::process::id()).unwrap().megabytes() - before;
    // All attempts together are 300 MB.
    assert!(grown < 100.0, "{grown} MB more");
    fixture.relay.release();
    for confirmed in in_time("confirms", join_all(handles)).await {
        confirmed.unwrap();
    }
    fixture
        .broker
        .wait_for_ready(&dead, u32::try_from(WINDOW).unwrap())
        .await;
}

/// Conformance: Back pressure and health: While the producer window is full, callers wait or get an
/// error, as they chose
#[tokio::test(flavor = "multi_thread")]
async fn the_space_of_an_abandoned_message_is_freed_after_its_timeout() {
    const WINDOW: usize = 10;
    let fixture = Fixture::new(|options| Options {
        window: WINDOW,
        when_full: WhenFull::Block,
        confirm_timeout: Duration::from_secs(2),
        ..options
    })
    .await;
    fixture.relay.hold();
    for n in 0..WINDOW {
        let mut publishing = Box::pin(async { fixture.producer.publish(&spend("u", n)).await });
        assert!(unconstrained(&mut publishing).now_or_never().is_none());
        // The future is dropped while the message is unconfirmed and still on its way.
    }
    let next = fixture.enqueue(WINDOW).expect_err("the window is full");
    drop(in_time("space in the window", next).await.unwrap());
    fixture.relay.release();
    let last = spend("u", WINDOW + 1);
    in_time("a confirm", async {
        // The producer replaces a connection without confirms, which takes a moment.
        while let Err(error) = fixture.producer.publish(&last).await {
            assert!(error.is_timeout(), "{error}");
        }
    })
    .await;
}
