//! Single queues are unavailable, because they live on one node only.

use lapin::{
    Connection, ConnectionProperties,
    options::QueueDeclareOptions,
    types::{AMQPValue, FieldTable},
};
use producer_sdk::contract::{Arg, Topology};
use serde_json::Value;

use crate::fixture::Fixture;

/// The node with the queues of one node.
const HOME: usize = 2;

/// Declares a queue on [`HOME`] alone: as a classic queue, or as a quorum queue with one member.
async fn declare_at_home(fixture: &Fixture, queue: &str, kind: &str) {
    let topology: &Topology = &fixture.topology;
    let specs = topology.queues();
    let spec = specs.iter().find(|spec| spec.name == queue).unwrap();
    let mut args = FieldTable::default();
    for (name, arg) in &spec.args {
        let value = match arg {
            Arg::Str(text) => AMQPValue::LongString(text.as_str().into()),
            Arg::Int(number) => AMQPValue::LongLongInt(*number),
            Arg::Bool(truth) => AMQPValue::Boolean(*truth),
        };
        args.insert(name.as_str().into(), value);
    }
    if kind == "classic" {
        args = FieldTable::default();
    } else {
        let size = AMQPValue::LongLongInt(1);
        args.insert("x-quorum-initial-group-size".into(), size);
    }
    args.insert("x-queue-type".into(), AMQPValue::LongString(kind.into()));
    let url = fixture.cluster.url(HOME);
    let connection = Connection::connect(url, ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel
        .queue_declare(queue.into(), QueueDeclareOptions::durable(), args)
        .await
        .unwrap();
    connection.close(200, "bye".into()).await.unwrap();
}

fn state<'a>(report: &'a Value, capability: &str) -> &'a str {
    let state = &report["capabilities"][capability]["state"];
    state.as_str().unwrap_or_default()
}

/// Conformance: Back pressure and health: A failure of queries, jobs or publishing neither keeps
/// commands from being applied nor makes a worker unready, and is reported with its reason
#[tokio::test(flavor = "multi_thread")]
async fn commands_are_applied_and_the_worker_is_ready_without_queries_and_jobs() {
    for kind in ["classic", "quorum"] {
        let mut fixture = Fixture::new(1).await;
        let (queries, jobs) = (fixture.topology.queries(), fixture.topology.jobs());
        declare_at_home(&fixture, &queries, kind).await;
        declare_at_home(&fixture, &jobs, kind).await;
        fixture.cluster.node_mut(HOME).stop().await;
        let began = tokio::time::Instant::now();
        let worker = fixture.deployment.ready_worker().await;
        let url = fixture.cluster.url(1).to_owned();
        fixture.send(&url, "r-1", "ada").await;
        fixture.applied("r-1").await;
        println!(
            "{kind}: commands are applied {:?} after the start",
            began.elapsed()
        );
        let report = fixture
            .health(|report| {
                report["ok"] == true
                    && state(report, "queries") == "unavailable"
                    && state(report, "jobs") == "unavailable"
            })
            .await;
        println!("{kind}: {report}");
        assert_eq!(state(&report, "commands"), "available", "{report}");
        assert_eq!(state(&report, "publishing"), "available", "{report}");
        for capability in ["queries", "jobs"] {
            let reason = &report["capabilities"][capability]["reason"];
            assert!(reason.is_string(), "{report}");
        }

        fixture.cluster.node_mut(HOME).bring_back().await;
        let available = |report: &Value| {
            ["commands", "queries", "jobs", "publishing"]
                .iter()
                .all(|capability| state(report, capability) == "available")
        };
        fixture.health(available).await;
        assert!(worker.terminate().await.success());
    }
}

/// Conformance: Back pressure and health: A lane whose queue is unavailable does not stop the other
/// lanes
#[tokio::test(flavor = "multi_thread")]
async fn a_shard_whose_queue_is_unavailable_does_not_stop_the_others() {
    let mut fixture = Fixture::new(2).await;
    let queue = fixture.topology.commands(1);
    declare_at_home(&fixture, &queue, "quorum").await;
    fixture.cluster.node_mut(HOME).stop().await;
    let worker = fixture.deployment.worker();
    // The lanes of the other shard and of commands without a binding.
    worker.wait_for_more("registered", 1).await;
    let url = fixture.cluster.url(0).to_owned();
    fixture.send(&url, "r-0", &fixture.user_of(0)).await;
    fixture.applied("r-0").await;
    let is_partial = |report: &Value| {
        report["ok"] == false
            && report["checks"]["lanes"]["registered"] == 2
            && report["checks"]["lanes"]["expected"] == 3
    };
    fixture.health(is_partial).await;

    fixture.cluster.node_mut(HOME).bring_back().await;
    fixture.health(|report| report["ok"] == true).await;
    fixture.send(&url, "r-1", &fixture.user_of(1)).await;
    fixture.applied("r-1").await;
    assert!(worker.terminate().await.success());
}
