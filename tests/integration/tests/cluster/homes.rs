//! A worker starts while single queues are unavailable, because they live on one node only.

use integration::faults::{bench::Verdict, judge::Findings};
use lapin::{
    Connection, ConnectionProperties,
    options::QueueDeclareOptions,
    types::{AMQPValue, FieldTable},
};
use producer_sdk::amqp::arguments;
use serde_json::Value;
use testkit::process::Worker;

use crate::{
    bench::{Bench, sum},
    fixture::{Fixture, Store},
};

/// The node with the queues of one node.
const HOME: usize = 2;
/// The shards. The queue of the last one is unavailable in one of the namespaces.
const SHARDS: u32 = 2;
const CAPABILITIES: [&str; 4] = ["commands", "queries", "jobs", "publishing"];

/// A namespace in which one queue lives at [`HOME`] only.
struct Homed {
    fixture: Fixture,
    queue: String,
    kind: &'static str,
    worker: Option<Worker>,
}

/// Conformance: Back pressure and health: A failure of queries, jobs or publishing neither keeps
/// commands from being applied nor makes a worker unready, and is reported with its reason
/// Conformance: Back pressure and health: A lane whose queue is unavailable does not stop the other
/// lanes
/// Conformance: Back pressure and health: A worker that starts while the only node of any single
/// queue is down applies commands of the other queues, and of this queue when the node is back
pub async fn a_worker_starts_while_the_home_of_any_queue_is_down(bench: &mut Bench) -> Verdict {
    let mut verdicts = Vec::new();
    for _ in 0..bench.times(1, 3) {
        verdicts.extend(start_without_each(bench).await);
    }
    sum(verdicts)
}

async fn start_without_each(bench: &mut Bench) -> Vec<Verdict> {
    let mut all = Vec::new();
    for (queue, kind) in [
        ("dead", "quorum"),
        ("unrouted", "quorum"),
        ("commands.1", "quorum"),
        ("delay", "quorum"),
        ("jobs", "quorum"),
        ("jobs", "classic"),
        ("queries", "quorum"),
        ("queries", "classic"),
    ] {
        let store = Store::shared().await;
        let fixture = Fixture::undeclared(&bench.cluster, SHARDS, store).await;
        let queue = format!("{}.{queue}", fixture.topology.namespace());
        declare_at_home(bench, &fixture, &queue, kind).await;
        all.push(Homed {
            fixture,
            queue,
            kind,
            worker: None,
        });
    }
    bench.cluster.node_mut(HOME).stop().await;
    for homed in &mut all {
        homed.start(bench).await;
    }
    bench.cluster.bring_back(&[HOME]).await;
    let mut verdicts = Vec::new();
    for homed in all {
        verdicts.push(homed.becomes_available(bench).await);
    }
    verdicts
}

impl Homed {
    /// Starts a worker, which applies the commands of all available queues.
    async fn start(&mut self, bench: &Bench) {
        let url = bench.cluster.url(0);
        self.fixture.listen();
        let began = self.fixture.fault();
        let worker = self.fixture.deployment.worker();
        // The lanes of the shards and of commands without a binding.
        let lanes = SHARDS + 1;
        let missing = ["unrouted", "commands.1"]
            .iter()
            .any(|one| self.queue.ends_with(one));
        let registered = lanes - u32::from(missing);
        worker
            .wait_for_more("registered", usize::try_from(registered).unwrap() - 1)
            .await;
        for shard in 0..SHARDS {
            if self.queue != self.fixture.topology.commands(shard) {
                let user = self.fixture.user_of(shard);
                let reference = format!("down-{shard}");
                self.fixture.send(url, &reference, &user).await;
                self.fixture.applied(&reference).await;
            }
        }
        self.fixture.record(began);
        let capability = ["queries", "jobs"]
            .into_iter()
            .find(|one| self.queue.ends_with(one));
        let is_expected = |report: &Value| {
            let lanes = &report["checks"]["lanes"];
            report["ok"] == !missing
                && lanes["registered"] == registered
                && capability.is_none_or(|one| state(report, one) == "unavailable")
        };
        let report = self.fixture.health(is_expected).await;
        if let Some(capability) = capability {
            let reason = &report["capabilities"][capability]["reason"];
            assert!(reason.is_string(), "{} {}: {report}", self.queue, self.kind);
            assert_eq!(state(&report, "commands"), "available", "{report}");
        }
        self.worker = Some(worker);
    }

    /// Waits until the worker has every capability and applies commands of every shard.
    async fn becomes_available(self, bench: &Bench) -> Verdict {
        let is_available = |report: &Value| {
            let states = CAPABILITIES.map(|capability| state(report, capability) == "available");
            report["ok"] == true && states == [true; 4]
        };
        self.fixture.health(is_available).await;
        for shard in 0..SHARDS {
            let (reference, user) = (format!("up-{shard}"), self.fixture.user_of(shard));
            let url = bench.cluster.url(0);
            self.fixture.send(url, &reference, &user).await;
            self.fixture.applied(&reference).await;
        }
        let worker = self.worker.expect("it has started");
        assert!(worker.terminate().await.success());
        self.fixture.end(&bench.cluster, Findings::default()).await
    }
}

fn state<'a>(report: &'a Value, capability: &str) -> &'a str {
    let state = &report["capabilities"][capability]["state"];
    state.as_str().unwrap_or_default()
}

/// Declares a queue on [`HOME`] alone: as a classic queue, or as a quorum queue with one member.
async fn declare_at_home(bench: &Bench, fixture: &Fixture, queue: &str, kind: &str) {
    let specs = fixture.topology.queues();
    let spec = specs.iter().find(|spec| spec.name == queue).unwrap();
    let mut args = arguments(&spec.args).expect("short names");
    if kind == "classic" {
        args = FieldTable::default();
    } else {
        let size = AMQPValue::LongLongInt(1);
        args.insert("x-quorum-initial-group-size".into(), size);
    }
    args.insert("x-queue-type".into(), AMQPValue::LongString(kind.into()));
    let url = bench.cluster.url(HOME);
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
