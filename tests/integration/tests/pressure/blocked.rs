//! A broker that is short of memory: it blocks connections that publish, and no others.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::FutureExt;
use lapin::BasicProperties;
use producer_sdk::{Error, Options, Producer, WhenFull, contract::headers};
use testkit::{
    broker::{TestBroker, header},
    servers::Server,
};

use crate::{
    fixture::{Fixture, drain, in_time, spend},
    publish::{options, publish},
};

const QUEUED: usize = 3_000;
const WINDOW: usize = 10;
const LATER: usize = 500;

async fn alarm(server: &Server) {
    server
        .ctl(&["set_vm_memory_high_watermark", "0.0001"])
        .await;
    in_time("the alarm", async {
        while !server
            .ctl(&["eval", "rabbit_alarm:get_alarms()."])
            .await
            .contains("memory")
        {}
    })
    .await;
}

async fn all_clear(server: &Server) {
    server.ctl(&["set_vm_memory_high_watermark", "0.4"]).await;
}

/// The number of messages in a queue, including unacknowledged ones. It comes from the queue
/// itself, because a list of queues is some seconds old. A connection that has published is blocked
/// and cannot query it.
async fn messages(server: &Server, queue: &str) -> usize {
    let of_queue = format!(
        r#"{{ok, Queue}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"{queue}">>)),
        {{ok, Total, _}} = ra:consistent_query(amqqueue:get_pid(Queue), fun rabbit_fifo:query_messages_total/1),
        Total."#
    );
    let total = server.ctl(&["eval", &of_queue]).await;
    total.trim().parse().expect("a number")
}

/// Conformance: Back pressure and health: While the broker accepts no messages, producers wait, the
/// worker drains and nothing is lost
#[tokio::test(flavor = "multi_thread")]
async fn while_the_broker_blocks_publishers_producers_wait_and_the_worker_drains() {
    let server = Server::start("rabbitmq").await;
    let fixture = Fixture::on(TestBroker::at(server.url()).await).await;
    let queue = fixture.commands_queue();
    for user in ["u", "patient", "hasty"] {
        fixture.fund(user).await;
    }
    let applied = async || {
        let sql = "SELECT count(*) AS n FROM credits_transaction WHERE type = 'consumption'";
        usize::try_from(fixture.count(sql).await).unwrap()
    };
    publish(&fixture.broker, (0..QUEUED).map(|n| spend("u", n))).await;
    // A message for another lane.
    let unrouted = fixture.broker.topology().unrouted();
    fixture
        .broker
        .publish(&unrouted, "", b"{", BasicProperties::default())
        .await;
    let connect = async |when_full| {
        let options = Options {
            window: WINDOW,
            when_full,
            ..options(&fixture.broker)
        };
        Producer::connect(server.url(), options).await.unwrap()
    };
    let patient = connect(WhenFull::Block).await;
    let limit = Duration::from_millis(500);
    let hasty = connect(WhenFull::Timeout(limit)).await;
    alarm(&server).await;
    let enqueued = Arc::new(AtomicUsize::new(0));
    let waiting = tokio::spawn({
        let enqueued = enqueued.clone();
        async move {
            let mut handles = Vec::new();
            for n in 0..LATER {
                handles.push(patient.enqueue(&spend("patient", n)).await.unwrap());
                enqueued.fetch_add(1, SeqCst);
            }
            for handle in handles {
                handle.await.unwrap();
            }
        }
    });
    // The broker may confirm messages that it read before the alarm, which frees some space in the
    // window.
    let mut taken = Vec::new();
    let error = loop {
        match hasty.enqueue(&spend("hasty", taken.len())).await {
            Ok(handle) => taken.push(handle),
            Err(error) => break error,
        }
        assert!(taken.len() < LATER, "the window has no effect");
    };
    assert!(
        matches!(error, Error::WindowFull(waited) if waited == limit),
        "{error}"
    );
    let (mut sent, mut open) = (taken.len(), Vec::new());
    for mut handle in taken {
        match (&mut handle).now_or_never() {
            Some(confirmed) => confirmed.unwrap(),
            None => open.push(handle),
        }
    }
    assert!(open.len() <= WINDOW, "{} are unconfirmed", open.len());

    let mut worker_options = fixture.options("w");
    worker_options.url = server.url().to_owned();
    let worker = fixture.worker_with(worker_options).await;
    in_time("the queue to drain", async {
        while messages(&server, &queue).await > 0 {}
    })
    .await;
    assert!(applied().await >= QUEUED);
    // A message that must be dead-lettered waits, and is still in its queue.
    let dead = fixture.broker.topology().dead();
    assert_eq!(messages(&server, &dead).await, 0);
    assert_eq!(messages(&server, &unrouted).await, 1);
    assert!(!waiting.is_finished(), "the producer did not wait");
    assert!(
        enqueued.load(SeqCst) < LATER / 2,
        "the window has no effect"
    );

    all_clear(&server).await;
    for confirmed in in_time("confirms", futures_util::future::join_all(open)).await {
        confirmed.unwrap();
    }
    in_time("the waiting producer", waiting).await.unwrap();
    let letter = fixture.broker.dead_letters().await.next().await;
    assert_eq!(
        header(&letter, headers::REASON).unwrap(),
        "forbidden_exchange"
    );
    // The producer with the short timeout can publish again.
    hasty.publish(&spend("hasty", sent)).await.unwrap();
    sent += 1;
    let expected = QUEUED + LATER + sent;
    in_time("all commands to be applied", async {
        while applied().await < expected {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let mut replies = fixture.broker.replies().await;
    fixture
        .broker
        .send_with(&spend("u", QUEUED), replies.reply_properties("last"))
        .await;
    replies.outcome().await;
    drain(worker).await;
    assert_eq!(applied().await, expected + 1);
}
