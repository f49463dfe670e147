//! `/metrics`: what is counted. No label names a user; every label is one of a closed list.

use std::time::Instant;

use super::{
    Health, STALE,
    checks::Report,
    prober::Probed,
    text::{Text, Unit},
};
use crate::{
    clock::Clock,
    lane::{Condition, Connections, Seen, SeenLane},
    store::{Risk, Ways},
};

impl Health {
    /// Everything, as text.
    pub fn metrics(&self) -> String {
        let Report { ok, .. } = self.ready();
        let mut text = Text::default();
        text.gauge("scrip_info", "Always 1.")
            .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
        text.gauge("scrip_ready", "Whether /readyz says 200.")
            .sample(&[], u8::from(ok));
        text.gauge("scrip_draining", "Whether the worker was asked to stop.")
            .sample(&[], u8::from(self.is_draining()));
        if let Some(watched) = self.0.watched.get() {
            let seen = watched.see();
            let commanded = seen.lanes.iter().filter(|lane| lane.takes_commands);
            let commanded: Vec<&SeenLane> = commanded.collect();
            commands(&mut text, &commanded);
            ways(&mut text, watched.store.ways());
            trouble(&mut text, &commanded);
            lanes(&mut text, &seen);
            if let Some(connections) = &seen.broker {
                broker(&mut text, connections, &seen);
            }
            queues(&mut text, &seen);
            probed(&mut text, &self.probed());
            durability(&mut text, watched.store.durability_risks());
            clock(&mut text, &watched.clock);
        }
        text.into_string()
    }
}

fn commands(text: &mut Text, lanes: &[&SeenLane]) {
    let mut family = text.counter(
        "scrip_commands_total",
        "Commands decided, by result; replayed: decided before.",
    );
    for lane in lanes {
        for (result, count) in lane.stats.results() {
            family.sample(&[("lane", &lane.queue), ("result", result)], count);
        }
    }
    let mut family = text.histogram(
        "scrip_group_commands",
        "Commands of each group that was committed.",
    );
    for lane in lanes {
        family.distribution(&[("lane", &lane.queue)], &lane.stats.sizes, Unit::Count);
    }
    let mut family = text.histogram("scrip_commit_seconds", "How long committing each group took.");
    for lane in lanes {
        family.distribution(&[("lane", &lane.queue)], &lane.stats.commits, Unit::Micros);
    }
    let mut family = text.gauge(
        "scrip_waited_seconds",
        "How old the first command of the last group was when it was taken, by its sender's clock.",
    );
    for lane in lanes {
        let waited = lane.stats.snapshot().waited.as_secs_f64();
        family.sample(&[("lane", &lane.queue)], waited);
    }
}

fn ways(text: &mut Text, ways: &Ways) {
    let mut family = text.counter(
        "scrip_groups_total",
        "Groups committed, by the way: quick, careful, or careful after the quick one in vain.",
    );
    for (way, count) in ways.read() {
        family.sample(&[("way", way)], count);
    }
}

fn trouble(text: &mut Text, lanes: &[&SeenLane]) {
    let mut family = text.counter("scrip_dead_letters_total", "Messages set aside, by reason.");
    for lane in lanes {
        for (reason, count) in lane.stats.dead.read() {
            family.sample(&[("lane", &lane.queue), ("reason", &reason)], count);
        }
    }
    let mut family = text.counter(
        "scrip_retries_total",
        "Groups tried again, by the kind of trouble with the database.",
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
        "scrip_give_backs_total",
        "Times that a lane gave everything back to its queue until the database answers.",
    );
    for lane in lanes {
        family.sample(&[("lane", &lane.queue)], lane.stats.snapshot().given_back);
    }
    let mut family = text.counter("scrip_subscriptions_total", "Times that a lane has subscribed.");
    for lane in lanes {
        family.sample(&[("lane", &lane.queue)], lane.stats.snapshot().subscriptions);
    }
}

fn lanes(text: &mut Text, seen: &Seen) {
    let mut family = text.gauge("scrip_lanes", "Lanes, by what they are doing.");
    for condition in Condition::ALL {
        let lanes = seen.lanes.iter().filter(|lane| lane.condition == condition);
        family.sample(&[("state", condition.as_str())], lanes.count());
    }
    text.gauge("scrip_lanes_expected", "Lanes that there should be.")
        .sample(&[], seen.expected);
    text.gauge(
        "scrip_lanes_registered",
        "Lanes that serve or wait for their turn.",
    )
    .sample(&[], seen.registered);
}

fn broker(text: &mut Text, connections: &Connections, seen: &Seen) {
    let mut family = text.gauge("scrip_broker_connected", "Whether there is a connection.");
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
    let mut family = text.gauge("scrip_broker_blocked", "Whether the broker blocks a connection.");
    for (name, link) in connections.publishers() {
        family.sample(&[("connection", name)], u8::from(link.blocked_since.is_some()));
    }
    let mut family = text.counter(
        "scrip_broker_blocked_seconds_total",
        "How long the broker has blocked a connection.",
    );
    for (name, link) in connections.publishers() {
        family.sample(&[("connection", name)], link.blocked().as_secs_f64());
    }
    let mut family = text.counter(
        "scrip_replies_dropped_total",
        "Replies that were not sent, by reason.",
    );
    for (reason, count) in &seen.lost_replies {
        family.sample(&[("reason", reason)], *count);
    }
    text.counter(
        "scrip_unreadable_queries_total",
        "Queries with unreadable properties, acknowledged without an answer.",
    )
    .sample(&[], seen.unreadable_queries);
    text.counter(
        "scrip_refused_queries_total",
        "Queries refused because their sender gets more bytes of answers than it may.",
    )
    .sample(&[], seen.refused_queries);
    let mut family = text.counter(
        "scrip_rejections_discarded_total",
        "Rejected messages that were logged and not kept as dead letters, by reason.",
    );
    for (reason, count) in &seen.discarded {
        family.sample(&[("reason", reason)], *count);
    }
}

fn queues(text: &mut Text, seen: &Seen) {
    // What is not known any more is not told.
    let Some(queues) = seen.queues.as_ref().filter(|queues| queues.at.elapsed() < STALE) else {
        return;
    };
    let mut family = text.gauge("scrip_queue_messages", "Messages that wait in a queue.");
    for (queue, length) in &queues.by_name {
        family.sample(&[("queue", queue)], length.ready);
    }
    text.gauge("scrip_lag_commands", "Commands that nobody has taken yet.")
        .sample(&[], queues.lag());
}

fn probed(text: &mut Text, probed: &Probed) {
    text.gauge(
        "scrip_database_up",
        "Whether the database answers and takes writes.",
    )
    .sample(&[], u8::from(probed.database.is_good()));
    if let Some(at) = probed.database.at {
        text.gauge(
            "scrip_database_answer_age_seconds",
            "How old the last good answer of the database is.",
        )
        .sample(&[], age(at));
        text.gauge("scrip_database_answer_seconds", "How long it took.")
            .sample(&[], probed.database.took.as_secs_f64());
    }
    if let Some(up) = probed.redis {
        text.gauge("scrip_redis_up", "Whether Redis answers.")
            .sample(&[], u8::from(up));
    }
    let mut family = text.gauge(
        "scrip_job_last_run_timestamp_seconds",
        "When the newest run of each job and status began, whichever worker ran it.",
    );
    let mut told = Vec::new();
    for run in &probed.jobs {
        let status = run.status.to_lowercase();
        let key = (run.name.as_str(), status.clone());
        if !told.contains(&key) {
            family.sample(
                &[("run", &run.name), ("status", &status)],
                run.started_at.timestamp(),
            );
            told.push(key);
        }
    }
}

fn durability(text: &mut Text, risks: Option<Vec<Risk>>) {
    let Some(risks) = risks else { return };
    let mut family = text.gauge(
        "scrip_durability_risk",
        "Whether the database's settings risk acknowledged commands, by risk.",
    );
    for risk in Risk::ALL {
        family.sample(&[("risk", risk.as_str())], u8::from(risks.contains(&risk)));
    }
}

fn clock(text: &mut Text, clock: &Clock) {
    let Some(report) = clock.report() else { return };
    if let Some(difference) = report.difference {
        text.gauge(
            "scrip_clock_difference_seconds",
            "This machine's clock minus the database's; of a file, beyond what its entries and the monotonic clock allow.",
        )
        .sample(&[], difference.as_seconds_f64());
    }
    text.gauge(
        "scrip_clock_stopped",
        "Whether nothing is decided because the clocks differ.",
    )
    .sample(&[], u8::from(report.is_stopped));
}

fn age(at: Instant) -> f64 {
    at.elapsed().as_secs_f64()
}
