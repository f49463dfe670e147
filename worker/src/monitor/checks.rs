//! The checks of `/livez` and `/readyz`, and the conditions under which they fail.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::{
    Health, STALE, WatchedHttp,
    capabilities::{self, Capability},
    prober::{DatabaseProbe, answers},
};
use crate::{
    clock::ClockReport,
    db::{Risk, ServerReport},
    pipeline::{Connections, LaneState, Queues, WorkerSnapshot},
    position::Positions,
};

/// The results of all checks of one endpoint.
#[derive(Debug)]
pub struct Report {
    /// Whether every check passed.
    pub ok: bool,
    checks: Map<String, Value>,
    /// What the worker can do; empty for `/livez`.
    pub capabilities: Vec<Capability>,
}

impl Report {
    fn new(checks: impl IntoIterator<Item = (&'static str, bool, Value)>) -> Self {
        let mut report = Self {
            ok: true,
            checks: Map::new(),
            capabilities: Vec::new(),
        };
        for (name, ok, mut facts) in checks {
            report.ok &= ok;
            facts["ok"] = ok.into();
            report.checks.insert(name.to_owned(), facts);
        }
        report
    }

    /// The response body.
    pub fn to_json(&self) -> String {
        let mut body = json!({ "ok": self.ok, "checks": self.checks });
        for capability in &self.capabilities {
            body["capabilities"][capability.name] = capability.to_json();
        }
        body.to_string()
    }
}

impl Health {
    /// Checks whether the process works as well as after a restart. It does not check what a
    /// restart cannot fix: database and broker.
    pub fn live(&self) -> Report {
        let Some(watched) = self.0.watched.get().filter(|_| !self.is_draining()) else {
            return Report::new([]);
        };
        let snapshot = watched.snapshot();
        let (turned, good_since) = {
            let probed = self.probed();
            (probed.turned, probed.good_since)
        };
        let limit = watched.stall_timeout;
        let others = watched.tasks.iter().filter(|(_, task)| task.is_finished());
        let ended: Vec<&str> = snapshot
            .ended
            .iter()
            .copied()
            .chain(others.map(|(name, _)| *name))
            .collect();
        let stuck: Vec<&str> = snapshot
            .lanes
            .iter()
            .filter(|lane| is_stuck(lane.stats.heartbeat.busy_for(), good_since, limit))
            .map(|lane| lane.queue.as_str())
            .collect();
        let is_turning = turned.is_none_or(|turned| turned.elapsed() < limit);
        Report::new([
            ("tasks", ended.is_empty(), json!({ "ended": ended })),
            ("lanes", stuck.is_empty(), json!({ "stuck": stuck })),
            (
                "timers",
                is_turning,
                json!({ "ageMs": turned.map(|turned| millis(turned.elapsed())) }),
            ),
        ])
    }

    /// Checks whether a process with an HTTP server and no worker accepts commands. Reading is
    /// possible without the queue, so a balance may be served while this fails.
    fn http_ready(&self, http: &WatchedHttp) -> Report {
        let draining = self.is_draining();
        let state = if draining { "draining" } else { "running" };
        let connected = http.counters.is_connected();
        Report::new([
            ("http", !draining, json!({ "state": state })),
            ("queue", connected, json!({ "connected": connected })),
        ])
    }

    /// Checks whether the worker serves commands, or could serve them as a standby. Other
    /// capabilities are reported and fail no check.
    pub fn ready(&self) -> Report {
        if let Some(http) = self.0.http.get().filter(|http| http.is_alone) {
            return self.http_ready(http);
        }
        let Some(watched) = self.0.watched.get() else {
            let mut report = Report::new([("worker", false, json!({ "state": "starting" }))]);
            let starting = |name| Capability::not(name, "starting", "the worker is starting");
            report.capabilities = capabilities::NAMES.map(starting).into();
            return report;
        };
        let snapshot = watched.snapshot();
        let (database, redis) = {
            let probed = self.probed();
            (probed.database, probed.redis)
        };
        let has_database = database.is_good();
        let draining = self.is_draining();
        let state = if draining { "draining" } else { "running" };
        let mut checks = vec![
            ("worker", !draining, json!({ "state": state })),
            self::database(database),
        ];
        if let Some(connections) = &snapshot.broker {
            checks.push(broker(connections));
        }
        checks.extend(watched.clock.report().map(clock));
        checks.extend([lanes(&snapshot, watched.slow_after), self.lag(&snapshot)]);
        // A risk from the settings of the server does not prevent the worker from serving, and a
        // restart does not fix it. So it never makes the worker unready.
        if let Some(risks) = watched.store.durability_risks() {
            let risks: Vec<&str> = risks.into_iter().map(Risk::as_str).collect();
            checks.push(("durability", true, json!({ "risks": risks })));
        }
        // Commands can go on while lost commits are recovered.
        let checked = watched.positions.as_ref().and_then(Positions::checked);
        checks.extend(checked.map(|checked| {
            let seconds = checked.behind_seconds();
            let facts = json!({ "behindSeconds": seconds, "lost": checked.behind });
            ("acknowledged", true, facts)
        }));
        // The worker serves from the right server, or the check `database` fails. So this check
        // needs a person, and does not make the worker unready.
        let server = watched.store.server_report().as_ref().map(server);
        // Redis is optional, so it never makes the worker unready.
        checks.extend(redis.map(|up| ("redis", true, json!({ "answers": up }))));
        let failed = checks.iter().filter(|(_, ok, _)| !ok);
        let failed: Vec<&str> = failed.map(|(name, ..)| *name).collect();
        let connections = snapshot.broker.as_ref();
        let capabilities = capabilities::all(&failed, connections, has_database);
        let mut report = Report::new(checks);
        report.capabilities = capabilities.into();
        if let Some((name, ok, mut facts)) = server {
            facts["ok"] = ok.into();
            report.checks.insert(name.to_owned(), facts);
        }
        report
    }

    fn lag(&self, snapshot: &WorkerSnapshot) -> (&'static str, bool, Value) {
        let limit = self.0.settings.max_lag;
        let queues = snapshot
            .queues
            .as_ref()
            .filter(|queues| queues.at.elapsed() < STALE);
        let lag = queues.map(Queues::lag);
        let is_good = lag.zip(limit).is_none_or(|(lag, limit)| lag <= limit);
        let waited = snapshot
            .lanes
            .iter()
            .map(|lane| lane.stats.snapshot().waited)
            .max();
        let facts = json!({
            "commands": lag,
            "limit": limit,
            "ageMs": queues.map(|queues| millis(queues.at.elapsed())),
            "lastWaitedMs": waited.map(millis),
        });
        ("lag", is_good, facts)
    }
}

/// Whether a lane is stuck: it has made no progress for longer than `limit`, although database and
/// broker were available all that time.
fn is_stuck(busy_for: Option<Duration>, good_since: Option<Instant>, limit: Duration) -> bool {
    let good_for = good_since.map(|since| since.elapsed());
    busy_for
        .zip(good_for)
        .is_some_and(|(busy, good)| busy.min(good) > limit)
}

fn database(database: DatabaseProbe) -> (&'static str, bool, Value) {
    let facts = json!({
        "ageMs": database.at.map(|at| millis(at.elapsed())),
        "tookMs": database.at.map(|_| millis(database.took)),
        "error": database.error,
    });
    ("database", database.is_good(), facts)
}

fn server(server: &ServerReport) -> (&'static str, bool, Value) {
    let refused = server.refused.iter().map(|(_, count)| count).sum::<u64>();
    let facts = json!({
        "timeline": server.identity.map(|identity| identity.timeline),
        // A number of 64 bits, which not every reader of JSON can hold.
        "system": server.identity.map(|identity| identity.system.to_string()),
        "refused": refused,
        "error": server.alarm,
    });
    ("server", server.alarm.is_none(), facts)
}

fn clock(clock: ClockReport) -> (&'static str, bool, Value) {
    let facts = json!({
        "differenceMs": clock.difference.map(|difference| difference.num_milliseconds()),
        "ageMs": clock.compared.map(|at| millis(at.elapsed())),
        "limitMs": millis(clock.limits.stop),
    });
    ("clock", !clock.is_stopped, facts)
}

/// Commands need the receiving connection alone.
fn broker(connections: &Connections) -> (&'static str, bool, Value) {
    let receiving = &connections.receiving;
    let answered = receiving.answered.map(|at| millis(at.elapsed()));
    let mut facts = json!({ "ageMs": answered });
    for (name, link) in connections.named() {
        facts[name] = link.connected.into();
    }
    let blocked = connections.publishers().into_iter();
    let blocked = blocked.filter_map(|(_, link)| link.blocked_since).min();
    facts["blockedForMs"] = blocked.map(|since| millis(since.elapsed())).into();
    ("broker", answers(receiving), facts)
}

/// Checks the lanes that serve commands.
fn lanes(snapshot: &WorkerSnapshot, slow_after: Duration) -> (&'static str, bool, Value) {
    let lanes = || snapshot.lanes.iter().filter(|lane| lane.takes_commands);
    let count = |state| lanes().filter(|lane| lane.state == state).count();
    let slow: Vec<&str> = lanes()
        .filter(|lane| {
            let busy_for = lane.stats.heartbeat.busy_for();
            busy_for.is_some_and(|busy_for| busy_for > slow_after)
        })
        .map(|lane| lane.queue.as_str())
        .collect();
    let paused = [
        LaneState::AwaitingDatabase,
        LaneState::AwaitingClock,
        LaneState::Retrying,
        LaneState::Alarmed,
    ];
    let is_good = snapshot.registered >= snapshot.expected
        && paused.iter().all(|state| count(*state) == 0)
        && slow.is_empty();
    let facts = json!({
        "expected": snapshot.expected,
        "registered": snapshot.registered,
        "serving": count(LaneState::Serving),
        "standby": count(LaneState::Standby),
        "awaitingDatabase": count(LaneState::AwaitingDatabase),
        "awaitingClock": count(LaneState::AwaitingClock),
        "retrying": count(LaneState::Retrying),
        "alarmed": count(LaneState::Alarmed),
        "slow": slow,
    });
    ("lanes", is_good, facts)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);
    const LONG: Option<Duration> = Some(Duration::from_mins(1));

    fn ago(seconds: u64) -> Option<Instant> {
        Instant::now().checked_sub(Duration::from_secs(seconds))
    }

    #[test]
    fn a_lane_is_stuck_if_it_makes_no_progress_although_database_and_broker_respond() {
        assert!(is_stuck(LONG, ago(60), LIMIT));
    }

    #[test]
    fn a_lane_is_not_stuck_if_database_or_broker_are_or_were_just_unavailable() {
        assert!(!is_stuck(LONG, None, LIMIT), "unavailable");
        assert!(!is_stuck(LONG, ago(1), LIMIT), "just available again");
    }

    #[test]
    fn a_lane_that_is_idle_or_makes_progress_is_not_stuck() {
        assert!(!is_stuck(None, ago(60), LIMIT), "idle");
        assert!(
            !is_stuck(Some(Duration::from_secs(1)), ago(60), LIMIT),
            "at work"
        );
    }

    #[test]
    fn a_report_fails_if_one_check_fails() {
        let passed = ("a", true, json!({}));
        assert!(Report::new([passed.clone()]).ok);
        let report = Report::new([passed, ("b", false, json!({ "x": 1 }))]);
        assert!(!report.ok);
        assert_eq!(
            report.to_json(),
            r#"{"checks":{"a":{"ok":true},"b":{"ok":false,"x":1}},"ok":false}"#
        );
    }
}
