//! A broker that ends, hangs, refuses messages or loses queues, and connections to it that break at
//! any point.

use std::time::Duration;

use integration::faults::{
    bench::{Bench, Verdict},
    fixture::{Fixture, Setup, Via},
};
use testkit::proxy::{Direction, Proxy};

/// The heartbeat in seconds, for rows in which it must expire.
const HEARTBEAT: u32 = 2;
/// The interval at which the broker is polled. The broker has no event for these changes.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// A part of the log lines of a worker that lost its subscription or its whole connection. The AMQP
/// library closes the connection if a message for a closed channel still arrives.
const LOST: &str = " lost, ";

/// The broker is stopped cleanly and started again.
pub async fn restarted(bench: &mut Bench) -> Verdict {
    let times = bench.times(1, 6);
    let mut fixture = bench.fixture(Setup::default()).await;
    let worker = fixture.worker().await;
    for _ in 0..times {
        fixture.moment(500).await;
        fixture.servers.rabbitmq.restart().await;
        let back = fixture.fault();
        fixture.recovered(back).await;
    }
    fixture.finish(vec![worker]).await
}

/// The broker's node is killed and started again.
pub async fn killed(bench: &mut Bench) -> Verdict {
    let times = bench.times(1, 6);
    let mut fixture = bench.fixture(Setup::default()).await;
    let worker = fixture.worker().await;
    for _ in 0..times {
        fixture.moment(500).await;
        fixture.servers.rabbitmq.kill_and_start().await;
        let back = fixture.fault();
        fixture.recovered(back).await;
    }
    fixture.finish(vec![worker]).await
}

/// The connection is cut in the middle of a published message.
pub async fn cut_while_producers_publish(bench: &mut Bench) -> Verdict {
    cut(
        bench,
        through(&[Via::Producers]),
        Direction::ToServer,
        40_000,
    )
    .await
}

/// The connection is cut after the broker received a message and before the producer receives the
/// confirm.
pub async fn cut_while_it_confirms(bench: &mut Bench) -> Verdict {
    cut(
        bench,
        through(&[Via::Producers]),
        Direction::ToClient,
        1_500,
    )
    .await
}

/// The connection is cut before an acknowledgement, so committed commands are delivered again.
pub async fn cut_while_workers_acknowledge(bench: &mut Bench) -> Verdict {
    cut(bench, through(&[Via::Workers]), Direction::ToServer, 600).await
}

/// The connection is cut in the middle of a delivery.
pub async fn cut_while_it_delivers(bench: &mut Bench) -> Verdict {
    cut(bench, through(&[Via::Workers]), Direction::ToClient, 60_000).await
}

fn through(relays: &'static [Via]) -> Setup {
    Setup {
        relays,
        ..Setup::default()
    }
}

/// Cuts the connections after a random number of bytes.
pub async fn cut(bench: &mut Bench, setup: Setup, direction: Direction, within: u64) -> Verdict {
    let times = bench.times(8, 60);
    let mut fixture = bench.fixture(setup).await;
    let worker = fixture.worker().await;
    for _ in 0..times {
        fixture.moment(200).await;
        let bytes = fixture.rng.within(1, within);
        let before = relay(&fixture).cuts();
        relay(&fixture).cut_after(bytes, direction);
        while relay(&fixture).cuts() == before {
            tokio::time::sleep(POLL_INTERVAL / 10).await;
        }
        let cut = fixture.fault();
        fixture.recovered(cut).await;
    }
    fixture.finish(vec![worker]).await
}

fn relay<'a>(fixture: &'a Fixture<'_>) -> &'a Proxy {
    let relay = fixture
        .producers_relay
        .as_ref()
        .or(fixture.workers_relay.as_ref());
    relay.expect("this row has a relay")
}

/// No bytes arrive any more in either direction, and no connection ends.
pub async fn half_open_for_longer_than_the_heartbeat(bench: &mut Bench) -> Verdict {
    let times = bench.times(1, 10);
    let mut fixture = bench
        .fixture(Setup {
            heartbeat: HEARTBEAT,
            relays: &[Via::Workers],
            ..Setup::default()
        })
        .await;
    let worker = fixture.worker().await;
    for _ in 0..times {
        fixture.moment(400).await;
        let times_before = worker.times_logged("broker connection lost");
        relay(&fixture).deafen();
        worker
            .wait_for_more("broker connection lost", times_before)
            .await;
        relay(&fixture).open();
        let open = fixture.fault();
        fixture.recovered(open).await;
    }
    fixture.finish(vec![worker]).await
}

/// The broker blocks publishers, as it does when its memory or its disk is nearly full.
pub async fn blocks_publishers(bench: &mut Bench) -> Verdict {
    let times = bench.times(1, 10);
    let mut fixture = bench.fixture(Setup::default()).await;
    let worker = fixture.worker().await;
    for _ in 0..times {
        fixture.moment(400).await;
        fixture
            .ctl(&["set_vm_memory_high_watermark", "absolute", "1"])
            .await;
        while !fixture
            .ctl(&["list_connections", "--silent", "state"])
            .await
            .contains("blocked")
        {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        fixture.ctl(&["set_vm_memory_high_watermark", "0.4"]).await;
        let open = fixture.fault();
        fixture.recovered(open).await;
    }
    fixture.finish(vec![worker]).await
}

/// The broker closes every channel, as it does after a violation of the protocol. The test causes
/// it with an acknowledgement of an unknown delivery.
pub async fn closes_every_channel(bench: &mut Bench) -> Verdict {
    let times = bench.times(2, 20);
    let mut fixture = bench.fixture(Setup::default()).await;
    let worker = fixture.worker().await;
    for _ in 0..times {
        fixture.moment(400).await;
        let closing = "[gen_server2:cast(C, {method, {'basic.ack', 987654321, false}, none, \
            noflow}) \
                       || C <- rabbit_channel:list()].";
        let times_before = worker.times_logged(LOST);
        fixture.ctl(&["eval", closing]).await;
        let closed = fixture.fault();
        worker.wait_for_more(LOST, times_before).await;
        fixture.recovered(closed).await;
    }
    fixture.finish(vec![worker]).await
}

/// An operator deletes a queue, and the worker declares it again. The queue is empty, because its
/// messages would be lost.
pub async fn a_queue_is_deleted(bench: &mut Bench) -> Verdict {
    let times = bench.times(2, 20);
    let mut fixture = bench.fixture(Setup::default()).await;
    let worker = fixture.worker().await;
    let queue = fixture.broker().topology().commands(0);
    for _ in 0..times {
        fixture.moment(300).await;
        fixture.pause_until_applied().await;
        fixture.ctl(&["delete_queue", &queue]).await;
        let deleted = fixture.fault();
        // Commands that are sent before the new declaration go through the queue for unrouted
        // messages, and may be applied out of order.
        while !fixture
            .ctl(&["list_queues", "--silent", "name"])
            .await
            .contains(&queue)
        {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        fixture.load.go_on();
        fixture.recovered(deleted).await;
    }
    fixture.finish(vec![worker]).await
}
