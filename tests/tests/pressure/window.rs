//! The window of a producer whose broker is there and says nothing.

use std::{pin::Pin, time::Duration};

use futures_util::{FutureExt, future::join_all};
use producer_sdk::{Error, Options, Producer, Properties, PublishHandle, WhenFull};
use tests::{
    broker::{TestBroker, broker_url},
    memory::Memory,
    slow::Slow,
};
use tokio::task::unconstrained;

use crate::{
    publish::options,
    stage::{in_time, spend},
};

type Enqueuing<'a> = Pin<Box<dyn Future<Output = Result<PublishHandle, Error>> + Send + 'a>>;

/// A namespace, and a producer that reaches it by way of a relay.
struct Stage {
    broker: TestBroker,
    relay: Slow,
    producer: Producer,
}

impl Stage {
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

    /// Enqueues as far as that is possible without waiting.
    fn enqueue(&self, n: usize) -> Result<PublishHandle, Enqueuing<'_>> {
        let mut enqueuing: Enqueuing<'_> =
            Box::pin(async move { self.producer.enqueue(&spend("u", n)).await });
        // Else the runtime lets a test that does so much at once wait for others.
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

#[tokio::test(flavor = "multi_thread")]
async fn callers_wait_for_a_place_and_those_who_give_up_take_none() {
    const WINDOW: usize = 100;
    let stage = Stage::new(|options| Options {
        window: WINDOW,
        when_full: WhenFull::Block,
        ..options
    })
    .await;
    stage.relay.hold();
    let mut handles: Vec<_> = (0..WINDOW).map(|n| stage.enqueue(n).ok().unwrap()).collect();
    // Whoever does not want to know does not get a place for it.
    handles.truncate(WINDOW / 2);
    let waiting = (WINDOW..WINDOW + 2_000).map(|n| stage.enqueue(n).err().unwrap());
    let waiting: Vec<_> = waiting
        .enumerate()
        // Every second one gives up.
        .filter_map(|(n, enqueuing)| (n % 2 == 0).then_some(enqueuing))
        .collect();
    stage.relay.release();
    let more = in_time("places in the window", join_all(waiting)).await;
    handles.extend(more.into_iter().map(Result::unwrap));
    for confirmed in in_time("confirms", join_all(handles)).await {
        confirmed.unwrap();
    }
    stage.expect_queued(WINDOW + 1_000).await;

    // No place is lost, and none was added.
    stage.relay.hold();
    let handles: Vec<_> = (3_000..3_000 + WINDOW)
        .map(|n| stage.enqueue(n).ok().unwrap())
        .collect();
    assert!(stage.enqueue(4_000).is_err(), "there is one place too many");
    stage.relay.release();
    for confirmed in in_time("confirms", join_all(handles)).await {
        confirmed.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_who_chose_so_are_turned_away_and_nothing_of_theirs_is_kept() {
    const WINDOW: usize = 20;
    const BODY: usize = 600_000;
    const ATTEMPTS: usize = 500;
    let limit = Duration::from_millis(1);
    let stage = Stage::new(|options| Options {
        window: WINDOW,
        when_full: WhenFull::Timeout(limit),
        ..options
    })
    .await;
    let dead = stage.broker.topology().dead();
    let enqueue = || {
        let body = vec![b'x'; BODY];
        stage.producer.enqueue_raw(&dead, "", Properties::default(), body)
    };
    stage.relay.hold();
    let mut handles = Vec::new();
    for _ in 0..WINDOW {
        handles.push(enqueue().await.unwrap());
    }
    let before = Memory::of(std::process::id()).unwrap().megabytes();
    for _ in 0..ATTEMPTS {
        let error = enqueue().await.unwrap_err();
        assert!(
            matches!(error, Error::WindowFull(waited) if waited == limit),
            "{error}"
        );
        assert!(error.is_timeout());
    }
    let grown = Memory::of(std::process::id()).unwrap().megabytes() - before;
    // All attempts together are 300 MB.
    assert!(grown < 100.0, "{grown} MB more");
    stage.relay.release();
    for confirmed in in_time("confirms", join_all(handles)).await {
        confirmed.unwrap();
    }
    stage
        .broker
        .wait_for_ready(&dead, u32::try_from(WINDOW).unwrap())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_place_of_a_message_that_nobody_waits_for_is_free_when_its_time_is_over() {
    const WINDOW: usize = 10;
    let stage = Stage::new(|options| Options {
        window: WINDOW,
        when_full: WhenFull::Block,
        confirm_timeout: Duration::from_secs(2),
        ..options
    })
    .await;
    stage.relay.hold();
    for n in 0..WINDOW {
        let mut publishing = Box::pin(async { stage.producer.publish(&spend("u", n)).await });
        assert!(unconstrained(&mut publishing).now_or_never().is_none());
        // Given up on while it is unconfirmed: it is still under way.
    }
    let next = stage.enqueue(WINDOW).expect_err("the window is full");
    drop(in_time("a place", next).await.unwrap());
    stage.relay.release();
    let last = spend("u", WINDOW + 1);
    in_time("a confirm", async {
        // The connection on which nothing was confirmed for so long is replaced, which takes a moment.
        while let Err(error) = stage.producer.publish(&last).await {
            assert!(error.is_timeout(), "{error}");
        }
    })
    .await;
}
