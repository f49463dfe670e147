//! The metrics of `/metrics`. Every label value comes from a closed list, and no label names a
//! user.

use std::{borrow::Cow, fmt, time::Instant};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, prometheus_text},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};
use strum::VariantArray;

use super::{
    Health, STALE,
    checks::Report,
    database_metrics::{durability, reserved, server},
    family::{family, flag, single},
    http_metrics,
    prober::Probed,
};
use crate::{
    clock::Clock,
    pipeline::{Connections, LaneSnapshot, LaneState, WorkerSnapshot},
    position::Positions,
    store::CommitPathCounters,
};

impl Health {
    /// All metrics in the text format of Prometheus.
    pub fn metrics(&self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self.clone()));
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = prometheus_text::encode(&mut text, &registry);
        text
    }
}

/// Most values belong to another part of the worker, so they are read at each scrape.
impl Collector for Health {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Report {
            ok, capabilities, ..
        } = self.ready();
        let to = &mut encoder;
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        family(to, "scrip_info", "Always 1.", [(version, flag(true))])?;
        single(to, "scrip_ready", "1 if /readyz returns 200.", flag(ok))?;
        single(
            to,
            "scrip_draining",
            "1 while the worker stops.",
            flag(self.is_draining()),
        )?;
        family(
            to,
            "scrip_capability_up",
            "1 if the worker serves commands, queries or jobs, or can publish.",
            capabilities.iter().map(|capability| {
                let labels = [("capability", capability.name)];
                (labels, flag(capability.is_available()))
            }),
        )?;
        if let Some(http) = self.0.http.get() {
            http_metrics::http(to, &http.counters)?;
        }
        let Some(watched) = self.0.watched.get() else {
            return Ok(());
        };
        let snapshot = watched.snapshot();
        let commanded = snapshot.lanes.iter().filter(|lane| lane.takes_commands);
        let commanded: Vec<&LaneSnapshot> = commanded.collect();
        commands(to, &commanded)?;
        commit_paths(to, watched.store.commit_paths())?;
        errors(to, &commanded)?;
        lanes(to, &snapshot)?;
        if let Some(connections) = &snapshot.broker {
            broker(to, connections, &snapshot)?;
        }
        queues(to, &snapshot)?;
        probed(to, &self.probed())?;
        durability(to, watched.store.durability_risks())?;
        if let Some(checked) = watched.positions.as_ref().and_then(Positions::checked) {
            single(
                to,
                "scrip_ledger_behind_seconds",
                "Length of the range of acknowledged commits that the database lacks; 0 if it has \
                 all.",
                ConstGauge::new(checked.behind_seconds()),
            )?;
        }
        server(to, watched.store.server_report())?;
        clock(to, &watched.clock)
    }
}

fn commands(to: &mut DescriptorEncoder<'_>, lanes: &[&LaneSnapshot]) -> fmt::Result {
    family(
        to,
        "scrip_commands_total",
        "Decided commands, by result; replayed: decided before.",
        lanes.iter().flat_map(|lane| {
            lane.stats.results().map(|(result, count)| {
                let labels = [("lane", lane.queue.as_str()), ("result", result)];
                (labels, ConstCounter::new(count))
            })
        }),
    )?;
    family(
        to,
        "scrip_group_commands",
        "Number of commands in each committed group.",
        lanes
            .iter()
            .map(|lane| ([("lane", &lane.queue)], lane.stats.sizes.clone())),
    )?;
    family(
        to,
        "scrip_commit_seconds",
        "Duration of the commit of each group.",
        lanes
            .iter()
            .map(|lane| ([("lane", &lane.queue)], lane.stats.commits.clone())),
    )?;
    family(
        to,
        "scrip_waited_seconds",
        "Age of the first command of the last group when the lane took it, by its sender's clock.",
        lanes.iter().map(|lane| {
            let waited = lane.stats.snapshot().waited.as_secs_f64();
            ([("lane", &lane.queue)], ConstGauge::new(waited))
        }),
    )
}

fn commit_paths(to: &mut DescriptorEncoder<'_>, paths: &CommitPathCounters) -> fmt::Result {
    family(
        to,
        "scrip_groups_total",
        "Committed groups, by path; conflict: committed on the pessimistic path after a conflict \
         on the optimistic path.",
        paths
            .read()
            .map(|(path, count)| ([("path", path)], ConstCounter::new(count))),
    )
}

fn errors(to: &mut DescriptorEncoder<'_>, lanes: &[&LaneSnapshot]) -> fmt::Result {
    family(
        to,
        "scrip_dead_letters_total",
        "Dead letters, by reason.",
        lanes.iter().flat_map(|lane| {
            lane.stats.dead.read().into_iter().map(|(reason, count)| {
                let labels = [("lane", Cow::from(&lane.queue)), ("reason", reason)];
                (labels, ConstCounter::new(count))
            })
        }),
    )?;
    family(
        to,
        "scrip_retries_total",
        "Retries of groups, by the kind of database error.",
        lanes.iter().flat_map(|lane| {
            lane.stats.retries.read().into_iter().map(|(kind, count)| {
                let labels = [("lane", Cow::from(&lane.queue)), ("kind", kind)];
                (labels, ConstCounter::new(count))
            })
        }),
    )?;
    family(
        to,
        "scrip_delayed_total",
        "Poisonous messages sent through the delay queue.",
        lanes.iter().map(|lane| {
            let delayed = lane.stats.snapshot().delayed;
            ([("lane", &lane.queue)], ConstCounter::new(delayed))
        }),
    )?;
    family(
        to,
        "scrip_requeues_total",
        "Times that a lane requeued all its messages because the database did not respond.",
        lanes.iter().map(|lane| {
            let requeued = lane.stats.snapshot().requeued;
            ([("lane", &lane.queue)], ConstCounter::new(requeued))
        }),
    )?;
    family(
        to,
        "scrip_subscriptions_total",
        "Times that a lane has subscribed.",
        lanes.iter().map(|lane| {
            let subscriptions = lane.stats.snapshot().subscriptions;
            ([("lane", &lane.queue)], ConstCounter::new(subscriptions))
        }),
    )
}

fn lanes(to: &mut DescriptorEncoder<'_>, snapshot: &WorkerSnapshot) -> fmt::Result {
    family(
        to,
        "scrip_lanes",
        "Lanes for commands, by state.",
        LaneState::VARIANTS.iter().map(|&state| {
            let lanes = snapshot.lanes.iter();
            let lanes = lanes.filter(|lane| lane.takes_commands && lane.state == state);
            ([("state", state.as_str())], ConstGauge::new(lanes.count()))
        }),
    )?;
    single(
        to,
        "scrip_lanes_expected",
        "Lanes that should be registered.",
        ConstGauge::new(snapshot.expected),
    )?;
    single(
        to,
        "scrip_lanes_registered",
        "Lanes that serve or are on standby.",
        ConstGauge::new(snapshot.registered),
    )
}

fn broker(
    to: &mut DescriptorEncoder<'_>,
    connections: &Connections,
    snapshot: &WorkerSnapshot,
) -> fmt::Result {
    let all = connections.named();
    let publishers = connections.publishers();
    family(
        to,
        "scrip_broker_connected",
        "1 if the connection is open.",
        all.map(|(name, link)| ([("connection", name)], flag(link.connected))),
    )?;
    family(
        to,
        "scrip_broker_lost_total",
        "Times that a connection was lost or could not be made.",
        all.map(|(name, link)| ([("connection", name)], ConstCounter::new(link.lost))),
    )?;
    family(
        to,
        "scrip_broker_blocked",
        "1 if the broker blocks the connection.",
        publishers.map(|(name, link)| ([("connection", name)], flag(link.blocked_since.is_some()))),
    )?;
    family(
        to,
        "scrip_broker_blocked_seconds_total",
        "Total time that the broker has blocked the connection.",
        publishers.map(|(name, link)| {
            let blocked = link.blocked().as_secs_f64();
            ([("connection", name)], ConstCounter::new(blocked))
        }),
    )?;
    family(
        to,
        "scrip_replies_dropped_total",
        "Replies that were not sent, by reason.",
        snapshot
            .lost_replies
            .iter()
            .map(|(reason, count)| ([("reason", reason)], ConstCounter::new(*count))),
    )?;
    single(
        to,
        "scrip_unreadable_queries_total",
        "Queries with unreadable properties, acknowledged without a reply.",
        ConstCounter::new(snapshot.unreadable_queries),
    )?;
    single(
        to,
        "scrip_refused_queries_total",
        "Queries refused because their sender exceeded its limit of answer bytes.",
        ConstCounter::new(snapshot.refused_queries),
    )?;
    family(
        to,
        "scrip_rejections_discarded_total",
        "Rejected messages that were logged but did not become dead letters, by reason.",
        snapshot
            .discarded
            .iter()
            .map(|(reason, count)| ([("reason", &**reason)], ConstCounter::new(*count))),
    )
}

fn queues(to: &mut DescriptorEncoder<'_>, snapshot: &WorkerSnapshot) -> fmt::Result {
    // Stale values are not exported.
    let Some(queues) = snapshot
        .queues
        .as_ref()
        .filter(|queues| queues.at.elapsed() < STALE)
    else {
        return Ok(());
    };
    family(
        to,
        "scrip_queue_messages",
        "Messages that wait in a queue.",
        queues
            .by_name
            .iter()
            .map(|(queue, depth)| ([("queue", queue)], ConstGauge::new(depth.ready))),
    )?;
    single(
        to,
        "scrip_lag_commands",
        "Commands that no lane has taken yet.",
        ConstGauge::new(queues.lag()),
    )
}

fn probed(to: &mut DescriptorEncoder<'_>, probed: &Probed) -> fmt::Result {
    single(
        to,
        "scrip_database_up",
        "1 if the database responds and accepts writes.",
        flag(probed.database.is_good()),
    )?;
    if let Some(at) = probed.database.at {
        single(
            to,
            "scrip_database_answer_age_seconds",
            "Age of the last good response of the database.",
            ConstGauge::new(age(at)),
        )?;
        single(
            to,
            "scrip_database_answer_seconds",
            "Duration of the last good response of the database.",
            ConstGauge::new(probed.database.took.as_secs_f64()),
        )?;
    }
    if let Some(up) = probed.redis {
        single(to, "scrip_redis_up", "1 if Redis responds.", flag(up))?;
    }
    reserved(to, probed.reserved)?;
    let mut newest = Vec::new();
    for run in &probed.jobs {
        let labels = [
            ("run", run.name.clone()),
            ("status", run.status.to_lowercase()),
        ];
        if !newest.iter().any(|(known, _)| *known == labels) {
            newest.push((labels, ConstGauge::new(run.started_at.timestamp())));
        }
    }
    family(
        to,
        "scrip_job_last_run_timestamp_seconds",
        "Start of the newest run of each job and status, on any worker.",
        newest,
    )
}

fn clock(to: &mut DescriptorEncoder<'_>, clock: &Clock) -> fmt::Result {
    let Some(report) = clock.report() else {
        return Ok(());
    };
    if let Some(difference) = report.difference {
        single(
            to,
            "scrip_clock_difference_seconds",
            "This machine's clock minus the database's clock; for a file: the deviation beyond \
             what its entries and the monotonic clock allow.",
            ConstGauge::new(difference.as_seconds_f64()),
        )?;
    }
    single(
        to,
        "scrip_clock_stopped",
        "1 if the worker decides no commands because the clocks differ.",
        flag(report.is_stopped),
    )
}

fn age(at: Instant) -> f64 {
    at.elapsed().as_secs_f64()
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
