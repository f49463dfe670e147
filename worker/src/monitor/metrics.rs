//! The metrics of `/metrics`. Every label value comes from a closed list, and no label names a
//! user.

use std::time::Instant;

use strum::VariantArray;

use super::{
    Health, STALE,
    checks::Report,
    prober::Probed,
    text::{Text, Unit},
};
use crate::{
    clock::Clock,
    db::Risk,
    pipeline::{Connections, LaneSnapshot, LaneState, WorkerSnapshot},
    store::CommitPathCounters,
};

impl Health {
    /// All metrics in the text format.
    pub fn metrics(&self) -> String {
        let Report {
            ok, capabilities, ..
        } = self.ready();
        let mut text = Text::default();
        text.gauge("scrip_info", "Always 1.")
            .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
        text.gauge("scrip_ready", "1 if /readyz returns 200.")
            .sample(&[], u8::from(ok));
        text.gauge("scrip_draining", "1 while the worker stops.")
            .sample(&[], u8::from(self.is_draining()));
        let mut family = text.gauge(
            "scrip_capability_up",
            "1 if the worker serves commands, queries or jobs, or can publish.",
        );
        for capability in &capabilities {
            let is_available = u8::from(capability.is_available());
            family.sample(&[("capability", capability.name)], is_available);
        }
        if let Some(watched) = self.0.watched.get() {
            let snapshot = watched.snapshot();
            let commanded = snapshot.lanes.iter().filter(|lane| lane.takes_commands);
            let commanded: Vec<&LaneSnapshot> = commanded.collect();
            commands(&mut text, &commanded);
            commit_paths(&mut text, watched.store.commit_paths());
            errors(&mut text, &commanded);
            lanes(&mut text, &snapshot);
            if let Some(connections) = &snapshot.broker {
                broker(&mut text, connections, &snapshot);
            }
            queues(&mut text, &snapshot);
            probed(&mut text, &self.probed());
            durability(&mut text, watched.store.durability_risks());
            clock(&mut text, &watched.clock);
        }
        text.into_string()
    }
}

fn commands(text: &mut Text, lanes: &[&LaneSnapshot]) {
    let mut family = text.counter(
        "scrip_commands_total",
        "Decided commands, by result; replayed: decided before.",
    );
    for lane in lanes {
        for (result, count) in lane.stats.results() {
            family.sample(&[("lane", &lane.queue), ("result", result)], count);
        }
    }
    let mut family = text.histogram(
        "scrip_group_commands",
        "Number of commands in each committed group.",
    );
    for lane in lanes {
        family.distribution(&[("lane", &lane.queue)], &lane.stats.sizes, Unit::Count);
    }
    let mut family = text.histogram(
        "scrip_commit_seconds",
        "Duration of the commit of each group.",
    );
    for lane in lanes {
        family.distribution(&[("lane", &lane.queue)], &lane.stats.commits, Unit::Micros);
    }
    let mut family = text.gauge(
        "scrip_waited_seconds",
        "Age of the first command of the last group when the lane took it, by its sender's clock.",
    );
    for lane in lanes {
        let waited = lane.stats.snapshot().waited.as_secs_f64();
        family.sample(&[("lane", &lane.queue)], waited);
    }
}

fn commit_paths(text: &mut Text, paths: &CommitPathCounters) {
    let mut family = text.counter(
        "scrip_groups_total",
        "Committed groups, by path; conflict: committed on the pessimistic path after a conflict \
         on the optimistic path.",
    );
    for (path, count) in paths.read() {
        family.sample(&[("path", path)], count);
    }
}

fn errors(text: &mut Text, lanes: &[&LaneSnapshot]) {
    let mut family = text.counter("scrip_dead_letters_total", "Dead letters, by reason.");
    for lane in lanes {
        for (reason, count) in lane.stats.dead.read() {
            family.sample(&[("lane", &lane.queue), ("reason", &reason)], count);
        }
    }
    let mut family = text.counter(
        "scrip_retries_total",
        "Retries of groups, by the kind of database error.",
    );
    for lane in lanes {
        for (kind, count) in lane.stats.retries.read() {
            family.sample(&[("lane", &lane.queue), ("kind", &kind)], count);
        }
    }
    let mut family = text.counter(
        "scrip_delayed_total",
        "Poisonous messages sent through the delay queue.",
    );
    for lane in lanes {
        family.sample(&[("lane", &lane.queue)], lane.stats.snapshot().delayed);
    }
    let mut family = text.counter(
        "scrip_requeues_total",
        "Times that a lane requeued all its messages because the database did not respond.",
    );
    for lane in lanes {
        family.sample(&[("lane", &lane.queue)], lane.stats.snapshot().requeued);
    }
    let mut family = text.counter(
        "scrip_subscriptions_total",
        "Times that a lane has subscribed.",
    );
    for lane in lanes {
        family.sample(
            &[("lane", &lane.queue)],
            lane.stats.snapshot().subscriptions,
        );
    }
}

fn lanes(text: &mut Text, snapshot: &WorkerSnapshot) {
    let mut family = text.gauge("scrip_lanes", "Lanes for commands, by state.");
    for &state in LaneState::VARIANTS {
        let lanes = snapshot.lanes.iter();
        let lanes = lanes.filter(|lane| lane.takes_commands && lane.state == state);
        family.sample(&[("state", state.as_str())], lanes.count());
    }
    text.gauge("scrip_lanes_expected", "Lanes that should be registered.")
        .sample(&[], snapshot.expected);
    text.gauge(
        "scrip_lanes_registered",
        "Lanes that serve or are on standby.",
    )
    .sample(&[], snapshot.registered);
}

fn broker(text: &mut Text, connections: &Connections, snapshot: &WorkerSnapshot) {
    let mut family = text.gauge("scrip_broker_connected", "1 if the connection is open.");
    for (name, link) in connections.named() {
        family.sample(&[("connection", name)], u8::from(link.connected));
    }
    let mut family = text.counter(
        "scrip_broker_lost_total",
        "Times that a connection was lost or could not be made.",
    );
    for (name, link) in connections.named() {
        family.sample(&[("connection", name)], link.lost);
    }
    let mut family = text.gauge(
        "scrip_broker_blocked",
        "1 if the broker blocks the connection.",
    );
    for (name, link) in connections.publishers() {
        family.sample(
            &[("connection", name)],
            u8::from(link.blocked_since.is_some()),
        );
    }
    let mut family = text.counter(
        "scrip_broker_blocked_seconds_total",
        "Total time that the broker has blocked the connection.",
    );
    for (name, link) in connections.publishers() {
        family.sample(&[("connection", name)], link.blocked().as_secs_f64());
    }
    let mut family = text.counter(
        "scrip_replies_dropped_total",
        "Replies that were not sent, by reason.",
    );
    for (reason, count) in &snapshot.lost_replies {
        family.sample(&[("reason", reason)], *count);
    }
    text.counter(
        "scrip_unreadable_queries_total",
        "Queries with unreadable properties, acknowledged without a reply.",
    )
    .sample(&[], snapshot.unreadable_queries);
    text.counter(
        "scrip_refused_queries_total",
        "Queries refused because their sender exceeded its limit of answer bytes.",
    )
    .sample(&[], snapshot.refused_queries);
    let mut family = text.counter(
        "scrip_rejections_discarded_total",
        "Rejected messages that were logged but did not become dead letters, by reason.",
    );
    for (reason, count) in &snapshot.discarded {
        family.sample(&[("reason", reason)], *count);
    }
}

fn queues(text: &mut Text, snapshot: &WorkerSnapshot) {
    // Stale values are not exported.
    let Some(queues) = snapshot
        .queues
        .as_ref()
        .filter(|queues| queues.at.elapsed() < STALE)
    else {
        return;
    };
    let mut family = text.gauge("scrip_queue_messages", "Messages that wait in a queue.");
    for (queue, length) in &queues.by_name {
        family.sample(&[("queue", queue)], length.ready);
    }
    text.gauge("scrip_lag_commands", "Commands that no lane has taken yet.")
        .sample(&[], queues.lag());
}

fn probed(text: &mut Text, probed: &Probed) {
    text.gauge(
        "scrip_database_up",
        "1 if the database responds and accepts writes.",
    )
    .sample(&[], u8::from(probed.database.is_good()));
    if let Some(at) = probed.database.at {
        text.gauge(
            "scrip_database_answer_age_seconds",
            "Age of the last good response of the database.",
        )
        .sample(&[], age(at));
        text.gauge(
            "scrip_database_answer_seconds",
            "Duration of the last good response of the database.",
        )
        .sample(&[], probed.database.took.as_secs_f64());
    }
    if let Some(up) = probed.redis {
        text.gauge("scrip_redis_up", "1 if Redis responds.")
            .sample(&[], u8::from(up));
    }
    let mut family = text.gauge(
        "scrip_job_last_run_timestamp_seconds",
        "Start of the newest run of each job and status, on any worker.",
    );
    let mut sampled = Vec::new();
    for run in &probed.jobs {
        let status = run.status.to_lowercase();
        let key = (run.name.as_str(), status.clone());
        if !sampled.contains(&key) {
            family.sample(
                &[("run", &run.name), ("status", &status)],
                run.started_at.timestamp(),
            );
            sampled.push(key);
        }
    }
}

fn durability(text: &mut Text, risks: Option<Vec<Risk>>) {
    let Some(risks) = risks else { return };
    let mut family = text.gauge(
        "scrip_durability_risk",
        "1 if the settings of the database put acknowledged commands at risk, by risk.",
    );
    for risk in Risk::VARIANTS {
        family.sample(&[("risk", risk.as_str())], u8::from(risks.contains(risk)));
    }
}

fn clock(text: &mut Text, clock: &Clock) {
    let Some(report) = clock.report() else { return };
    if let Some(difference) = report.difference {
        text.gauge(
            "scrip_clock_difference_seconds",
            "This machine's clock minus the database's clock; for a file: the deviation beyond \
             what its entries and the monotonic clock allow.",
        )
        .sample(&[], difference.as_seconds_f64());
    }
    text.gauge(
        "scrip_clock_stopped",
        "1 if the worker decides no commands because the clocks differ.",
    )
    .sample(&[], u8::from(report.is_stopped));
}

fn age(at: Instant) -> f64 {
    at.elapsed().as_secs_f64()
}
