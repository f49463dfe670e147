//! A broker that ends, hangs, refuses, forgets, and connections to it that break anywhere.

use std::time::Duration;

use tests::{
    faults::{
        bench::{Bench, Verdict},
        stage::{Setup, Stage, Via},
    },
    proxy::{Proxy, Way},
};

/// Seconds of the heartbeat, where one has to pass.
const HEARTBEAT: u32 = 2;
/// How often the broker is asked for what it has no event for.
const LOOK: Duration = Duration::from_millis(50);
/// What a worker says whose subscription is gone, or the whole connection: the AMQP library gives up the connection where
/// something is still under way to a channel that it has closed.
const LOST: &str = " was lost; ";

/// Stopped in order, and started.
pub async fn restarted(bench: &mut Bench) -> Verdict {
    let times = bench.times(1, 6);
    let mut stage = bench.stage(Setup::default()).await;
    let worker = stage.worker().await;
    for _ in 0..times {
        stage.moment(500).await;
        stage.servers.rabbitmq.restart().await;
        let back = stage.fault();
        stage.recovered(back).await;
    }
    stage.finish(vec![worker]).await
}

/// The node dies, and is started.
pub async fn killed(bench: &mut Bench) -> Verdict {
    let times = bench.times(1, 6);
    let mut stage = bench.stage(Setup::default()).await;
    let worker = stage.worker().await;
    for _ in 0..times {
        stage.moment(500).await;
        stage.servers.rabbitmq.kill_and_start().await;
        let back = stage.fault();
        stage.recovered(back).await;
    }
    stage.finish(vec![worker]).await
}

/// In the middle of a message.
pub async fn cut_while_producers_publish(bench: &mut Bench) -> Verdict {
    cut(bench, &[Via::Producers], Way::There, 40_000).await
}

/// The broker has the message, and the producer does not learn of it.
pub async fn cut_while_it_confirms(bench: &mut Bench) -> Verdict {
    cut(bench, &[Via::Producers], Way::Back, 1_500).await
}

/// What was committed is delivered again.
pub async fn cut_while_workers_acknowledge(bench: &mut Bench) -> Verdict {
    cut(bench, &[Via::Workers], Way::There, 600).await
}

/// In the middle of a delivery.
pub async fn cut_while_it_delivers(bench: &mut Bench) -> Verdict {
    cut(bench, &[Via::Workers], Way::Back, 60_000).await
}

/// Cuts after a random number of bytes, whatever they belong to.
async fn cut(bench: &mut Bench, relays: &'static [Via], way: Way, within: u64) -> Verdict {
    let times = bench.times(8, 60);
    let mut stage = bench
        .stage(Setup {
            relays,
            ..Setup::default()
        })
        .await;
    let worker = stage.worker().await;
    for _ in 0..times {
        stage.moment(200).await;
        let bytes = stage.dice.within(1, within);
        let before = relay(&stage).cuts();
        relay(&stage).cut_after(bytes, way);
        while relay(&stage).cuts() == before {
            tokio::time::sleep(LOOK / 10).await;
        }
        let cut = stage.fault();
        stage.recovered(cut).await;
    }
    stage.finish(vec![worker]).await
}

fn relay<'a>(stage: &'a Stage<'_>) -> &'a Proxy {
    let relay = stage.producers_relay.as_ref().or(stage.workers_relay.as_ref());
    relay.expect("this row has a relay")
}

/// Nothing arrives any more, in either direction, and no connection ends.
pub async fn half_open_for_longer_than_the_heartbeat(bench: &mut Bench) -> Verdict {
    let times = bench.times(1, 10);
    let mut stage = bench
        .stage(Setup {
            heartbeat: HEARTBEAT,
            relays: &[Via::Workers],
            ..Setup::default()
        })
        .await;
    let worker = stage.worker().await;
    for _ in 0..times {
        stage.moment(400).await;
        let said = worker.times_said("the broker was lost");
        relay(&stage).deafen();
        worker.wait_for_more("the broker was lost", said).await;
        relay(&stage).open();
        let open = stage.fault();
        stage.recovered(open).await;
    }
    stage.finish(vec![worker]).await
}

/// As it does when its memory or its disk is nearly full.
pub async fn blocks_publishers(bench: &mut Bench) -> Verdict {
    let times = bench.times(1, 10);
    let mut stage = bench.stage(Setup::default()).await;
    let worker = stage.worker().await;
    for _ in 0..times {
        stage.moment(400).await;
        stage
            .ctl(&["set_vm_memory_high_watermark", "absolute", "1"])
            .await;
        while !stage
            .ctl(&["list_connections", "--silent", "state"])
            .await
            .contains("blocked")
        {
            tokio::time::sleep(LOOK).await;
        }
        stage.ctl(&["set_vm_memory_high_watermark", "0.4"]).await;
        let open = stage.fault();
        stage.recovered(open).await;
    }
    stage.finish(vec![worker]).await
}

/// As it does after a violation of the protocol: each channel is sent an acknowledgement of nothing.
pub async fn closes_every_channel(bench: &mut Bench) -> Verdict {
    let times = bench.times(2, 20);
    let mut stage = bench.stage(Setup::default()).await;
    let worker = stage.worker().await;
    for _ in 0..times {
        stage.moment(400).await;
        let closing = "[gen_server2:cast(C, {method, {'basic.ack', 987654321, false}, none, noflow}) \
                       || C <- rabbit_channel:list()].";
        let said = worker.times_said(LOST);
        stage.ctl(&["eval", closing]).await;
        let closed = stage.fault();
        worker.wait_for_more(LOST, said).await;
        stage.recovered(closed).await;
    }
    stage.finish(vec![worker]).await
}

/// A queue that an operator deletes takes with it what is in it, so there is nothing in it here. The worker declares it
/// again.
pub async fn a_queue_is_deleted(bench: &mut Bench) -> Verdict {
    let times = bench.times(2, 20);
    let mut stage = bench.stage(Setup::default()).await;
    let worker = stage.worker().await;
    let queue = stage.broker().topology().commands(0);
    for _ in 0..times {
        stage.moment(300).await;
        stage.pause_until_applied().await;
        stage.ctl(&["delete_queue", &queue]).await;
        let deleted = stage.fault();
        // What is sent before it is there again goes by way of the queue for what has no binding, and may come second.
        while !stage
            .ctl(&["list_queues", "--silent", "name"])
            .await
            .contains(&queue)
        {
            tokio::time::sleep(LOOK).await;
        }
        stage.load.go_on();
        stage.recovered(deleted).await;
    }
    stage.finish(vec![worker]).await
}
